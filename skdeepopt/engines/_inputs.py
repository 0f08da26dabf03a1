"""Arrays as a runtime takes them: one number type, one block of memory, a batch at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["as_input", "batch_size_for"]

_MOST_SAMPLES = 1024
_MOST_VALUES = 1 << 22


def as_input(inputs: Any, dtype: np.dtype, owner: str) -> np.ndarray:
    """Contiguous array of `dtype`: the memory of `inputs` itself where it is one.

    Raises
    ------
    ValueError
        `dtype` is one of integers, and some value of `inputs` is none of its integers.
    """
    given = np.asarray(inputs)
    if given.dtype == dtype or dtype.kind == "f":
        return np.ascontiguousarray(given, dtype)
    with np.errstate(invalid="ignore"):
        array = np.ascontiguousarray(given, dtype)
    if not np.array_equal(array, given):
        bounds = np.iinfo(dtype)
        raise ValueError(
            f"{owner}.run takes the integers {bounds.min} to {bounds.max} for this model, not all "
            f"of these {given.dtype} values. Did you mean the pixels before any scaling?"
        )
    return array


def batch_size_for(sample_shape: tuple[int, ...]) -> int:
    """Samples to run at a time.

    Larger batches gain no speed, and the runtime keeps the memory that it once took.

    Examples
    --------
    >>> batch_size_for((1, 28, 28)), batch_size_for((3, 224, 224))
    (1024, 27)
    """
    return max(1, min(_MOST_SAMPLES, _MOST_VALUES // max(1, math.prod(sample_shape))))
