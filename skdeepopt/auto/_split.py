"""Samples to train on and samples to choose by, told apart by what they are."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import _safe_indexing

from skdeepopt.data._canonical import canonical_order
from skdeepopt.data._rows import as_array, as_rows
from skdeepopt.measurement._measure import first_rows

__all__ = ["Part", "Parts", "divided"]

FEWEST = 20
"""Distinct samples below which none are held out: two or three of them would choose at random."""

_ENOUGH = 1_000
_MOST_FOLDS = 3
"""Samples held out that suffice, in all folds together, and how many folds that may take."""


class Part(NamedTuple):
    """Samples, their targets and weights."""

    X: Any
    y: Any
    sample_weight: Any

    @property
    def n_samples(self) -> int:
        """How many there are."""
        return len(self.y)

    def taken(self, rows: np.ndarray) -> Part:
        """Some of the samples."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Part(_safe_indexing(self.X, rows), self.y[rows], weight)

    def first(self) -> Any:
        """The first sample alone."""
        return first_rows(self.X, 1)

    def score(self, model: Any) -> float:
        """Accuracy of a classifier, coefficient of determination of a regressor."""
        rest = {} if self.sample_weight is None else {"sample_weight": self.sample_weight}
        return float(model.score(self.X, self.y, **rest))


class Parts(NamedTuple):
    """What is trained on, and what is chosen by.

    Parameters
    ----------
    training, validation : Part
        The same where there are too few samples to hold any out.
    whole : Part
        Both.
    order : ndarray of shape (n_training,)
        Rows of the training part in an order that depends on what they are.
    folds : tuple of (Part, Part)
        What is trained on and what is held out, in turn; the first are `training` and
        `validation`. No sample is held out twice.
    """

    training: Part
    validation: Part
    whole: Part
    order: np.ndarray
    folds: tuple[tuple[Part, Part], ...]

    @property
    def is_held_out(self) -> bool:
        """Whether no training sees the samples that are chosen by."""
        return self.training is not self.validation


def divided(
    X: Any,
    y: Any,
    sample_weight: Any,
    fraction: float,
    *,
    seed: int,
    stratify: bool,
    owner: str,
    is_folded: bool = True,
) -> Parts:
    """Training and validation part of checked data; equal samples come into the same one.

    So neither the order of the rows matters, nor whether a sample is repeated or weighted. Where
    few samples are held out, others are in further folds.

    Parameters
    ----------
    X, y, sample_weight
        As in ``fit``, and checked.
    fraction : float
        Share of the distinct samples that is held out.
    seed : int
    stratify : bool
        Hold out that share of each label, where there are two samples of it or more.
    owner : str
        Who asks; opens every message.
    is_folded : bool, default=True
        Whether there may be more folds than one.
    """
    whole = _present(X, y, sample_weight)
    rows = np.asarray(as_rows(whole.X, owner=owner)[0])
    rows = rows if rows.dtype.kind in "biuf" else rows.astype(np.float64)
    order = canonical_order(rows)
    groups = _groups(rows, order)
    labels = whole.y[order]
    held = _held_groups(groups, labels, fraction, seed=seed, stratify=stratify)
    n_folds = _n_folds(int(held[0].sum()), len(held)) if is_folded else 1
    masks = []
    for of_group in held[:n_folds]:
        is_held = np.zeros(len(order), dtype=bool)
        is_held[order] = of_group[groups]
        masks.append(is_held)
    first = masks[0]
    if not first.any():
        return Parts(whole, whole, whole, order, ((whole, whole),))
    folds = tuple(
        (whole.taken(np.flatnonzero(~is_held)), whole.taken(np.flatnonzero(is_held)))
        for is_held in masks
        if is_held.any()
    )
    places = np.cumsum(~first) - 1
    return Parts(*folds[0], whole, places[order[~first[order]]], folds)


def _n_folds(n_held: int, most: int) -> int:
    """Folds, until enough samples are held out to tell networks apart, or none are left."""
    return min(most, _MOST_FOLDS, math.ceil(_ENOUGH / max(n_held, 1)))


def _present(X: Any, y: Any, sample_weight: Any) -> Part:
    """Samples that weigh anything."""
    X = as_array(X, owner="fit") if isinstance(X, torch.Tensor) else X
    y = as_array(y, owner="fit") if isinstance(y, torch.Tensor) else np.asarray(y)
    X = np.stack([np.asarray(x) for x in X]) if isinstance(X, (list, tuple)) else X
    X = X if hasattr(X, "__getitem__") else np.asarray(X)
    y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
    if sample_weight is None:
        return Part(X, y, None)
    weight = np.broadcast_to(np.asarray(sample_weight, dtype=np.float64), len(y))
    part = Part(X, y, weight)
    return part if weight.all() else part.taken(np.flatnonzero(weight))


def _groups(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Number of each sample's content, along the canonical order."""
    new = np.ones(len(order), dtype=bool)
    for start in range(1, len(order), 8192):
        stop = min(start + 8192, len(order))
        both = rows[order[start - 1 : stop]]
        new[start:stop] = (both[1:] != both[:-1]).any(axis=1)
    return np.asarray(np.cumsum(new) - 1)


def _held_groups(
    groups: np.ndarray, y: np.ndarray, fraction: float, *, seed: int, stratify: bool
) -> list[np.ndarray]:
    """For each fold, which groups are held out; no group is in two of them."""
    n_groups = int(groups[-1]) + 1
    none = np.zeros(n_groups, dtype=bool)
    if n_groups < FEWEST:
        return [none]
    n_folds = max(1, int(1 / fraction))
    folds = [none.copy() for _ in range(n_folds)]
    generator = np.random.default_rng(seed)
    first = np.searchsorted(groups, np.arange(n_groups))
    labels = np.unique(_text(y[first]), return_inverse=True)[1] if stratify else 0 * first
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        n_held = min(round(fraction * len(members)), len(members) - 1)
        for at, held in enumerate(folds):
            held[members[at * n_held : (at + 1) * n_held]] = True
    if not folds[0].any():
        folds[0][generator.permutation(n_groups)[: max(2, round(fraction * n_groups))]] = True
        return folds[:1]
    return folds


def _text(labels: np.ndarray) -> np.ndarray:
    return labels.astype(str) if labels.dtype == object else labels
