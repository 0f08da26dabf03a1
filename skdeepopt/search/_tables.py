"""The results of a search as scikit-learn tells them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from skdeepopt.search._trial import TrialResult

__all__ = [
    "SINGLE",
    "check_some_succeeded",
    "cv_results_of",
    "failures_of",
    "reasons_told",
    "rows_of",
]

SINGLE = ("score",)
"""Names of the metrics where there is one."""


def cv_results_of(
    search: Any, results: Sequence[TrialResult], names: Sequence[str], error_score: float
) -> dict[str, Any]:
    """Columns of ``cv_results_``, a row for each result.

    Parameters
    ----------
    search : BaseSearchCV
        Whose columns they are.
    results : sequence of TrialResult
        At least one.
    names : sequence of str
        The metrics.
    error_score : float
        Stands for each score of a trial that failed. Its rank is the last whatever that is.

    Returns
    -------
    cv_results : dict of str to array of shape (n_results,)
        scikit-learn's columns, ``"failure"`` (the reason, or ""), and ``"resource"`` where the
        trials count one.
    """
    n_splits = len(results[0].fit_time)
    more: dict[str, list[Any]] = {"failure": [reason_of(result) for result in results]}
    if any(result.trial.resource is not None for result in results):
        more["resource"] = [result.trial.resource for result in results]
    with warnings.catch_warnings():  # about scores that are not finite: that is told in words
        warnings.simplefilter("ignore")
        table: dict[str, Any] = search._format_results(
            [dict(result.trial.parameters) for result in results],
            n_splits,
            [row for result in results for row in _rows(result, names, search.return_train_score)],
            more,
        )
        for kind in ("fit", "score"):  # over the splits that were tried
            times = np.array([getattr(result, f"{kind}_time") for result in results])
            table[f"mean_{kind}_time"] = np.nanmean(times, axis=1)
            table[f"std_{kind}_time"] = np.nanstd(times, axis=1)
    table["failure"] = np.array(more["failure"], dtype=object)
    _mark_failed(table, np.array([result.failure is not None for result in results]), error_score)
    return table


def rows_of(cv_results: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Same columns with fewer rows.

    Parameters
    ----------
    cv_results : dict of str to array or list
    rows : ndarray of shape (n_rows,), int
    """
    return {
        name: [column[row] for row in rows] if isinstance(column, list) else column[rows]
        for name, column in cv_results.items()
    }


def failures_of(results: Sequence[TrialResult]) -> list[tuple[dict[str, Any], str]]:
    """Parameters and reason of each trial that failed.

    Parameters
    ----------
    results : sequence of TrialResult
    """
    return [(dict(r.trial.parameters), reason_of(r)) for r in results if r.failure is not None]


def reason_of(result: TrialResult) -> str:
    """Why a trial failed, empty where it did not.

    Parameters
    ----------
    result : TrialResult
    """
    return "" if result.failure is None else result.failure.reason


def _rows(result: TrialResult, names: Sequence[str], with_train: bool) -> list[dict[str, Any]]:
    """A dict for each split, as scikit-learn's own evaluation gives it."""
    rows: list[dict[str, Any]] = []
    for split, (fit_time, score_time) in enumerate(
        zip(result.fit_time, result.score_time, strict=True)
    ):
        row = {"fit_time": fit_time, "score_time": score_time}
        row["test_scores"] = _split_scores(result.test_scores, names, split)
        if with_train:
            row["train_scores"] = _split_scores(result.train_scores or {}, names, split)
        rows.append(row)
    return rows


def _split_scores(scores: dict[str, np.ndarray], names: Sequence[str], split: int) -> Any:
    told = {name: float(scores[name][split]) if name in scores else np.nan for name in names}
    return told["score"] if tuple(names) == SINGLE else told


def _mark_failed(table: dict[str, Any], failed: np.ndarray, error_score: float) -> None:
    """Fill in the scores of what failed, after the ranks have been given without them."""
    for name, column in table.items():
        if "_test_" in name or "_train_" in name:
            if name.startswith(("mean_", "split")):
                column[failed] = error_score
            elif name.startswith("std_") and np.isfinite(error_score):
                column[failed] = 0.0


def check_some_succeeded(
    owner: str, results: Sequence[TrialResult], names: Sequence[str], *, kept: Any
) -> None:
    """Check that there is something to choose from.

    Parameters
    ----------
    owner : str
        Opens the message.
    results : sequence of TrialResult
    names : sequence of str
        The metrics.
    kept : path or None
        Journal, named in the message.

    Raises
    ------
    ValueError
        Every trial has failed, or a metric is NaN for all.
    """
    where = "" if kept is None else f" What was tried is kept in {kept}."
    if all(result.failure is not None for result in results):
        raise ValueError(
            f"{owner}: all {len(results)} candidates failed: {reasons_told(failures_of(results))}. "
            f"Did you mean error_score='raise', to see where?{where}"
        )
    for name in names:
        if all(np.isnan(result.mean(name)) for result in results):
            raise ValueError(
                f"{owner}: the metric {name!r} is NaN for all {len(results)} candidates.{where}"
            )


def reasons_told(failures: Sequence[tuple[Any, str]], most: int = 3) -> str:
    """The most frequent reasons, with how often each was given.

    Parameters
    ----------
    failures : sequence of (parameters, reason)
    most : int, default=3

    Examples
    --------
    >>> reasons_told([({}, "ValueError: no"), ({}, "ValueError: no"), ({}, "MemoryError")])
    '2 times ValueError: no; 1 time MemoryError'
    """
    counted = Counter(reason for _, reason in failures).most_common()
    told = [f"{n} time{'s' * (n > 1)} {reason.rstrip('.')}" for reason, n in counted[:most]]
    rest = len(counted) - most
    return "; ".join([*told, *([f"{rest} other reasons"] if rest > 0 else [])])
