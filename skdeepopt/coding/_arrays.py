"""Arrays of any kind in one coded stream, each in the form that takes the fewest bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from skdeepopt.coding._forms import Context, best_form, read_form
from skdeepopt.coding._range_coder import CodeCounter, RangeReader, RangeWriter, SymbolSink
from skdeepopt.coding._stored import LAYOUTS, StoredTensor

__all__ = [
    "MAX_DIMENSIONS",
    "ArraySpan",
    "EncodedArrays",
    "counted_bytes",
    "decode_arrays",
    "encode_arrays",
]

MAX_DIMENSIONS: Final = 32
"""Dimensions of an array; every numpy since 1.0 takes 32."""

_DTYPE_BITS: Final = 4
_SIZE_SHIFT: Final = 4
_NAMES: Final = tuple(LAYOUTS)
_LEAST_BYTES: Final = 4
"""Bytes that a number counts at least against the bound: reading one takes time as well."""


class ArraySpan(NamedTuple):
    """Bits that one array takes."""

    tables: float
    positions: float
    values: float


@dataclass(frozen=True)
class EncodedArrays:
    """A coded stream, and what each array takes of it."""

    data: bytes
    spans: list[ArraySpan]


def encode_arrays(arrays: Sequence[StoredTensor]) -> EncodedArrays:
    """One stream of bytes that holds all arrays to the bit.

    Parameters
    ----------
    arrays : sequence of StoredTensor
    """
    writer, context, spans = RangeWriter(), Context(), []
    for array in arrays:
        writer.bits.clear()
        _write_header(array, context, writer)
        if array.raw.size:
            best_form(array, context).write(writer)
        spans.append(_span(writer.bits))
    return EncodedArrays(writer.to_bytes(), spans)


def decode_arrays(
    data: bytes, n_arrays: int, *, max_bytes: int, spans: list[ArraySpan] | None = None
) -> list[StoredTensor]:
    """Arrays of a stream, each in memory of its own.

    Parameters
    ----------
    data : bytes
    n_arrays : int
    max_bytes : int
        What the arrays may take together, at four bytes a number or more. Memory for an array is
        taken after its shape was held against this.
    spans : list or None, default=None
        Takes what each array takes of the stream, where it is asked for.

    Raises
    ------
    ValueError
        No writer makes such a stream, or its arrays are too large.
    """
    counter = None if spans is None else CodeCounter()
    reader, context, arrays = RangeReader(data, counter), Context(), []
    for _ in range(n_arrays):
        dtype, shape = _read_header(reader, context)
        count = math.prod(shape)
        max_bytes -= _counted(dtype, count)
        if max_bytes < 0:
            raise ValueError(f"an array of shape {shape}, more than the file accounts for")
        patterns = read_form(reader, context, dtype, shape) if count else np.empty(0, np.uint8)
        arrays.append(StoredTensor(dtype, shape, patterns.view(np.uint8)))
        if counter is not None and spans is not None:
            spans.append(_span(counter.bits))
            counter.bits.clear()
    if reader.n_flat_left:
        raise ValueError(f"{reader.n_flat_left:,} flat bytes that belong to no array")
    return arrays


def counted_bytes(array: StoredTensor) -> int:
    """What an array counts against the bound of a reader."""
    return _counted(array.dtype, math.prod(array.shape))


def _counted(dtype: str, count: int) -> int:
    return count * max(_LEAST_BYTES, LAYOUTS[dtype].size_bytes)


def _span(bits: dict[str, float]) -> ArraySpan:
    return ArraySpan(*(bits.get(part, 0.0) for part in ArraySpan._fields))


def _write_header(array: StoredTensor, context: Context, sink: SymbolSink) -> None:
    is_same = array.dtype == context.dtype
    sink.uniform(is_same, 1)
    if not is_same:
        sink.uniform(_NAMES.index(array.dtype), _DTYPE_BITS)
    is_bias = array.shape == (context.n_rows,)
    sink.uniform(is_bias, 1)
    if not is_bias:
        sink.numbers(len(array.shape), 1)
        sink.numbers(array.shape, _SIZE_SHIFT)
    _remember(context, array.dtype, array.shape)


def _read_header(reader: RangeReader, context: Context) -> tuple[str, tuple[int, ...]]:
    dtype = context.dtype
    if not reader.bits(1):
        number = reader.bits(_DTYPE_BITS)
        if number >= len(_NAMES):
            raise ValueError(f"an array of the unknown type {number}")
        dtype = _NAMES[number]
    shape: tuple[int, ...] = (context.n_rows,)
    if not reader.bits(1):
        n_dimensions = reader.number(1)
        if n_dimensions > MAX_DIMENSIONS:
            raise ValueError(f"an array of {n_dimensions:,} dimensions")
        shape = tuple(map(int, reader.numbers(n_dimensions, _SIZE_SHIFT)))
        if math.prod(max(1, size) for size in shape) * LAYOUTS[dtype].size_bytes >= 2**63:
            raise ValueError(f"an array of shape {shape}, more than can be counted")
    _remember(context, dtype, shape)
    return dtype, shape


def _remember(context: Context, dtype: str, shape: tuple[int, ...]) -> None:
    context.dtype, context.n_rows = dtype, shape[0] if shape else 0
