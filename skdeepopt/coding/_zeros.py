"""Where the zeros of a matrix are, by a model of blocks.

Each row belongs to a class of rows and each column to one of columns; one density holds for all
the numbers where a class of rows meets a class of columns. So rows and columns that are all zero,
as pruning leaves them, cost next to nothing.

References
----------
Govaert & Nadif (2008), "Block clustering with Bernoulli mixture models", section 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from skdeepopt.coding._range_coder import CodeCounter, RangeReader, SymbolSink, interval_bits
from skdeepopt.coding._tables import EIGHTHS, TOTAL_BITS, choose_table, read_table

__all__ = ["BlockModel", "ZeroFlags", "fit_blocks", "read_blocks", "read_flags"]

_MOST_CLASSES: Final = 6
_CLASS_BITS: Final = 3
_LEVEL_BITS: Final = 7
_FULL: Final = 122
"""Level of a block without zeros; level 0 is one of zeros only, and 61 is a half."""

_ROUNDS: Final = 4
_LEAST: Final = 2.0**-64
"""Share that stands for what a class has not got."""

_TABLE_BITS: Final = 5
"""About what a table takes for each class."""

_BATCH: Final = 2**20
"""Symbols that are read at once."""

_GROUPINGS: Final = 3
"""A class for each column; for all columns of an input channel; or of a kernel position."""


@dataclass(frozen=True)
class BlockModel:
    """Classes of rows and of columns, and the share of numbers that are not zero in each block.

    Parameters
    ----------
    shape : tuple of int
        Of the tensor: rows are the first axis, columns all others.
    grouping : int
        0 to 2: what a label of columns stands for.
    row_labels, group_labels : ndarray of int64
    levels : ndarray of shape (n_row_classes, n_column_classes), int64
    """

    shape: tuple[int, ...]
    grouping: int
    row_labels: np.ndarray
    group_labels: np.ndarray
    levels: np.ndarray

    @property
    def column_labels(self) -> np.ndarray:
        """Class of each single column."""
        n_groups, size = _n_groups(self.shape, self.grouping)
        expand = np.tile if self.grouping == 2 else np.repeat
        assert len(self.group_labels) == n_groups
        return expand(self.group_labels, size)

    def write(self, sink: SymbolSink) -> None:
        """Hand the classes and densities to a sink."""
        if len(self.shape) > 2:
            sink.uniform(self.grouping, 2)
        for labels, n_classes in zip(
            (self.row_labels, self.group_labels), self.levels.shape, strict=True
        ):
            if len(labels) > 1:
                sink.uniform(n_classes - 1, _CLASS_BITS)
        sink.uniform(self.levels.reshape(-1), _LEVEL_BITS)
        for labels, n_classes in zip(
            (self.row_labels, self.group_labels), self.levels.shape, strict=True
        ):
            table = choose_table(np.bincount(labels, minlength=n_classes))
            table.write(sink)
            sink.symbols(labels, table.frequencies)

    def write_flags(self, flags: np.ndarray, sink: SymbolSink) -> None:
        """Hand a sink the matrix that is True where a number is not zero."""
        for at, frequencies in self._mixed_blocks():
            sink.symbols(flags[at].view(np.uint8), frequencies)

    def read_flags(self, reader: RangeReader) -> np.ndarray:
        """The matrix that is True where a number is not zero."""
        full = self.levels == _FULL
        flags = full[np.ix_(self.row_labels, self.column_labels)]
        for at, frequencies in self._mixed_blocks():
            n_rows, n_columns = at[0].size, at[1].size
            step = max(1, _BATCH // max(1, n_columns))
            for begin in range(0, n_rows, step):
                rows = at[0][begin : begin + step]
                found = reader.symbols(rows.size * n_columns, frequencies)
                flags[rows, at[1]] = found.reshape(rows.size, n_columns)
        return flags

    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Bits of a zero and of another number in each place, as two matrices.

        What a block has not got takes the bits of one among twice the block's size.
        """
        bits = np.array([interval_bits(_flag_frequencies(level)) for level in self.levels.flat])
        zero, other = bits.reshape(*self.levels.shape, 2).transpose(2, 0, 1)
        columns = self.column_labels
        sizes = np.outer(np.bincount(self.row_labels), np.bincount(columns))
        first = np.log2(2.0 * np.maximum(sizes, 1))
        zero = np.where(self.levels == _FULL, first, zero)
        other = np.where(self.levels == 0, first, other)
        at = np.ix_(self.row_labels, columns)
        return zero[at], other[at]

    def _mixed_blocks(self) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
        """Place and table of each block that has both, rows first."""
        columns = self.column_labels
        rows_of = [np.flatnonzero(self.row_labels == label) for label in range(len(self.levels))]
        columns_of = [np.flatnonzero(columns == label) for label in range(self.levels.shape[1])]
        for (row, column), level in np.ndenumerate(self.levels):
            if 0 < level < _FULL:
                yield np.ix_(rows_of[row], columns_of[column]), _flag_frequencies(level)


@dataclass(frozen=True)
class ZeroFlags:
    """Which numbers of a tensor are not zero, and how that is written.

    Attributes
    ----------
    matrix : ndarray of bool, two axes
        True where a number is not zero.
    blocks : BlockModel
    """

    matrix: np.ndarray
    blocks: BlockModel

    @classmethod
    def of(cls, flags: np.ndarray) -> ZeroFlags:
        """Plan with about the fewest bits, for a tensor that is True where a number is not zero."""
        shape = _as_rows(flags.shape)
        matrix = flags.reshape(shape[0], math.prod(shape[1:]))
        return cls(matrix, fit_blocks(matrix, shape))

    @cached_property
    def bits(self) -> float:
        """Bits that classes, densities and positions take."""
        counter = CodeCounter()
        self.write(counter)
        return counter.total

    def write(self, sink: SymbolSink) -> None:
        """Hand classes, densities and positions to a sink."""
        self.blocks.write(sink)
        with sink.part("positions"):
            self.blocks.write_flags(self.matrix, sink)


def read_flags(reader: RangeReader, shape: tuple[int, ...]) -> np.ndarray:
    """Tensor that is True where a number is not zero, in one axis.

    Raises
    ------
    ValueError
        No writer makes such a stream.
    """
    blocks = read_blocks(reader, _as_rows(shape))
    with reader.part("positions"):
        return blocks.read_flags(reader).reshape(-1)


def _as_rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape with a first axis."""
    return shape or (1,)


def fit_blocks(flags: np.ndarray, shape: tuple[int, ...]) -> BlockModel:
    """Model with which classes and zeros take about the fewest bits.

    Parameters
    ----------
    flags : ndarray of bool, two axes
        True where a number is not zero.
    shape : tuple of int
        Of the tensor, as the model keeps it.
    """
    # What is rarer is counted: that is quick for a pruned network as well as for a dense one.
    is_sparse = 2 * np.count_nonzero(flags) <= flags.size
    rows, columns = np.nonzero(flags if is_sparse else ~flags)
    fits = [
        _Fit.of(rows, columns, shape, grouping).best()
        for grouping in range(_GROUPINGS)
        if grouping == 0 or _n_groups(shape, grouping)[0] < _n_groups(shape, 0)[0]
    ]
    model, _ = min(fits, key=lambda fit: fit[1])
    return model if is_sparse else replace(model, levels=_FULL - model.levels)


def read_blocks(reader: RangeReader, shape: tuple[int, ...]) -> BlockModel:
    """Model that was written for a tensor of this shape.

    Raises
    ------
    ValueError
        No writer makes such a model.
    """
    grouping = reader.bits(2) if len(shape) > 2 else 0
    n_labels = shape[0], _n_groups(shape, grouping)[0]
    n_classes = tuple(1 + reader.bits(_CLASS_BITS) if n > 1 else 1 for n in n_labels)
    if grouping >= _GROUPINGS or max(n_classes) > _MOST_CLASSES:
        raise ValueError("a model of zeros with too many classes")
    levels = reader.uniform(math.prod(n_classes), _LEVEL_BITS).astype(np.int64)
    if levels.max() > _FULL:
        raise ValueError("a model of zeros with a density above 1")
    labels = []
    for n, n_in_table in zip(n_labels, n_classes, strict=True):
        frequencies = read_table(reader, n_in_table, None)
        labels.append(reader.symbols(n, frequencies).astype(np.int64))
    rows, groups = labels
    return BlockModel(shape, grouping, rows, groups, levels.reshape(n_classes))


def _n_groups(shape: tuple[int, ...], grouping: int) -> tuple[int, int]:
    """Number of groups of columns, and columns in each."""
    inner = math.prod(shape[2:])
    channels = math.prod(shape[1:2])
    if grouping == 0:
        return channels * inner, 1
    return (channels, inner) if grouping == 1 else (inner, channels)


def _flag_frequencies(level: int) -> np.ndarray:
    """Frequencies of a zero and of another number: a quarter of an octave to a level."""
    if level > _FULL // 2:
        return _flag_frequencies(_FULL - level)[::-1]
    quarters = max(level - 1, 0)
    other = (int(EIGHTHS[2 * quarters & 7]) << (quarters >> 2)) >> (TOTAL_BITS - 1)
    other = other if level else 0
    return np.array([2**TOTAL_BITS - other, other])


_LEVEL_SHARES: Final = np.array([_flag_frequencies(level)[1] for level in range(_FULL + 1)])


@dataclass(frozen=True)
class _Fit:
    """Search for the classes of one matrix, from the places of its rarer kind of number."""

    shape: tuple[int, ...]
    grouping: int
    rows: np.ndarray
    groups: np.ndarray
    n_rows: int
    n_groups: int
    group_size: int

    @classmethod
    def of(
        cls, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...], grouping: int
    ) -> _Fit:
        n_groups, size = _n_groups(shape, grouping)
        groups = columns % n_groups if grouping == 2 else columns // size
        return cls(shape, grouping, rows, groups, shape[0], n_groups, size)

    def best(self) -> tuple[BlockModel, float]:
        """Model with the fewest bits, in steps of one class of rows, of columns, or of both."""
        found = self._with_classes(1, 1)
        steps, at = ((1, 1), (1, 0), (0, 1)), (1, 1)
        while len(self.rows):
            tried = [
                (self._with_classes(at[0] + rows, at[1] + columns), (at[0] + rows, at[1] + columns))
                for rows, columns in steps
                if at[0] + rows <= min(_MOST_CLASSES, self.n_rows)
                and at[1] + columns <= min(_MOST_CLASSES, self.n_groups)
            ]
            better = min(tried, key=lambda trial: trial[0][1], default=(found, at))
            if better[0][1] >= found[1]:
                break
            found, at = better
        return found

    def _with_classes(self, n_rows: int, n_columns: int) -> tuple[BlockModel, float]:
        rows = _by_density(np.bincount(self.rows, minlength=self.n_rows), n_rows)
        columns = _by_density(np.bincount(self.groups, minlength=self.n_groups), n_columns)
        for _ in range(_ROUNDS):
            before = rows, columns
            rows = self._assigned(self.rows, self.groups, rows, columns)
            columns = self._assigned(self.groups, self.rows, columns, rows)
            if np.array_equal(rows, before[0]) and np.array_equal(columns, before[1]):
                break
        return self._model(_compact(rows), _compact(columns))

    def _assigned(
        self, own: np.ndarray, other: np.ndarray, labels: np.ndarray, fixed: np.ndarray
    ) -> np.ndarray:
        """Likeliest class of each row (or group) while those of the groups (or rows) stay."""
        n_own, n_fixed = int(labels.max()) + 1, int(fixed.max()) + 1
        if n_own == 1:
            return labels
        counts = np.bincount(own * n_fixed + fixed[other], minlength=len(labels) * n_fixed)
        counts = counts.reshape(len(labels), n_fixed)
        sizes = self.group_size * np.bincount(fixed, minlength=n_fixed)
        members = (labels == np.arange(n_own)[:, None]).astype(np.float64)
        shares = members @ counts / np.maximum(np.outer(members.sum(axis=1), sizes), 1)
        one, none = _bits(shares), _bits(1 - shares)
        costs = counts @ (one - none).T + none @ sizes + _bits(members.mean(axis=1))
        chosen: np.ndarray = np.argmin(costs, axis=1)
        return chosen

    def _model(self, rows: np.ndarray, columns: np.ndarray) -> tuple[BlockModel, float]:
        """Model of the classes, and about how many bits it takes."""
        n_rows, n_columns = np.bincount(rows), np.bincount(columns)
        shape = len(n_rows), len(n_columns)
        at = rows[self.rows] * shape[1] + columns[self.groups]
        ones = np.bincount(at, minlength=math.prod(shape)).reshape(shape)
        sizes = self.group_size * np.outer(n_rows, n_columns)
        levels = _levels(ones, sizes)
        shares = _LEVEL_SHARES[levels] / 2**TOTAL_BITS
        bits = (ones * _bits(shares) + (sizes - ones) * _bits(1 - shares)).sum()
        for members in (n_rows, n_columns):
            bits += members @ _bits(members / members.sum())
            bits += _TABLE_BITS * len(members) if len(members) > 1 else 0
        bits += _LEVEL_BITS * levels.size
        return BlockModel(self.shape, self.grouping, rows, columns, levels), float(bits)


def _bits(shares: np.ndarray) -> np.ndarray:
    bits: np.ndarray = -np.log2(np.maximum(shares, _LEAST))
    return bits


def _levels(ones: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Level nearest to each share; a block that has both keeps both."""
    share = np.clip(ones / sizes, 2.0**-TOTAL_BITS, 1 - 2.0**-TOTAL_BITS)
    low = np.minimum(share, 1 - share)
    quarters = np.rint(4 * (np.log2(low) + TOTAL_BITS)).astype(np.int64) + 1
    levels = np.where(share > 0.5, _FULL - quarters, quarters)
    return np.where(ones == 0, 0, np.where(ones == sizes, _FULL, levels))


def _by_density(totals: np.ndarray, n_classes: int) -> np.ndarray:
    """First guess: what is empty, and the others in equal numbers from sparse to dense."""
    labels = np.zeros(len(totals), dtype=np.int64)
    if n_classes == 1:
        return labels
    is_live = totals > 0
    n_dead = 0 if is_live.all() else 1
    order = np.argsort(totals[is_live], kind="stable")
    ranks = np.empty(order.size, dtype=np.int64)
    ranks[order] = np.arange(order.size)
    labels[is_live] = n_dead + ranks * (n_classes - n_dead) // max(1, order.size)
    return labels


def _compact(labels: np.ndarray) -> np.ndarray:
    """Labels counted from 0 without gaps."""
    inverse: np.ndarray = np.unique(labels, return_inverse=True)[1]
    return inverse.astype(np.int64)
