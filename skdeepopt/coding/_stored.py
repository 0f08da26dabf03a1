"""Numbers as typed bytes, under the names that safetensors gives the types."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

__all__ = ["LAYOUTS", "NumberLayout", "StoredTensor"]


class NumberLayout(NamedTuple):
    """Size of a type of numbers, and how many of its bits are not exponent, or not its top byte."""

    size_bytes: int
    n_low: int
    is_float: bool


def _whole(size_bytes: int) -> NumberLayout:
    return NumberLayout(size_bytes, 8 * (size_bytes - 1), is_float=False)


def _real(size_bytes: int, mantissa: int) -> NumberLayout:
    return NumberLayout(size_bytes, mantissa + 1, is_float=True)


LAYOUTS: Final = {
    "BOOL": _whole(1),
    "U8": _whole(1),
    "I8": _whole(1),
    "U16": _whole(2),
    "I16": _whole(2),
    "U32": _whole(4),
    "I32": _whole(4),
    "U64": _whole(8),
    "I64": _whole(8),
    "F16": _real(2, 10),
    "F32": _real(4, 23),
    "F64": _real(8, 52),
    "BF16": _real(2, 7),
    "F8_E4M3": _real(1, 3),
    "F8_E5M2": _real(1, 2),
}
"""In the order of their numbers in a coded stream, which may only grow at its end."""


@dataclass(frozen=True)
class StoredTensor:
    """Little-endian bytes in C order, with their type and shape."""

    dtype: str
    shape: tuple[int, ...]
    raw: np.ndarray

    def __post_init__(self) -> None:
        expected = math.prod(self.shape) * LAYOUTS[self.dtype].size_bytes
        assert self.raw.nbytes == expected, "bytes must fill the shape"

    @property
    def patterns(self) -> np.ndarray:
        """The numbers' bits as unsigned integers, in one axis."""
        return self.raw.view(f"<u{LAYOUTS[self.dtype].size_bytes}")
