"""Numbers of many different values, cut into planes of bits from the exponent down.

The exponents of weights are few, and take few bits under a table; the bits below them are next to
random, and stay as they are where a table would not pay. A sign goes below the mantissa.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from skdeepopt.coding._range_coder import CodeCounter, RangeReader, SymbolSink
from skdeepopt.coding._stored import NumberLayout
from skdeepopt.coding._tables import choose_table, read_table

__all__ = ["read_planes", "write_planes"]

_BYTE: Final = 8

_WORTH: Final = 0.98
"""A table is used where it leaves less than this of the bits, because flat ones are read faster."""


def write_planes(patterns: np.ndarray, layout: NumberLayout, sink: SymbolSink) -> None:
    """Hand numbers to a sink, given as their bits."""
    rotated = _rotated(patterns, 1) if layout.is_float else patterns
    for low, width in _planes(layout):
        plane = rotated >> low & (1 << width) - 1
        is_flat = _is_flat(plane, width)
        sink.uniform(is_flat, 1)
        if not is_flat:
            _write_table(plane, sink)
            continue
        with sink.part("values"):
            if width == _BYTE:
                sink.flat(plane.astype(np.uint8))
            else:
                sink.uniform(plane, width)


def read_planes(reader: RangeReader, count: int, layout: NumberLayout) -> np.ndarray:
    """So many numbers, as their bits.

    Raises
    ------
    ValueError
        No writer makes such planes.
    """
    rotated = np.zeros(count, dtype=f"<u{layout.size_bytes}")
    for low, width in _planes(layout):
        is_flat = reader.bits(1)
        plane = _read_flat(reader, count, width) if is_flat else _read_table(reader, count, width)
        rotated |= plane.astype(rotated.dtype) << low
    return _rotated(rotated, 8 * layout.size_bytes - 1) if layout.is_float else rotated


def _planes(layout: NumberLayout) -> Iterator[tuple[int, int]]:
    """Lowest bit and width of each plane: what lies above the low bits, and those in bytes."""
    yield layout.n_low, 8 * layout.size_bytes - layout.n_low
    for low in reversed(range(0, layout.n_low, _BYTE)):
        yield low, min(_BYTE, layout.n_low - low)


def _rotated(patterns: np.ndarray, count: int) -> np.ndarray:
    """Bits moved up by so many places, and those at the top to the bottom."""
    return patterns << count | patterns >> 8 * patterns.dtype.itemsize - count


def _is_flat(plane: np.ndarray, width: int) -> bool:
    """Whether a table would save too little."""
    most_bits = _WORTH * width * plane.size
    counts = np.bincount((plane - plane.min()).astype(np.int64))
    occurring = counts[counts > 0]
    entropy = float(occurring @ np.log2(plane.size / occurring))
    # A table takes a bit or more for each number between the least and the most.
    if entropy + (len(counts) if len(counts) > 1 else 0) > most_bits:
        return True
    counter = CodeCounter()
    _write_table(plane, counter)
    return counter.total > most_bits


def _write_table(plane: np.ndarray, sink: SymbolSink) -> None:
    first, last = int(plane.min()), int(plane.max())
    sink.numbers([first, last - first], shift=4)
    symbols = plane - plane.dtype.type(first)
    table = choose_table(np.bincount(symbols.astype(np.int64), minlength=last - first + 1))
    table.write(sink)
    with sink.part("values"):
        sink.symbols(symbols, table.frequencies)


def _read_table(reader: RangeReader, count: int, width: int) -> np.ndarray:
    first, span = map(int, reader.numbers(2, shift=4))
    if first + span >= 1 << width:
        raise ValueError(f"a plane of {width} bits with numbers up to {first + span:,}")
    frequencies = read_table(reader, span + 1, None)
    with reader.part("values"):
        found = reader.symbols(count, frequencies)
    found += first
    return found


def _read_flat(reader: RangeReader, count: int, width: int) -> np.ndarray:
    with reader.part("values"):
        return reader.flat(count) if width == _BYTE else reader.uniform(count, width)
