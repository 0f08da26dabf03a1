"""The strongest compression that stays within a budget of accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import _num_samples

from skdeepopt._validation import check_real
from skdeepopt.data._rows import as_array

__all__ = ["VALIDATION_SHARE", "check_drop", "held_out_rows", "least", "strongest"]

VALIDATION_SHARE = 0.2
"""Share of the samples that a budget is checked on."""

_MOST_TRIALS = 7
_NEAR_ENOUGH = 1.15
"""Factor between a share kept that fits and one that does not at which the search ends."""

Result = TypeVar("Result")


def check_drop(owner: Any) -> None:
    """Check ``owner.max_accuracy_drop``, a share of the answers for a classifier.

    Parameters
    ----------
    owner : estimator
        With an attribute `estimator`.
    """
    drop = check_real(owner, "max_accuracy_drop")
    if drop > 1 and is_classifier(owner.estimator):
        raise ValueError(
            f"{type(owner).__name__}.max_accuracy_drop is a share of the answers, in [0, 1] for "
            f"a classifier, not {drop:g}. Did you mean {drop / 100:g}?"
        )


def strongest(
    attempt: Callable[[float], tuple[Result, bool]], first: float
) -> tuple[float, Result] | None:
    """Largest ratio whose result fits, and that result; None where none does.

    The share that is kept is halved while results fit, doubled up to all while they do not, and
    then bisected on a logarithmic scale.

    Parameters
    ----------
    attempt : callable
        ``attempt(ratio)`` gives a result, and whether it fits.
    first : float
        Ratio to begin with, in [0, 1).

    Examples
    --------
    >>> ratio, _ = strongest(lambda ratio: (None, ratio <= 0.9), first=0.5)
    >>> 0.88 <= ratio <= 0.9
    True
    """
    best: tuple[float, Result] | None = None
    fitting, failing, kept = 1.0, 0.0, 1 - first
    for _ in range(_MOST_TRIALS):
        result, fits = attempt(1 - kept)
        if fits:
            fitting, best = kept, (1 - kept, result)
        else:
            failing = kept
        if failing and fitting / failing < _NEAR_ENOUGH:
            break
        kept = math.sqrt(fitting * failing) if failing else fitting / 2
    return best


def least(attempt: Callable[[int], tuple[Result, bool]], most: int) -> tuple[int, Result]:
    """Smallest count whose result fits, and that result, by bisection; `most` always fits.

    Parameters
    ----------
    attempt : callable
        ``attempt(count)`` gives a result, and whether it fits.
    most : int

    Examples
    --------
    >>> least(lambda count: (count * 10, count >= 3), most=8)
    (3, 30)
    """
    result, fits = attempt(0)
    if fits:
        return 0, result
    low, high, best = 1, most, None
    while low < high:
        middle = (low + high) // 2
        result, fits = attempt(middle)
        if fits:
            high, best = middle, result
        else:
            low = middle + 1
    return high, attempt(high)[0] if best is None else best


def held_out_rows(
    X: Any, y: Any, sample_weight: Any, *, seed: int, stratify: bool
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any]]:
    """Samples to train on, with their weights, and samples to check on.

    Parameters
    ----------
    X, y, sample_weight
        As in ``fit``; weights may be None.
    seed : int
    stratify : bool
        Keep the proportion of the labels, where there are enough of each.

    Raises
    ------
    ValueError
        There is no y, or the lengths differ.
    """
    X = as_array(X, owner="fit") if isinstance(X, torch.Tensor) else X
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None.")
    labels, weighted = np.asarray(y), np.ndim(sample_weight) > 0
    check_consistent_length(X, labels, sample_weight if weighted else None)
    rows = np.arange(_num_samples(X))
    n_held_out = max(1, round(VALIDATION_SHARE * len(rows)))
    by_label = stratify and _can_be_stratified(labels, n_held_out)
    train, held_out = train_test_split(
        rows, test_size=n_held_out, random_state=seed, stratify=labels if by_label else None
    )
    weight = _safe_indexing(sample_weight, train) if weighted else sample_weight
    return (
        (_safe_indexing(X, train), _safe_indexing(labels, train), weight),
        (_safe_indexing(X, held_out), _safe_indexing(labels, held_out)),
    )


def _can_be_stratified(labels: np.ndarray, n_held_out: int) -> bool:
    try:
        counts = np.unique(labels, return_counts=True)[1]
    except TypeError:
        return False  # Labels that no order goes through are refused by what trains on them.
    return bool(counts.min() >= 2 and n_held_out >= len(counts))
