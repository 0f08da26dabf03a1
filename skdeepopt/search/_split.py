"""One candidate on one split: what runs in a worker."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from skdeepopt.search._trial import Trial

__all__ = ["FitTrial", "Raised", "SplitData", "SplitScores", "evaluate_split", "fit_whole"]

FitTrial: TypeAlias = Callable[
    [Any, Any, Any, dict[str, Any], Trial, bytes | None], tuple[Any, bytes | None]
]
"""Trains a clone that has the trial's parameters on the rows of a split. Takes (estimator, X, y,
fit_params, trial, state), gives the fitted estimator, and a state to go on from, or None."""


def fit_whole(
    estimator: Any, X: Any, y: Any, fit_params: dict[str, Any], trial: Trial, state: bytes | None
) -> tuple[Any, None]:
    """Estimator after a whole ``fit``, and no state.

    Parameters
    ----------
    estimator : estimator
        Has the parameters of the trial. Is fitted in place.
    X, y : array-like
        Training rows of the split; y may be None.
    fit_params : dict
        What else ``fit`` takes, cut to these rows.
    trial : Trial
    state : bytes or None
        Not used: a whole fit goes on from nothing.
    """
    targets = () if y is None else (y,)
    return estimator.fit(X, *targets, **fit_params), None


@dataclass(frozen=True)
class SplitData:
    """All that the trials of a search have in common; sent to a worker once.

    Parameters
    ----------
    splits : list of (ndarray, ndarray)
        Row numbers to train on and to test on.
    scorer : callable
        Takes (estimator, X, y, **score_params); gives a number, or a dict of numbers.
    fit_params, score_params : dict
        For all rows; cut to those of the split.
    with_train_scores : bool
        Score the training rows too.
    passes_errors : bool
        An exception of the candidate is handed back, as :class:`Raised`.
    seed : int or None
        For the estimator, and all inside it, where they have no random state.
    """

    splits: list[tuple[np.ndarray, np.ndarray]]
    scorer: Callable[..., Any]
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    with_train_scores: bool = False
    passes_errors: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class SplitScores:
    """Scores of a trial on one split; times in seconds."""

    test: dict[str, float]
    train: dict[str, float] | None
    fit_time: float
    score_time: float
    state: bytes | None = None


@dataclass(frozen=True)
class Raised:
    """An exception on its way from a worker to who waits for it."""

    error: Exception


def evaluate_split(
    estimator: Any,
    X: Any,
    y: Any,
    common: SplitData,
    trial: Trial | None,
    split: int,
    fit: FitTrial,
    state: bytes | None,
) -> SplitScores | Raised | None:
    """Scores of a trial on a split.

    Parameters
    ----------
    estimator : estimator
        Never changed.
    X, y : array-like
        All rows; y may be None.
    common : SplitData
    trial : Trial or None
        None has nothing to do: its scores are known.
    split : int
        Which of the splits.
    fit : FitTrial
    state : bytes or None
        What `fit` gave for the trial before this one.

    Raises
    ------
    Exception
        Whatever the candidate raises.
    """
    if trial is None:
        return None
    try:
        return _scores(estimator, X, y, common, trial, split, fit, state)
    except Exception as error:
        if not common.passes_errors:
            raise
        return Raised(_portable(error))


def with_parameters(estimator: Any, parameters: Mapping[str, Any], seed: int | None) -> Any:
    """Clone of an estimator with other parameters, and a seed where it has no random state.

    Parameters
    ----------
    estimator : estimator
    parameters : mapping of str to object
        Estimators among the values are cloned.
    seed : int or None
    """
    candidate = clone(estimator).set_params(**clone(dict(parameters), safe=False))
    if seed is None:
        return candidate
    held = candidate.get_params()
    open_ = [n for n, v in held.items() if v is None and n.split("__")[-1] == "random_state"]
    return candidate.set_params(**dict.fromkeys(open_, seed))


def _scores(
    estimator: Any,
    X: Any,
    y: Any,
    common: SplitData,
    trial: Trial,
    split: int,
    fit: FitTrial,
    state: bytes | None,
) -> SplitScores:
    train, test = common.splits[split]
    candidate = with_parameters(estimator, trial.parameters, common.seed)
    train_rows = _safe_split(candidate, X, y, train)
    test_rows = _safe_split(candidate, X, y, test, train)
    fit_params = _check_method_params(X, params=common.fit_params, indices=train)

    started = time.perf_counter()
    rows, targets = train_rows
    fitted, state = fit(candidate, rows, targets, fit_params, trial, state)
    trained = time.perf_counter()
    test_scores = _scored(fitted, X, test_rows, test, common)
    scored = time.perf_counter()
    train_scores = None
    if common.with_train_scores:
        train_scores = _scored(fitted, X, train_rows, train, common)
    return SplitScores(test_scores, train_scores, trained - started, scored - trained, state)


def _scored(
    fitted: Any, X: Any, rows: tuple[Any, Any], indices: np.ndarray, common: SplitData
) -> dict[str, float]:
    params = _check_method_params(X, params=common.score_params, indices=indices)
    targets = () if rows[1] is None else (rows[1],)
    said = common.scorer(fitted, rows[0], *targets, **params)
    scores = said if isinstance(said, dict) else {"score": said}
    return {name: _number(name, value) for name, value in scores.items()}


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):  # how scikit-learn's scorer of several metrics hands on an error
        raise RuntimeError(f"the metric {name!r} failed: {value.strip().splitlines()[-1]}")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the metric {name!r} gives a number, not {value!r}.") from error


def _portable(error: Exception) -> Exception:
    """Error itself, or one with its message where it cannot travel between processes."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
