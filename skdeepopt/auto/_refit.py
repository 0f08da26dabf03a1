"""The chosen model trained anew on all samples, those that it was chosen by too."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepopt.auto._recipes import Recipe
from skdeepopt.auto._rows import AutoRow
from skdeepopt.auto._split import Parts
from skdeepopt.auto._trials import Trial, Trials
from skdeepopt.meta._figures import latencies_ms

__all__ = ["holds_frozen", "is_refit_due", "refit_seconds", "refitted"]

_FEW = 10_000
"""Samples below which a sixth more of them makes a model better by more than it costs."""


def is_refit_due(refit: bool | str, estimator: Any, parts: Parts) -> bool:
    """Whether what is chosen is to be trained anew, if there is time.

    Parameters
    ----------
    refit : bool or "auto"
    estimator : estimator
        The baseline; nothing is trained anew where a part of it is frozen.
    parts : Parts
    """
    wanted = parts.whole.n_samples < _FEW if refit == "auto" else bool(refit)
    return wanted and parts.is_held_out and not holds_frozen(estimator)


def refit_seconds(trial: Trial, parts: Parts) -> float:
    """What it is expected to take to train a model anew on all samples.

    Parameters
    ----------
    trial : Trial
    parts : Parts
    """
    more = parts.whole.n_samples / (trial.share * parts.training.n_samples)
    return more * trial.row.train_seconds


def refitted(
    trials: Trials, trial: Trial, row: AutoRow, *, owner: str
) -> tuple[AutoRow, Any] | None:
    """The model trained anew on all samples, and its row; None where it is worse than before.

    The accuracy in the row stays what it was on samples held out.

    Parameters
    ----------
    trials : Trials
    trial : Trial
        The chosen one.
    row : AutoRow
        Its last one.
    owner : str
        Who asks; opens a warning where the training fails.
    """
    recipe = Recipe(f"{row.name}, on all samples", row.recipe, "refit", clone(trial.model))
    try:
        again = trials.run_after(recipe)
    except Exception as error:
        warnings.warn(
            f"{owner} could not fit {row.name!r} again on all samples ({type(error).__name__}: "
            f"{error}), and keeps the model that was chosen.",
            UserWarning,
            stacklevel=3,
        )
        return None
    if not again.scores[0] >= row.accuracy:
        return None  # It does worse on what it has seen than was expected on what it has not.
    one = trials.parts.validation.first()
    (latency,) = latencies_ms([partial(again.model.predict, one)])
    return replace(
        row,
        file_bytes=again.row.file_bytes,
        latency_ms=latency,
        train_seconds=again.row.train_seconds,
    ), again.model


def holds_frozen(estimator: Any) -> bool:
    """Whether a part of an estimator is there already, and is not to be trained.

    Parameters
    ----------
    estimator : estimator
    """
    held = (estimator, *estimator.get_params().values())
    return any(isinstance(each, FrozenEstimator) for each in held)
