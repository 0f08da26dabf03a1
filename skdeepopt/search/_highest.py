"""What a table of results says of the candidates that trained longest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skdeepopt.search._trial import TrialResult

__all__ = ["highest_results", "highest_rows", "rank_by_resource"]


def highest_results(results: Iterable[TrialResult]) -> list[TrialResult]:
    """Result of each candidate with the most resource, by number.

    Parameters
    ----------
    results : iterable of TrialResult
    """
    found: dict[int, TrialResult] = {}
    for result in results:
        kept = found.get(result.trial.number)
        if kept is None or (result.trial.resource or 0) > (kept.trial.resource or 0):
            found[result.trial.number] = result
    return [found[number] for number in sorted(found)]


def highest_rows(cv_results: dict[str, Any]) -> np.ndarray:
    """Rows of the candidates with the most resource among those that did not fail.

    Parameters
    ----------
    cv_results : dict of str to array
        With the columns "resource" and "failure".
    """
    resources = np.asarray(cv_results["resource"])
    sound = np.asarray(cv_results["failure"]) == ""
    return np.flatnonzero(sound & (resources == resources[sound].max()))


def rank_by_resource(cv_results: dict[str, Any], names: Sequence[str]) -> None:
    """Rank a table anew: a candidate with more resource comes before any with less, failed last.

    A short training's score is no score of the long one's, even where it is higher.

    Parameters
    ----------
    cv_results : dict of str to array
        Changed.
    names : sequence of str
        The metrics.
    """
    failed = np.asarray(cv_results["failure"]) != ""
    behind = rankdata(-np.asarray(cv_results["resource"]), method="dense")
    for name in names:
        ranks = cv_results[f"rank_test_{name}"]
        order = np.where(failed, np.inf, behind * (ranks.max() + 1.0) + ranks)
        cv_results[f"rank_test_{name}"] = rankdata(order, method="min").astype(ranks.dtype)
