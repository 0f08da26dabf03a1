"""From what a user passes to tensors that a net trains on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skdeepopt.data._canonical import canonical_order
from skdeepopt.data._layout import ImageLayout
from skdeepopt.training._batches import TensorData

__all__ = [
    "INPUT_TYPES",
    "as_history",
    "as_tensor",
    "auto_batch_size",
    "channel_statistics",
    "held_out",
    "plain_layout",
    "training_data",
]

INPUT_TYPES = (np.float32, np.uint8)
"""Number types that stay what they are in memory; all others become the first."""

_MOST_REPEATS = 8
"""Mean integer sample weight up to which rows are repeated rather than losses weighted."""

_STATISTICS_SAMPLES = 8192
"""Enough for three digits of a mean and a deviation."""

_STATISTICS_CHUNK = 512
"""Images at a time, so that their float copies stay in the processor's cache."""


class _Writable:
    """Claims that memory may be written, so that torch shares it without a warning.

    Nothing here ever writes to the user's arrays.
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Tensor that shares the memory of `array` where it is contiguous, read-only or not."""
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else np.asarray(_Writable(array)))


def plain_layout(X: Any, layout: ImageLayout) -> ImageLayout | None:
    """How an array with nothing wrong is laid out, in a tenth of the time that all checks take.

    Parameters
    ----------
    X : object
    layout : ImageLayout
        Of the data in ``fit``.

    Returns
    -------
    layout : ImageLayout or None
        None where more checks have to say what is wrong, or what X is.
    """
    if type(X) is not np.ndarray or X.dtype.type not in INPUT_TYPES or X.ndim < 2 or not len(X):
        return None
    inner = X.shape[1:]
    if len(inner) > 1 and (inner == layout.shape or (1, *inner) == layout.shape):
        layout = layout if not layout.channels_last else ImageLayout(layout.shape)
    elif inner != (layout.n_features,):
        return None
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        return None
    return layout if X.dtype.isnative else None


def training_data(
    inputs: torch.Tensor,
    rows: np.ndarray,
    targets: np.ndarray,
    sample_weight: np.ndarray | None,
) -> TensorData:
    """Samples in an order of their own, repeated or weighted as `sample_weight` says.

    Parameters
    ----------
    inputs : Tensor of shape (n_samples, ...)
    rows : ndarray of shape (n_samples, n_features)
        The same numbers as `inputs`.
    targets : ndarray of shape (n_samples,) or (n_samples, n_targets)
    sample_weight : ndarray of shape (n_samples,) or None
        Zero leaves a sample out. Integers repeat it, up to a mean of 8; other weights multiply
        its loss, relative to their mean.
    """
    order = canonical_order(rows, targets)
    weights = None
    if sample_weight is not None:
        order = order[sample_weight[order] > 0]
        kept = sample_weight[order]
        whole = (kept == np.floor(kept)).all()
        if whole and (kept / len(kept)).sum() <= _MOST_REPEATS:
            order = np.repeat(order, kept.astype(np.int64))
        else:
            # At most 1 each, since the sum of the largest numbers overflows.
            relative = sample_weight / kept.max()
            weights = torch.from_numpy((relative / relative[order].mean()).astype(np.float32))
    return TensorData(inputs, as_tensor(targets), weights, torch.from_numpy(order))


def held_out(
    data: TensorData, fraction: float, seed: int, *, stratify: bool
) -> tuple[TensorData, TensorData]:
    """Split off a share of the samples, in the proportion of their labels where that works."""
    labels = data.targets[data.index].numpy() if stratify else None
    n_held_out = max(1, round(fraction * len(data)))
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        if counts.min() < 2 or min(n_held_out, len(data) - n_held_out) < len(counts):
            labels = None
    parts = train_test_split(
        data.index.numpy(), test_size=n_held_out, random_state=seed, stratify=labels
    )
    train, validation = (
        TensorData(data.inputs, data.targets, data.weights, torch.from_numpy(part))
        for part in parts
    )
    return train, validation


def auto_batch_size(n_samples: int) -> int:
    """Power of two that gives about fifty steps an epoch, from 16 to 128.

    Examples
    --------
    >>> auto_batch_size(60_000), auto_batch_size(1_800), auto_batch_size(100)
    (128, 32, 16)
    """
    return int(np.clip(2 ** round(np.log2(max(n_samples, 1) / 50)), 16, 128))


def channel_statistics(data: TensorData) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each channel; a constant channel has deviation 1.

    Taken from the first 8,192 samples; in their canonical order these are a random draw. Sums
    are taken around the first chunk's mean, so that a large offset costs no digits.
    """
    index = data.index[:_STATISTICS_SAMPLES]
    centre = _pixels(data, index[:_STATISTICS_CHUNK]).mean((0, 2, 3))
    total = torch.zeros(len(centre), dtype=torch.float64)
    squares = torch.zeros(len(centre), dtype=torch.float64)
    for part in index.split(_STATISTICS_CHUNK):
        centred = _pixels(data, part) - centre.reshape(1, -1, 1, 1)
        total += centred.sum((0, 2, 3))
        squares += centred.square_().sum((0, 2, 3))
    count = len(index) * data.inputs[0, 0].numel()
    offset = total / count
    deviation = (squares / count - offset.square()).clamp_min_(0).sqrt().float()
    return centre + offset.float(), torch.where(deviation > 0, deviation, 1.0)


def _pixels(data: TensorData, rows: torch.Tensor) -> torch.Tensor:
    return data.inputs[rows].float()


def as_history(history: Any) -> list[dict[str, Any]]:
    """Rows of a skorch history as plain dictionaries, without its batches."""
    names = {"dur": "seconds"}
    return [
        {names.get(key, key): value for key, value in row.items() if key != "batches"}
        for row in history.to_list()
    ]
