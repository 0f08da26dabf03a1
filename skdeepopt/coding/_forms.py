"""The forms that an array may take in a coded stream.

A number has the same bits after as before in each of them; which one is used is a matter of size.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from skdeepopt.coding._codes import MAX_SPREAD, CodesPlan, reach_of, read_codes, read_reach
from skdeepopt.coding._planes import PlanesPlan, read_planes
from skdeepopt.coding._range_coder import CodeCounter, RangeReader, SymbolSink, bits_by_shift
from skdeepopt.coding._stored import LAYOUTS, NumberLayout, StoredTensor
from skdeepopt.coding._values import distinct, grid_of, grid_patterns, whole_codes
from skdeepopt.coding._zeros import ZeroFlags, read_flags

__all__ = ["Context", "Form", "best_form", "read_form"]

_CONSTANT, _WHOLE, _GRID, _CODEBOOK, _EARLIER, _PLANES, _SPARSE = range(7)
_FORM_BITS: Final = 3
_SHIFT_BITS: Final = 6


@dataclass
class Context:
    """What earlier arrays of a stream tell about a later one."""

    dtype: str = "F32"
    n_rows: int = 0
    codebooks: list[np.ndarray] = field(default_factory=list)


class Form(ABC):
    """One way to write an array."""

    @property
    def bits(self) -> float:
        """Bits that :meth:`write` takes."""
        counter = CodeCounter()
        self.write(counter)
        return counter.total

    @abstractmethod
    def write(self, sink: SymbolSink) -> None:
        """Hand the form and all its numbers to a sink."""


class _CodesForm(Form):
    """One whose numbers are codes, after a head that says what these stand for."""

    plan: CodesPlan

    @property
    def bits(self) -> float:
        counter = CodeCounter()
        self._write_head(counter)
        return counter.total + self.plan.bits

    def write(self, sink: SymbolSink) -> None:
        self._write_head(sink)
        self.plan.write(sink)

    @abstractmethod
    def _write_head(self, sink: SymbolSink) -> None:
        """Hand over all but the codes."""


def best_form(array: StoredTensor, context: Context) -> Form:
    """Form with the fewest bits; a list of values that it brings is kept for later arrays."""
    forms = _forms(array, context)
    best = min(forms, key=lambda form: form.bits) if len(forms) > 1 else forms[0]
    if isinstance(best, _Listed) and best.earlier is None:
        context.codebooks.append(best.others)
    return best


def _forms(array: StoredTensor, context: Context) -> list[Form]:
    """Every form that may be the best one."""
    patterns, layout = array.patterns, LAYOUTS[array.dtype]
    if (patterns == patterns[0]).all():
        return [_Constant(int(patterns[0]), layout)]
    tensor = patterns.reshape(array.shape)
    zeros = ZeroFlags.of(tensor != 0)
    planes = PlanesPlan.of(patterns[patterns != 0], layout)
    forms: list[Form] = [_Planes(planes) if zeros.matrix.all() else _Sparse(zeros, planes)]
    codes = None if layout.is_float else whole_codes(tensor, array.dtype)
    if codes is not None:
        return [*forms, _Whole(_reaching(codes, zeros))]
    others = distinct(patterns)
    return forms if others is None else forms + _few_valued(tensor, layout, others, zeros, context)


def _few_valued(
    tensor: np.ndarray,
    layout: NumberLayout,
    others: np.ndarray,
    zeros: ZeroFlags,
    context: Context,
) -> list[Form]:
    """Forms of a tensor whose numbers are zero or one of `others`."""
    places = np.where(
        zeros.matrix, np.searchsorted(others, tensor).reshape(zeros.matrix.shape) + 1, 0
    )

    def named(names: np.ndarray) -> np.ndarray:
        return np.concatenate([[0], names]).astype(np.int16)[places].reshape(tensor.shape)

    forms: list[Form] = [_Listed(others, _listed(named(np.arange(others.size) + 1), others, zeros))]
    for number, book in enumerate(context.codebooks):
        if book.dtype == others.dtype and np.isin(others, book, assume_unique=True).all():
            codes = named(np.searchsorted(book, others) + 1)
            forms.append(_Listed(book, _listed(codes, book, zeros), number))
    grid = grid_of(others) if layout.is_float else None
    if grid is not None:
        step, codes = grid
        forms.append(_Grid(step, _reaching(named(codes), zeros), layout))
    return forms


def _reaching(codes: np.ndarray, zeros: ZeroFlags) -> CodesPlan:
    return CodesPlan.of(codes, *reach_of(codes), zeros)


def _listed(codes: np.ndarray, others: np.ndarray, zeros: ZeroFlags) -> CodesPlan:
    return CodesPlan.of(codes, 0, others.size, zeros, is_ordered=False)


@dataclass(frozen=True)
class _Constant(Form):
    """The same number everywhere."""

    pattern: int
    layout: NumberLayout

    def write(self, sink: SymbolSink) -> None:
        sink.uniform(_CONSTANT, _FORM_BITS)
        _write_number(self.pattern, self.layout, sink)


@dataclass(frozen=True)
class _Whole(_CodesForm):
    """Small whole numbers."""

    plan: CodesPlan

    def _write_head(self, sink: SymbolSink) -> None:
        sink.uniform(_WHOLE, _FORM_BITS)
        sink.numbers([self.plan.low, self.plan.high])


@dataclass(frozen=True)
class _Grid(_CodesForm):
    """Floats on an even grid."""

    step: int
    plan: CodesPlan
    layout: NumberLayout

    def _write_head(self, sink: SymbolSink) -> None:
        sink.uniform(_GRID, _FORM_BITS)
        _write_number(self.step, self.layout, sink)
        sink.numbers([self.plan.low, self.plan.high])


@dataclass(frozen=True)
class _Listed(_CodesForm):
    """Numbers out of a list, which may be one of an earlier array."""

    others: np.ndarray
    plan: CodesPlan
    earlier: int | None = None

    def _write_head(self, sink: SymbolSink) -> None:
        if self.earlier is None:
            sink.uniform(_CODEBOOK, _FORM_BITS)
            _write_codebook(self.others, sink)
        else:
            sink.uniform(_EARLIER, _FORM_BITS)
            sink.numbers(self.earlier)


@dataclass(frozen=True)
class _Planes(Form):
    """Numbers of many different values."""

    plan: PlanesPlan

    def write(self, sink: SymbolSink) -> None:
        sink.uniform(_PLANES, _FORM_BITS)
        self.plan.write(sink)


@dataclass(frozen=True)
class _Sparse(Form):
    """Zeros, and numbers of many different values."""

    zeros: ZeroFlags
    plan: PlanesPlan

    def write(self, sink: SymbolSink) -> None:
        sink.uniform(_SPARSE, _FORM_BITS)
        self.zeros.write(sink)
        self.plan.write(sink)


def read_form(
    reader: RangeReader, context: Context, dtype: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Bits of the numbers of an array, as unsigned integers in one axis.

    Raises
    ------
    ValueError
        No writer makes such a stream.
    """
    form, layout = reader.bits(_FORM_BITS), LAYOUTS[dtype]
    unsigned = np.dtype(f"<u{layout.size_bytes}")
    if form not in _READERS:
        raise ValueError(f"an array of the unknown form {form}")
    return _READERS[form](reader, context, layout, shape).astype(unsigned, copy=False)


def _read_constant(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    pattern = _read_number(reader, layout)
    return np.full(math.prod(shape), pattern, dtype=f"<u{layout.size_bytes}")


def _read_whole(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    return read_codes(reader, shape, *read_reach(reader))


def _read_grid(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    if not layout.is_float or layout.size_bytes < 4:
        raise ValueError("a grid of numbers other than float32 and float64")
    step = _read_number(reader, layout)
    codes = read_codes(reader, shape, *read_reach(reader))
    return grid_patterns(codes, step, np.dtype(f"<u{layout.size_bytes}"))


def _read_codebook(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    count = reader.number(2)
    if not 0 < count <= MAX_SPREAD:
        raise ValueError(f"a list of {count:,} values")
    shift = reader.bits(_SHIFT_BITS)
    steps = reader.numbers(count, shift)
    book = np.cumsum(steps + np.uint64(1), dtype=np.uint64)
    if (book[1:] <= book[:-1]).any() or not 0 < book[-1] <= 2 ** (8 * layout.size_bytes) - 1:
        raise ValueError("a list of values out of order")
    context.codebooks.append(book.astype(f"<u{layout.size_bytes}"))
    return _read_listed(reader, context.codebooks[-1], shape)


def _read_earlier(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    number = reader.number()
    if number >= len(context.codebooks):
        raise ValueError(f"an array with the values of list {number:,}, which is none")
    book = context.codebooks[number]
    if book.dtype.itemsize != layout.size_bytes:
        raise ValueError("an array with values of another size")
    return _read_listed(reader, book, shape)


def _read_listed(reader: RangeReader, book: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    codes = read_codes(reader, shape, 0, book.size, is_ordered=False)
    return np.concatenate([np.zeros(1, book.dtype), book])[codes]


def _read_patterns(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    return read_planes(reader, math.prod(shape), layout)


def _read_sparse(
    reader: RangeReader, context: Context, layout: NumberLayout, shape: tuple[int, ...]
) -> np.ndarray:
    flags = read_flags(reader, shape)
    patterns = np.zeros(flags.size, dtype=f"<u{layout.size_bytes}")
    n_others = int(np.count_nonzero(flags))
    if not n_others:
        raise ValueError("numbers other than zero, of which there are none")
    patterns[flags] = read_planes(reader, n_others, layout)
    return patterns


_READERS: Final[
    dict[int, Callable[[RangeReader, Context, NumberLayout, tuple[int, ...]], np.ndarray]]
] = {
    _CONSTANT: _read_constant,
    _WHOLE: _read_whole,
    _GRID: _read_grid,
    _CODEBOOK: _read_codebook,
    _EARLIER: _read_earlier,
    _PLANES: _read_patterns,
    _SPARSE: _read_sparse,
}


def _write_codebook(others: np.ndarray, sink: SymbolSink) -> None:
    steps = np.diff(others.astype(np.uint64), prepend=np.uint64(0)) - np.uint64(1)
    least = max(0, int(steps.max()).bit_length() - 23)
    shifts = np.arange(least, 2**_SHIFT_BITS, dtype=np.uint64)
    shift = int(shifts[np.argmin(bits_by_shift(steps, shifts))])
    sink.numbers(others.size, 2)
    sink.uniform(shift, _SHIFT_BITS)
    sink.numbers(steps, shift)


def _write_number(pattern: int, layout: NumberLayout, sink: SymbolSink) -> None:
    """Bits of one number without the zero bytes at its end (floats) or start (whole numbers)."""
    size = layout.size_bytes
    data = pattern.to_bytes(size, "big")
    kept = data.rstrip(b"\0") if layout.is_float else data.lstrip(b"\0")
    sink.uniform(len(kept), size.bit_length())
    sink.uniform(int.from_bytes(kept, "big"), 8 * len(kept))


def _read_number(reader: RangeReader, layout: NumberLayout) -> int:
    size = layout.size_bytes
    n_kept = reader.bits(size.bit_length())
    if n_kept > size:
        raise ValueError(f"a number of {n_kept} bytes where {size} are allowed")
    kept = reader.bits(8 * n_kept)
    return kept << 8 * (size - n_kept) if layout.is_float else kept
