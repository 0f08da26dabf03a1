"""What can be wrong with the parameters of an ``AutoOptimizer``."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.multiclass import type_of_target

from skdeepopt._validation import check_choice, check_ratio, check_real, did_you_mean
from skdeepopt.auto._rows import OBJECTIVES
from skdeepopt.engines import check_engine
from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._base import check_base

__all__ = ["TECHNIQUES", "check_auto", "estimator_for", "techniques_of"]

TECHNIQUES = ("tuning", "transfer", "distillation", "pruning", "quantization", "packing")


def check_auto(optimizer: Any) -> None:
    """Check the parameters of an ``AutoOptimizer``.

    Raises
    ------
    TypeError, ValueError, ImportError
        A parameter is out of its range, or an engine is not installed.
    """
    owner = type(optimizer).__name__
    if optimizer.estimator is not None:
        check_base(owner, optimizer.estimator)
    _check_drop(optimizer)
    if not callable(optimizer.objective) or isinstance(optimizer.objective, type):
        check_choice(optimizer, "objective", OBJECTIVES)
    check_real(optimizer, "time_budget", inclusive=False)
    check_ratio(optimizer, "validation_fraction", low_inclusive=False)
    techniques_of(optimizer)
    _check_refit(optimizer)
    if optimizer.engine != "auto":
        check_engine(optimizer.engine, owner=f"{owner}.engine")
    _check_n_jobs(optimizer)
    _check_callbacks(optimizer)


def techniques_of(optimizer: Any) -> frozenset[str]:
    """Techniques that an optimizer may use.

    Raises
    ------
    TypeError, ValueError
        There is no such technique.
    """
    given, where = optimizer.techniques, f"{type(optimizer).__name__}.techniques"
    allowed = f"{where} is 'all' or a list of {', '.join(map(repr, TECHNIQUES))}"
    if isinstance(given, str):
        if given == "all":
            return frozenset(TECHNIQUES)
        slip = (
            f" Did you mean [{given!r}]?" if given in TECHNIQUES else did_you_mean(given, ["all"])
        )
        raise ValueError(f"{allowed}, not {given!r}.{slip}")
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise TypeError(f"{allowed}, not {given!r}.")
    for name in given:
        if name not in TECHNIQUES:
            error = ValueError if isinstance(name, str) else TypeError
            raise error(f"{allowed}, not with {name!r}.{did_you_mean(name, TECHNIQUES)}")
    return frozenset(given)


def estimator_for(estimator: Any, y: Any, *, owner: str) -> Any:
    """The estimator, or a classifier where there is none.

    Parameters
    ----------
    estimator : deep estimator or None
    y : array-like
        None and what is no target is left to the estimator to refuse.
    owner : str
        Who asks; named in the message.

    Raises
    ------
    ValueError
        There is none, and the targets are no classes.
    """
    if estimator is not None:
        return estimator
    try:
        with np.errstate(invalid="ignore"):
            kind = type_of_target(y)
    except (TypeError, ValueError):
        return CNNClassifier()
    if kind.startswith("continuous"):
        raise ValueError(
            f"Unknown label type: {owner} without an estimator takes classes, not {kind} targets. "
            f"Did you mean {owner}(CNNRegressor())?"
        )
    return CNNClassifier()


def _check_drop(optimizer: Any) -> None:
    drop = check_real(optimizer, "max_accuracy_drop")
    classifies = optimizer.estimator is None or is_classifier(optimizer.estimator)
    if drop > 1 and classifies:
        raise ValueError(
            f"{type(optimizer).__name__}.max_accuracy_drop is a share of the answers, in [0, 1] "
            f"for a classifier, not {drop:g}. Did you mean {drop / 100:g}?"
        )


def _check_refit(optimizer: Any) -> None:
    refit = optimizer.refit
    if isinstance(refit, (bool, np.bool_)) or (isinstance(refit, str) and refit == "auto"):
        return
    error = ValueError if isinstance(refit, str) else TypeError
    slip = did_you_mean(refit, ["auto"])
    raise error(f"{type(optimizer).__name__}.refit is True, False or 'auto', not {refit!r}.{slip}")


def _check_n_jobs(optimizer: Any) -> None:
    n_jobs = optimizer.n_jobs
    allowed = f"{type(optimizer).__name__}.n_jobs is None or an integer other than 0"
    if n_jobs is None:
        return
    if not isinstance(n_jobs, numbers.Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"{allowed}, not {n_jobs!r}.")
    if n_jobs == 0:
        raise ValueError(f"{allowed}, not 0. Did you mean None, or -1 for all cores?")


def _check_callbacks(optimizer: Any) -> None:
    where, given = f"{type(optimizer).__name__}.callbacks", optimizer.callbacks
    if given is None:
        return
    if not isinstance(given, (list, tuple)):
        slip = " Did you mean a list of it?" if callable(given) else ""
        raise TypeError(f"{where} is None or a list of callables, not {given!r}.{slip}")
    for callback in given:
        if not callable(callback):
            raise TypeError(f"{where} is None or a list of callables, not with {callback!r}.")
