"""Integer codes of a tensor: where they are zero, and what the others are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from skdeepopt.coding._range_coder import CodeCounter, RangeReader, SymbolSink, number_bits
from skdeepopt.coding._tables import FrequencyTable, choose_table, read_table
from skdeepopt.coding._zeros import ZeroFlags, read_flags

__all__ = [
    "MAX_SPREAD",
    "CodeLengths",
    "CodesPlan",
    "code_lengths",
    "coded_bits",
    "reach_of",
    "read_codes",
    "read_reach",
]

MAX_SPREAD: Final = 4096
"""Codes lie within this of zero."""

_BATCH: Final = 2**20
"""Symbols that are read at once, so that memory is taken for few more numbers than there are."""


@dataclass(frozen=True)
class CodeLengths:
    """Bits that the coder would take for each number that a tensor might hold.

    Attributes
    ----------
    zero_bits, nonzero_bits : ndarray of the tensor's shape
        Of a zero in each place, and of saying that a number there is not zero.
    value_bits : ndarray of shape (2 * largest + 1,)
        Of each value from ``-largest`` to ``largest``, on top; 0 for zero.
    total_bits : float
        Of the tensor as it is, its tables included.
    """

    zero_bits: np.ndarray
    nonzero_bits: np.ndarray
    value_bits: np.ndarray
    total_bits: float


@dataclass(frozen=True)
class CodesPlan:
    """How the codes of one tensor are written.

    Attributes
    ----------
    low, high : int
        How far the codes may reach below and above zero.
    zeros : ZeroFlags
    table : FrequencyTable
        Of the codes that are not zero.
    """

    codes: np.ndarray
    low: int
    high: int
    zeros: ZeroFlags
    table: FrequencyTable

    @classmethod
    def of(
        cls,
        codes: np.ndarray,
        low: int,
        high: int,
        zeros: ZeroFlags | None = None,
        *,
        is_ordered: bool = True,
    ) -> CodesPlan:
        """Plan with about the fewest bits.

        Parameters
        ----------
        codes : ndarray of integers
            At least one, from ``-low`` to ``high``, neither above ``MAX_SPREAD``.
        low, high : int
            Known to the reader.
        zeros : ZeroFlags or None, default=None
            Where the codes are zero, if that is known.
        is_ordered : bool, default=True
            Whether codes near zero may be likelier than others, so that a law may describe them.
        """
        counts = np.bincount(_symbols(codes, low), minlength=low + high)
        table = choose_table(counts, _distances(low, high) if is_ordered else None)
        return cls(codes, low, high, zeros or ZeroFlags.of(codes != 0), table)

    @cached_property
    def bits(self) -> float:
        """Bits that tables, positions and values take."""
        counter = CodeCounter()
        self._write_values(counter)
        return self.zeros.bits + counter.total

    def write(self, sink: SymbolSink) -> None:
        """Hand tables, positions and values to a sink."""
        self.zeros.write(sink)
        self._write_values(sink)

    def _write_values(self, sink: SymbolSink) -> None:
        self.table.write(sink)
        with sink.part("values"):
            sink.symbols(_symbols(self.codes, self.low), self.table.frequencies)


def read_codes(
    reader: RangeReader,
    shape: tuple[int, ...],
    low: int,
    high: int,
    *,
    is_ordered: bool = True,
) -> np.ndarray:
    """Codes of a tensor that a plan wrote, as int16 in one axis.

    Raises
    ------
    ValueError
        No writer makes such a stream.
    """
    flags = read_flags(reader, shape)
    frequencies = read_table(reader, low + high, _distances(low, high) if is_ordered else None)
    if flags.any() and not low + high:
        raise ValueError("codes other than zero, of which there are none")
    codes = np.zeros(flags.size, dtype=np.int16)
    alphabet = _alphabet(low, high).astype(np.int16)
    with reader.part("values"):
        for begin in range(0, flags.size, _BATCH):
            here = flags[begin : begin + _BATCH]
            found = reader.symbols(int(np.count_nonzero(here)), frequencies)
            codes[begin : begin + _BATCH][here] = alphabet[found]
    return codes


def reach_of(codes: np.ndarray) -> tuple[int, int]:
    """How far codes reach below and above zero."""
    return max(0, -int(codes.min())), max(0, int(codes.max()))


def read_reach(reader: RangeReader) -> tuple[int, int]:
    """How far codes reach below and above zero.

    Raises
    ------
    ValueError
        Further than ``MAX_SPREAD``.
    """
    low, high = map(int, reader.numbers(2))
    if max(low, high) > MAX_SPREAD:
        raise ValueError(f"codes that reach {max(low, high):,} from zero")
    return low, high


def coded_bits(codes: np.ndarray) -> float:
    """Bits that integer codes take in a model file, their tables included.

    Parameters
    ----------
    codes : ndarray of integers
        Rows are the first axis. From -4,096 to 4,096.

    Examples
    --------
    >>> round(coded_bits(np.zeros((500, 800), dtype=np.int64)))
    15
    """
    if not codes.size:
        return 0.0
    return _total_bits(_plan_of(codes))


def code_lengths(codes: np.ndarray) -> CodeLengths:
    """Bits that each number of a tensor takes, and that others in its place would take.

    Parameters
    ----------
    codes : ndarray of integers
        As for :func:`coded_bits`; at least one.
    """
    plan = _plan_of(codes)
    zero, other = (bits.reshape(codes.shape) for bits in plan.zeros.blocks.lengths())
    return CodeLengths(zero, other, _value_bits(plan), _total_bits(plan))


def _plan_of(codes: np.ndarray) -> CodesPlan:
    return CodesPlan.of(codes, *reach_of(codes))


def _total_bits(plan: CodesPlan) -> float:
    return plan.bits + float(number_bits(np.array([plan.low, plan.high])).sum())


def _value_bits(plan: CodesPlan) -> np.ndarray:
    """Bits of the values, with those that do not occur in a line beyond their neighbour."""
    largest = max(plan.low, plan.high)
    bits = np.full(2 * largest + 1, np.nan)
    bits[largest] = 0.0
    if len(plan.table.frequencies) > 1:
        occurs = plan.table.frequencies > 0
        bits[largest + _alphabet(plan.low, plan.high)[occurs]] = plan.table.lengths[occurs]
    else:
        bits[largest + _alphabet(plan.low, plan.high)] = 0.0
    for side in (bits[largest + 1 :], bits[:largest][::-1]):
        unseen = np.isnan(side)
        before = np.maximum.accumulate(np.where(unseen, 0.0, side))
        run = np.arange(1, len(side) + 1)
        since = run - np.maximum.accumulate(np.where(unseen, 0, run))
        side[unseen] = (before + 1.0 + since)[unseen]
    return bits


def _alphabet(low: int, high: int) -> np.ndarray:
    return np.concatenate([np.arange(-low, 0), np.arange(1, high + 1)])


def _distances(low: int, high: int) -> np.ndarray:
    return np.abs(_alphabet(low, high)) - 1


def _symbols(codes: np.ndarray, low: int) -> np.ndarray:
    others = codes.reshape(-1)
    others = others[others != 0].astype(np.int64)
    return others + low - (others > 0)
