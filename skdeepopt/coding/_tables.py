"""Tables of frequencies that take few bits: steps of a logarithm, or a law of two parameters.

All arithmetic is in whole numbers, so that every reader gets the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from skdeepopt.coding._range_coder import RangeReader, SymbolSink, bits_by_shift, interval_bits

__all__ = ["EIGHTHS", "TOTAL_BITS", "FrequencyTable", "choose_table", "read_table"]

TOTAL_BITS: Final = 16
"""The frequencies of a table sum to two to the power of this."""

EIGHTHS: Final = np.array([32768, 35734, 38968, 42495, 46341, 50535, 55109, 60097])
"""``2 ** (15 + i / 8)``, rounded."""

_MOST_EIGHTHS: Final = 8 * TOTAL_BITS
_GEOMETRIC: Final = 3
_SLOPE_BITS: Final = 8
_STEPS: Final = 32
"""Slopes are multiples of an octave divided by this."""

_DROP_BITS: Final = 5
_SHIFTS: Final = np.arange(4)


@dataclass(frozen=True)
class FrequencyTable:
    """Whole frequencies, and the few numbers that they follow from.

    Parameters
    ----------
    frequencies : ndarray of shape (n_symbols,), int64
    kind : int
        0 to 2: `numbers` are levels, the level above the last one twice as likely after 1, 2 or 4
        of them; 0 for a symbol that does not occur. 3: `numbers` are the slope and the drop of a
        geometric law.
    numbers : ndarray of int64
    """

    frequencies: np.ndarray
    kind: int
    numbers: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Bits of each symbol."""
        return interval_bits(self.frequencies)

    def write(self, sink: SymbolSink) -> None:
        """Hand the numbers to a sink; a table of a single symbol has none."""
        if len(self.frequencies) < 2:
            return
        sink.uniform(self.kind, 2)
        if self.kind == _GEOMETRIC:
            sink.uniform(self.numbers[0], _SLOPE_BITS)
            sink.uniform(self.numbers[1], _DROP_BITS)
            return
        steps = _zigzag(np.diff(self.numbers, prepend=0))
        shift = int(np.argmin(bits_by_shift(steps, _SHIFTS)))
        sink.uniform(shift, 2)
        sink.numbers(steps, shift)


def choose_table(counts: np.ndarray, distances: np.ndarray | None = None) -> FrequencyTable:
    """Table with which symbols and table take the fewest bits.

    Parameters
    ----------
    counts : ndarray of shape (n_symbols,)
        How often each symbol occurs.
    distances : ndarray of shape (n_symbols,) or None, default=None
        How far each symbol is from the likeliest ones, for a geometric law; None tries none.
    """
    if len(counts) < 2:
        return FrequencyTable(np.ones(len(counts), dtype=np.int64), 0, np.empty(0, np.int64))
    tables = [_levelled(counts, kind) for kind in range(_GEOMETRIC)]
    if distances is not None:
        tables.append(_best_geometric(counts, distances))
    return min(tables, key=lambda table: _total_bits(table, counts))


def read_table(reader: RangeReader, n_symbols: int, distances: np.ndarray | None) -> np.ndarray:
    """Frequencies of a table that was written.

    Raises
    ------
    ValueError
        No writer makes such a table.
    """
    if n_symbols < 2:
        return np.ones(n_symbols, dtype=np.int64)
    kind = reader.bits(2)
    if kind == _GEOMETRIC:
        if distances is None:
            raise ValueError("a geometric law for symbols without an order")
        slope, drop = reader.bits(_SLOPE_BITS), reader.bits(_DROP_BITS)
        return _geometric(distances, slope, drop)
    steps = reader.numbers(n_symbols, reader.bits(2)).astype(np.int64)
    levels = np.cumsum(np.where(steps & 1, -(steps + 1) // 2, steps // 2))
    if levels.min() < 0 or levels.max() < 1 or levels.max() > _most_level(kind):
        raise ValueError("a table of frequencies with levels out of range")
    return _from_levels(levels, kind)


def _total_bits(table: FrequencyTable, counts: np.ndarray) -> float:
    side = _SLOPE_BITS + _DROP_BITS
    if table.kind != _GEOMETRIC:
        steps = _zigzag(np.diff(table.numbers, prepend=0))
        side = 2 + int(bits_by_shift(steps, _SHIFTS).min())
    return float(side + counts @ table.lengths)


def _levelled(counts: np.ndarray, kind: int) -> FrequencyTable:
    occurs = counts > 0
    if not occurs.any():
        occurs = np.ones(len(counts), dtype=bool)
    octaves = np.log2(np.maximum(counts, 1))
    octaves = np.maximum(octaves - octaves.max(), -TOTAL_BITS)
    levels = np.rint((octaves - octaves[occurs].min()) * 2**kind).astype(np.int64) + 1
    levels = np.where(occurs, levels, 0)
    return FrequencyTable(_from_levels(levels, kind), kind, levels)


def _most_level(kind: int) -> int:
    return (_MOST_EIGHTHS >> (3 - kind)) + 1


def _from_levels(levels: np.ndarray, kind: int) -> np.ndarray:
    occurs = levels > 0
    return _normalized(np.where(occurs, levels - 1, 0) << (3 - kind), occurs)


def _best_geometric(counts: np.ndarray, distances: np.ndarray) -> FrequencyTable:
    """Law with the fewest bits among those near the moments of the counts."""
    total = max(1, int(counts.sum()))
    near = int(counts[distances == 0].sum())
    beyond = max(1, total - near)
    mean = float(counts @ distances) / beyond
    slope = round(_STEPS * np.log2(mean / (mean - 1))) if mean > 1 else 2**_SLOPE_BITS
    slopes = np.unique(np.clip(slope + np.array([-4, -2, -1, 0, 1, 2, 4]), 0, 2**_SLOPE_BITS - 1))
    drops = np.arange(2**_DROP_BITS)
    slope, drop = _fewest_bits(counts, distances, *np.meshgrid(slopes, drops[::4], indexing="ij"))
    close = drops[max(0, drop - 3) : drop + 4]
    slope, drop = _fewest_bits(counts, distances, np.full_like(close, slope), close)
    law = np.array([slope, drop])
    return FrequencyTable(_geometric(distances, *law), _GEOMETRIC, law)


def _fewest_bits(
    counts: np.ndarray, distances: np.ndarray, slopes: np.ndarray, drops: np.ndarray
) -> tuple[int, int]:
    """Slope and drop of the law among those given with which the symbols take the fewest bits."""
    slopes, drops = slopes.ravel(), drops.ravel()
    frequencies = _geometric(distances, slopes[:, None], drops[:, None])
    best = np.argmax((counts * np.log2(frequencies)).sum(axis=1))
    return int(slopes[best]), int(drops[best])


def _geometric(distances: np.ndarray, slope: Any, drop: Any) -> np.ndarray:
    """Frequencies of a law, or of one in each row."""
    eighths = _MOST_EIGHTHS - 8 * distances * slope // _STEPS - np.where(distances > 0, drop, 0)
    return _normalized(np.maximum(eighths, 0), np.ones(len(distances), dtype=bool))


def _normalized(eighths: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    """Frequencies in proportion to two to the power of the eighths, each at least 1.

    Of several rows, each by itself.
    """
    weights = np.where(occurs, EIGHTHS[eighths & 7] << (eighths >> 3), 0).astype(np.int64)
    spare = 2**TOTAL_BITS - int(occurs.sum())
    frequencies = weights * spare // weights.sum(axis=-1, keepdims=True) + occurs
    rest = 2**TOTAL_BITS - frequencies.sum(axis=-1, keepdims=True)
    most = np.expand_dims(np.argmax(frequencies, axis=-1), -1)
    np.put_along_axis(frequencies, most, np.take_along_axis(frequencies, most, -1) + rest, -1)
    return frequencies


def _zigzag(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers as 0, -1, 1, -2, 2 and so on counted from 0."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)
