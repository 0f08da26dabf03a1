"""What a model file may ask for at most, so that reading costs what the file accounts for."""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_CONTAINERS",
    "MAX_DEPTH",
    "MAX_ESTIMATORS",
    "MAX_HEADER_BYTES",
    "MAX_TENSORS",
    "MAX_TEXT_SPREAD",
    "MAX_VALUES",
    "dense_bytes_allowed",
]

MAX_HEADER_BYTES: Final = 8 * 2**20
"""Python needs up to 24 bytes of memory for one byte of JSON: this bounds it at 200 MB."""

MAX_DEPTH: Final = 100
"""Levels of brackets: about 20 pipelines inside each other, far from the recursion limit."""

MAX_VALUES: Final = 2**20
"""Values in the description, each a microsecond to read: class labels by the hundred thousand."""

MAX_CONTAINERS: Final = 2**16
"""Lists and objects in the JSON, three to a tensor, each ten microseconds to read."""

MAX_ESTIMATORS: Final = 1_000
"""Estimators in one file, each up to a tenth of a millisecond to make."""

MAX_TEXT_SPREAD: Final = 16
"""Memory of a fixed-width text array, in bytes for each byte of its JSON list."""

MAX_TENSORS: Final = 2**13
"""Tensors in one file, each a tenth of a millisecond to read at least."""

_BASE_DENSE_BYTES: Final = 64 * 2**20
_DENSE_BYTES_PER_BYTE: Final = 4096


def dense_bytes_allowed(size_bytes: int) -> int:
    """Bytes that the tensors of a file of this size may take in memory together.

    A pruned network is thousands of times smaller than it is whole, so the ratio alone would not
    tell it from a file that was made to exhaust the memory: a constant does that.
    """
    return _BASE_DENSE_BYTES + _DENSE_BYTES_PER_BYTE * size_bytes
