"""Tensors of schema 2, of mostly zeros: the numbers that are not zero and the gaps between them.

The gap to a number is how many zeros lie between it and the one before, in 8 bits. Where a gap is
longer, a zero is kept as a filler. Values are told apart by their bits: a negative zero is kept.

References
----------
Han, Mao & Dally (2016), "Deep Compression", arXiv:1510.00149, section 2.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from skdeepopt.coding._arrays import MAX_DIMENSIONS
from skdeepopt.coding._stored import StoredTensor
from skdeepopt.storage._tensors import DTYPES

__all__ = ["to_dense"]

_REACH: Final = 2**8
"""Numbers that one kept number stands for at most: itself, and the longest gap before it."""


def to_dense(values: StoredTensor, gaps: StoredTensor, shape: object) -> StoredTensor:
    """All numbers of a tensor.

    Memory is taken after the shape was held against the number of kept numbers, so that it is
    bounded by the file: a kept number stands for 256 at most.

    Raises
    ------
    ValueError
        The parts contradict each other; the message goes on after "a sparse tensor".
    """
    number_bytes = DTYPES[values.dtype].size_bytes
    n_kept = _checked_length(values, gaps)
    counts = _checked_shape(shape, number_bytes)
    n_numbers = math.prod(counts)
    if n_numbers >= _REACH * (n_kept + 1):
        raise ValueError(f"of shape {counts}, more than its {n_kept:,} numbers account for")
    ends = np.cumsum(gaps.raw, dtype=np.int64) + np.arange(1, n_kept + 1)
    n_tail = n_numbers - (int(ends[-1]) if n_kept else 0)
    if n_tail < 0:
        raise ValueError(f"whose gaps run {-n_tail:,} numbers past the end of its shape {counts}")
    if n_tail >= _REACH:
        raise ValueError(f"whose gaps stop {n_tail:,} numbers before the end of its shape {counts}")
    bits = np.zeros(n_numbers, dtype=f"<u{number_bytes}")
    bits[ends - 1] = values.raw.view(bits.dtype)
    return StoredTensor(values.dtype, counts, bits.view(np.uint8))


def _checked_length(values: StoredTensor, gaps: StoredTensor) -> int:
    if not _is_float(values.dtype):
        raise ValueError(f"of {values.dtype} numbers; only floats are stored so")
    if gaps.dtype != "U8":
        raise ValueError(f"whose gaps are {gaps.dtype}, not U8")
    if len(values.shape) != 1 or values.shape != gaps.shape:
        raise ValueError(f"of numbers of shape {values.shape} and gaps of shape {gaps.shape}")
    return values.shape[0]


def _checked_shape(shape: object, number_bytes: int) -> tuple[int, ...]:
    are_counts = isinstance(shape, list) and all(
        type(count) is int and 0 <= count < 2**63 for count in shape
    )
    if not isinstance(shape, list) or not are_counts or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"of a shape that is not up to {MAX_DIMENSIONS} counts")
    if math.prod(max(1, count) for count in shape) * number_bytes >= 2**63:
        raise ValueError(f"of shape {shape!r:.80}, more than can be counted")
    return tuple(shape)


def _is_float(dtype: str) -> bool:
    return "F" in dtype
