"""What an optimizer is told of each candidate: one finite number, the smaller the better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdeepopt.search._trial import TrialResult

__all__ = ["costs_of", "scalarized"]

_AUGMENTATION = 0.05
"""Share of the sum beside the maximum, so that of two candidates with the same worst metric the
better in the others is preferred."""


def costs_of(
    results: Sequence[TrialResult], metrics: Sequence[str], generator: np.random.RandomState
) -> list[float]:
    """Cost of each result; of those that failed, the worst that was seen.

    Parameters
    ----------
    results : sequence of TrialResult
        At least one.
    metrics : sequence of str
        That guide the search. Several are weighed at random, anew in each call.
    generator : RandomState
        Draws the weights; is not asked for one metric.

    Returns
    -------
    costs : list of float
        Finite, so that a model of them stays sound.

    Notes
    -----
    A failure is told as the worst candidate, not left out: the optimizer is to avoid its
    surroundings.
    """
    means = np.array([[result.mean(name) for name in metrics] for result in results], dtype=float)
    sound = np.isfinite(means).all(axis=1) if means.size else np.zeros(len(results), dtype=bool)
    costs = np.zeros(len(results))
    if not sound.any():
        return costs.tolist()
    if len(metrics) == 1:
        costs[sound] = -means[sound, 0]
    else:
        costs[sound] = scalarized(means[sound], generator.dirichlet(np.ones(len(metrics))))
    costs[~sound] = costs[sound].max()
    return costs.tolist()


def scalarized(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One cost for several metrics: augmented Tchebycheff distance from the best of each.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        Larger is better.
    weights : ndarray of shape (k,)
        Not negative, with a sum of one.

    Returns
    -------
    costs : ndarray of shape (n,)
        Smaller is better; every candidate on the Pareto front is the best for some weights.

    References
    ----------
    Knowles (2006), ParEGO, IEEE Transactions on Evolutionary Computation 10(1), section III.

    Examples
    --------
    >>> scalarized(np.array([[0.9, -10.0], [0.8, -5.0]]), np.array([1.0, 0.0])).round(3).tolist()
    [0.0, 1.05]
    """
    best, worst = values.max(axis=0), values.min(axis=0)
    span = np.where(best > worst, best - worst, 1.0)
    weighted = weights * (best - values) / span
    costs: np.ndarray = weighted.max(axis=1) + _AUGMENTATION * weighted.sum(axis=1)
    return costs
