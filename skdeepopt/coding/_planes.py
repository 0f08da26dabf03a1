"""Numbers of many different values, cut into planes of bits from the exponent down.

The exponents of weights are few, and take few bits under a table; the bits below them are next to
random, and stay as they are where a table would not pay. A sign goes below the mantissa.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from skdeepopt.coding._range_coder import CodeCounter, RangeReader, SymbolSink
from skdeepopt.coding._stored import NumberLayout
from skdeepopt.coding._tables import FrequencyTable, choose_table, read_table

__all__ = ["Plane", "PlanesPlan", "read_planes"]

_BYTE: Final = 8

_WORTH: Final = 0.98
"""A table is used where it leaves less than this of the bits, because flat ones are read faster."""


@dataclass(frozen=True)
class PlanesPlan:
    """How numbers, given as their bits, are written plane by plane.

    Parameters
    ----------
    planes : tuple of Plane
    """

    planes: tuple[Plane, ...]

    @classmethod
    def of(cls, patterns: np.ndarray, layout: NumberLayout) -> PlanesPlan:
        """Plan with a table wherever one pays; at least one number."""
        rotated = _rotated(patterns, 1) if layout.is_float else patterns
        return cls(
            tuple(
                Plane.of(rotated >> low & (1 << width) - 1, width) for low, width in _planes(layout)
            )
        )

    def write(self, sink: SymbolSink) -> None:
        """Hand the numbers to a sink."""
        for plane in self.planes:
            sink.uniform(plane.table is None, 1)
            plane.write(sink)


@dataclass(frozen=True)
class Plane:
    """Some bits of each number.

    Parameters
    ----------
    numbers : ndarray of unsigned integers
        Those bits.
    width : int
        How many.
    table : FrequencyTable or None
        From the least number up; None leaves the bits as they are.
    """

    numbers: np.ndarray
    width: int
    table: FrequencyTable | None

    @classmethod
    def of(cls, numbers: np.ndarray, width: int) -> Plane:
        """Plane with a table where that saves enough."""
        flat, most_bits = cls(numbers, width, None), _WORTH * width * numbers.size
        counts = np.bincount((numbers - numbers.min()).astype(np.int64))
        occurring = counts[counts > 0]
        entropy = float(occurring @ np.log2(numbers.size / occurring))
        # A table takes a bit or more for each number between the least and the most.
        if entropy + (len(counts) if len(counts) > 1 else 0) > most_bits:
            return flat
        plane, counter = cls(numbers, width, choose_table(counts)), CodeCounter()
        plane.write(counter)
        return plane if counter.total <= most_bits else flat

    def write(self, sink: SymbolSink) -> None:
        """Hand the table, if there is one, and the numbers to a sink."""
        if self.table is not None:
            first = self.numbers.min()
            sink.numbers([int(first), len(self.table.frequencies) - 1], shift=4)
            self.table.write(sink)
            with sink.part("values"):
                sink.symbols(self.numbers - first, self.table.frequencies)
            return
        with sink.part("values"):
            if self.width == _BYTE:
                sink.flat(self.numbers.astype(np.uint8))
            else:
                sink.uniform(self.numbers, self.width)


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
