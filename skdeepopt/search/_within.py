"""Which candidate a search takes where accuracy is only a bound: the cheapest that is within it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from skdeepopt._validation import did_you_mean
from skdeepopt.measurement._scorers import COST_SCORERS

__all__ = ["CheapestWithin", "fastest_within", "smallest_within"]

_PREFIX = "mean_test_"

_ROUNDING = 1e-9
"""What a difference of two means may be off by, so that 0.97 lies within 0.005 of 0.975."""


@dataclass(frozen=True, repr=False)
class CheapestWithin:
    """Index of the candidate with the best cost among those whose score is near the best.

    Made by :func:`smallest_within` and :func:`fastest_within`.

    Parameters
    ----------
    max_drop : float
        Of the mean score, at least 0.
    metric : str or None
        Name of the score; None is the only one that is no cost.
    cost : str
        Name of the cost, larger is better.
    name : str
        Of the function that made it.
    """

    max_drop: float
    metric: str | None
    cost: str
    name: str

    def __post_init__(self) -> None:
        drop = self.max_drop
        allowed = f"{self.name}.max_drop is a finite number of at least 0, not {drop!r}."
        if not isinstance(drop, Real) or isinstance(drop, bool):
            raise TypeError(allowed)
        if not (math.isfinite(drop) and drop >= 0):
            raise ValueError(allowed + (f" Did you mean {-drop:g}?" if math.isfinite(drop) else ""))

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Index of the candidate that is refitted.

        Parameters
        ----------
        cv_results : dict of str to array of shape (n_candidates,)
            ``cv_results_`` of a search.

        Returns
        -------
        best_index : int
            Of several that cost the same, the one with the best score, and then the first.

        Raises
        ------
        ValueError
            The search lacks a metric, or no candidate has both.
        """
        metric = self._check_metrics(cv_results)
        scores, costs = (
            np.asarray(cv_results[_PREFIX + name], dtype=np.float64) for name in (metric, self.cost)
        )
        whole = ~(np.isnan(scores) | np.isnan(costs))
        if not whole.any():
            raise ValueError(
                f"{self!r} takes one of the candidates that have {metric!r} and {self.cost!r}, and "
                f"of {len(scores)} none has both: all are NaN."
            )
        best = scores[whole].max()
        margin = _ROUNDING * max(1.0, abs(best)) if np.isfinite(best) else 0.0
        within = whole & (scores >= best - self.max_drop - margin)
        # The last key is the first to sort by; whoever is out comes last.
        return int(np.lexsort((-scores, -costs, ~within))[0])

    def __repr__(self) -> str:
        default = _DEFAULT_COSTS.get(self.name)
        rest = [] if self.metric is None else [f"metric={self.metric!r}"]
        rest += [] if self.cost == default else [f"cost={self.cost!r}"]
        return f"{self.name}({', '.join([repr(self.max_drop), *rest])})"

    def _check_metrics(self, cv_results: Mapping[str, Any]) -> str:
        """Name of the score, where it and the cost are there."""
        known = [name.removeprefix(_PREFIX) for name in cv_results if name.startswith(_PREFIX)]
        scores = [name for name in known if name not in COST_SCORERS and name != self.cost]
        if self.cost not in known:
            raise ValueError(
                f"{self!r} compares candidates by {self.cost!r}, and the scores of the search are "
                f"{_listed(known)}. Did you mean {self._scoring(scores)}?"
            )
        if self.metric is None:
            return self._only(scores)
        if self.metric not in known:
            raise ValueError(
                f"{self!r}: metric is one of {_listed(scores)}, not {self.metric!r}."
                f"{did_you_mean(self.metric, scores)}"
            )
        return self.metric

    def _only(self, scores: list[str]) -> str:
        if not scores:
            raise ValueError(
                f"{self!r} takes a score besides the costs, and there is none. Did you mean "
                f"{self._scoring(scores)}?"
            )
        if len(scores) > 1:
            raise ValueError(
                f"{self!r}: metric is one of {_listed(scores)} where there are several, not None. "
                f"Did you mean {self.name}({self.max_drop!r}, metric={scores[0]!r})?"
            )
        return scores[0]

    def _scoring(self, scores: list[str]) -> str:
        """What to write for the search to have both."""
        # A search with a single score calls it "score", whichever it is.
        named = [name for name in scores if name != "score"]
        wanted = self.metric or (named[0] if named else "accuracy")
        return f"scoring={[wanted, self.cost]!r}"


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def smallest_within(
    max_drop: float, *, metric: str | None = None, cost: str = "neg_model_bytes"
) -> CheapestWithin:
    """Choice of the smallest model whose score is at most so much below the best, for ``refit``.

    Parameters
    ----------
    max_drop : float
        Of the mean validation score, in its own unit: 0.005 is half a point of accuracy.
    metric : str or None, default=None
        Name of the score in ``scoring``; None is the only one that is no cost.
    cost : str, default="neg_model_bytes"
        Name of the cost in ``scoring``; larger is better.

    Returns
    -------
    choice : callable
        Takes ``cv_results_``, answers with an index. Equal ones compare equal, and it pickles.

    Raises
    ------
    TypeError, ValueError
        `max_drop` is no finite number of at least 0.

    Notes
    -----
    A candidate whose score or cost is NaN is never chosen. Of several that cost the same, the best
    score wins. scikit-learn sets no ``best_score_`` then; ``cv_results_`` has all scores.

    Examples
    --------
    >>> results = {
    ...     "mean_test_accuracy": [0.970, 0.966, 0.940],
    ...     "mean_test_neg_model_bytes": [-90_000, -20_000, -5_000],
    ... }
    >>> smallest_within(0.005)(results)
    1
    """
    return CheapestWithin(max_drop, metric, cost, "smallest_within")


def fastest_within(
    max_drop: float, *, metric: str | None = None, cost: str = "neg_latency_ms"
) -> CheapestWithin:
    """Choice of the fastest model whose score is at most so much below the best, for ``refit``.

    Parameters
    ----------
    max_drop, metric
        As in :func:`smallest_within`.
    cost : str, default="neg_latency_ms"
        Name of the cost in ``scoring``; larger is better.

    Returns
    -------
    choice : callable
        Takes ``cv_results_``, answers with an index.

    Raises
    ------
    TypeError, ValueError
        `max_drop` is no finite number of at least 0.

    Examples
    --------
    >>> fastest_within(0.01)
    fastest_within(0.01)
    """
    return CheapestWithin(max_drop, metric, cost, "fastest_within")


_DEFAULT_COSTS = {"smallest_within": "neg_model_bytes", "fastest_within": "neg_latency_ms"}
