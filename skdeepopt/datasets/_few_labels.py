"""A few labelled rows of each class, drawn so that more labels hold the fewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["few_labels"]


def few_labels(
    y: Any, labels_per_class: Sequence[int], *, seed: int, owner: str = "few_labels"
) -> list[np.ndarray]:
    """Rows that hold as many labels of each class as asked for, for each number of labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Classes.
    labels_per_class : sequence of int
        Of at least 1.
    seed : int
        The draw; one that is larger holds those that are smaller.
    owner : str, default="few_labels"
        Who asks; opens every message.

    Returns
    -------
    rows : list of ndarray
        As long as `labels_per_class`; each in an order drawn at random.

    Raises
    ------
    ValueError
        A class has too few rows.

    Examples
    --------
    >>> one, two = few_labels(["a", "b", "a", "b", "b"], [1, 2], seed=0)
    >>> len(one), len(two), set(one) <= set(two)
    (2, 4, True)
    """
    classes, codes, counts = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    most = max(labels_per_class)
    if counts.min() < most:
        raise ValueError(
            f"{owner}.labels_per_class is at most the {counts.min()} rows that the class "
            f"{classes[counts.argmin()].item()!r} has to draw from, not {most}."
        )
    order = np.random.default_rng(seed).permutation(len(codes))
    drawn_before = np.empty(len(codes), dtype=np.intp)
    for code in range(len(classes)):
        drawn_before[codes[order] == code] = np.arange(counts[code])
    return [order[drawn_before < n_labels] for n_labels in labels_per_class]
