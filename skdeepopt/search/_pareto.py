"""The candidates that no other one beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skdeepopt._validation import did_you_mean

__all__ = ["nondominated", "pareto_rows"]


def nondominated(values: Any) -> np.ndarray:
    """Which rows no other row dominates: is nowhere smaller than, and somewhere larger.

    Parameters
    ----------
    values : array-like of shape (n, k)
        Larger is better in every column. Infinities are allowed.

    Returns
    -------
    on_front : ndarray of shape (n,), bool
        False for rows with a NaN, which dominate no other. Of equal rows, all are kept.

    Raises
    ------
    ValueError
        `values` has other than two axes, or no column.

    References
    ----------
    Kung, Luccio & Preparata (1975), "On Finding the Maxima of a Set of Vectors", Journal of the ACM
    22(4), section 1.

    Examples
    --------
    >>> nondominated([[0.9, -10.0], [0.8, -5.0], [0.8, -10.0], [1.0, float("nan")]]).tolist()
    [True, True, False, False]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"nondominated takes values of shape (n, k), k > 0, not {values.shape}.")
    on_front = ~np.isnan(values).any(axis=1)
    # The order is free, since to dominate is transitive; from the best down, most fall early.
    for row in np.lexsort(-values.T):
        if on_front[row]:
            on_front &= ~_dominated_by(values[row], values)
    return on_front


def pareto_rows(cv_results: Mapping[str, Any], metrics: Sequence[str]) -> list[int]:
    """Rows of the candidates on the front of several metrics, the best of the first metric first.

    Parameters
    ----------
    cv_results : dict of str to array of shape (n_candidates,)
        ``cv_results_`` of a search with several metrics.
    metrics : sequence of str
        Names in its ``scoring``, at least one; larger is better. ``"score"`` where there is one.

    Returns
    -------
    rows : list of int
        Without those that have a NaN in any of the metrics.

    Raises
    ------
    ValueError
        There is no such metric.

    Examples
    --------
    >>> results = {"mean_test_accuracy": [0.8, 0.9, 0.7], "mean_test_neg_model_bytes": [-5, -9, -7]}
    >>> pareto_rows(results, ["accuracy", "neg_model_bytes"])
    [1, 0]
    """
    if isinstance(metrics, str) or not len(metrics):
        raise ValueError(f"pareto_rows takes a list of at least one metric, not {metrics!r}.")
    means = np.column_stack([_mean(cv_results, metric) for metric in metrics])
    rows = np.flatnonzero(nondominated(means))
    # The last key is the first to sort by.
    order = np.lexsort([*(-means[rows, column] for column in reversed(range(len(metrics))))])
    return [int(row) for row in rows[order]]


def _dominated_by(row: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray((row >= values).all(axis=1) & (row > values).any(axis=1))


def _mean(cv_results: Mapping[str, Any], metric: str) -> np.ndarray:
    prefix = "mean_test_"
    if prefix + metric not in cv_results:
        known = [name.removeprefix(prefix) for name in cv_results if name.startswith(prefix)]
        raise ValueError(
            f"The metrics of this search are {', '.join(map(repr, known)) or 'none'}, not "
            f"{metric!r}.{did_you_mean(metric, known)}"
        )
    return np.asarray(cv_results[prefix + metric], dtype=np.float64)
