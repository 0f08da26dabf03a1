"""A range coder that any language can rebuild: every probability is a ratio of whole numbers.

A table gives each symbol a whole frequency, and the frequencies of a table sum to a power of two.
The interval of symbol ``i`` of ``n`` then begins at ``c[i] * (2**24 - n) // total + i`` in units of
``2**-24``, where ``c[i]`` is the sum of the frequencies before it.

References
----------
Martin (1979), "Range encoding: an algorithm for removing redundancy from a digitised message".
Bamler (2022), "Understanding entropy coding with asymmetric numeral systems", arXiv:2201.01741
(the library ``constriction``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Protocol

import numpy as np

__all__ = [
    "CodeCounter",
    "RangeReader",
    "RangeWriter",
    "SymbolSink",
    "bits_by_shift",
    "interval_bits",
    "number_bits",
    "read_varint",
    "write_varint",
]

PRECISION: Final = 24
"""Probabilities are multiples of two to the minus this."""

_CHUNK: Final = 16
"""Bits that one symbol holds at most, where all its values are equally likely."""

_STATE_BITS: Final = 64

_N_LENGTHS: Final = 24
_LENGTHS: Final = 2.0 ** np.r_[np.arange(_N_LENGTHS - 1, 0, -1), 1]
"""Elias gamma: each further bit of length is half as likely."""

MAX_NUMBER: Final = 2**_N_LENGTHS - 2
"""Largest number, after its low bits were split off."""


class SymbolSink(Protocol):
    """What takes symbols: something that writes them, or something that only adds up their bits."""

    def symbols(self, symbols: np.ndarray, frequencies: np.ndarray) -> None:
        """Take symbols that follow a table."""

    def uniform(self, numbers: Any, n_bits: int) -> None:
        """Take numbers of `n_bits` bits, all equally likely."""

    def numbers(self, numbers: Any, shift: int = 0) -> None:
        """Take whole numbers from 0, smaller ones in fewer bits (exponential Golomb codes)."""

    def flat(self, data: np.ndarray) -> None:
        """Take bytes that no table describes; they are kept beside the stream."""

    def part(self, name: str) -> Any:
        """Context in which bits are counted under a name."""


def interval_bits(frequencies: np.ndarray) -> np.ndarray:
    """Bits that each symbol of a table takes."""
    n = len(frequencies)
    edges = np.concatenate([[0], np.cumsum(frequencies, dtype=np.int64)])
    lefts = edges * (2**PRECISION - n) // edges[-1] + np.arange(n + 1)
    lefts[-1] = 2**PRECISION
    bits: np.ndarray = PRECISION - np.log2(np.diff(lefts))
    return bits


def number_bits(numbers: np.ndarray, shift: int | np.ndarray = 0) -> np.ndarray:
    """Bits that :meth:`SymbolSink.numbers` takes for each of the numbers, but for rounding."""
    return 2 * _length(np.asarray(numbers) >> shift) + 1 + shift


def bits_by_shift(numbers: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Bits that all the numbers take together, with each of the shifts, of the same type."""
    bits: np.ndarray = number_bits(numbers, shifts[:, None]).sum(axis=1)
    return bits


class _Sink:
    """The numbers of a stream in terms of its symbols."""

    def __init__(self) -> None:
        self.bits: dict[str, float] = {}
        self._part = "tables"

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        before, self._part = self._part, name
        try:
            yield
        finally:
            self._part = before

    def numbers(self: Any, numbers: Any, shift: int = 0) -> None:
        values = np.atleast_1d(np.asarray(numbers, dtype=np.uint64))
        high = (values >> np.uint64(shift)).astype(np.int64) + 1
        lengths = _length(high - 1)
        assert lengths.max(initial=0) < _N_LENGTHS, "the shift must leave 24 bits"
        self.symbols(lengths, _LENGTHS)
        for length in np.unique(lengths[lengths > 0]).tolist():
            self.uniform(high[lengths == length] - (1 << length), length)
        self.uniform(values & np.uint64((1 << shift) - 1), shift)

    def _add(self, bits: float) -> None:
        self.bits[self._part] = self.bits.get(self._part, 0.0) + bits


class CodeCounter(_Sink):
    """Adds up the bits that symbols would take.

    Attributes
    ----------
    bits : dict of str to float
        By part of the stream.
    """

    def symbols(self, symbols: np.ndarray, frequencies: np.ndarray) -> None:
        if len(frequencies) > 1:
            counts = np.bincount(symbols.reshape(-1), minlength=len(frequencies))
            self._add(float(counts @ interval_bits(frequencies)))

    def uniform(self, numbers: Any, n_bits: int) -> None:
        self._add(float(n_bits * np.size(numbers)))

    def flat(self, data: np.ndarray) -> None:
        self._add(8.0 * data.size)

    @property
    def total(self) -> float:
        return sum(self.bits.values())


class RangeWriter(_Sink):
    """Writes symbols into one stream of bytes.

    Attributes
    ----------
    bits : dict of str to float
        Taken so far, by part of the stream.
    """

    def __init__(self) -> None:
        import constriction

        super().__init__()
        self._coder = constriction.stream.queue.RangeEncoder()
        self._flat: list[bytes] = []

    def symbols(self, symbols: np.ndarray, frequencies: np.ndarray) -> None:
        if len(frequencies) > 1:
            self._write(symbols, _categorical(frequencies))

    def uniform(self, numbers: Any, n_bits: int) -> None:
        values = np.atleast_1d(np.asarray(numbers, dtype=np.uint64))
        for low, width in _chunks(n_bits):
            mask = np.uint64((1 << width) - 1)
            self._write((values >> np.uint64(low)) & mask, _uniform(width))

    def flat(self, data: np.ndarray) -> None:
        self._flat.append(data.tobytes())
        self._add(8.0 * data.size)

    def to_bytes(self) -> bytes:
        """Flat bytes after their number, then the stream without the zeros at its end."""
        flat = b"".join(self._flat)
        return write_varint(len(flat)) + flat + self._stream().rstrip(b"\0")

    def _stream(self) -> bytes:
        """Words of the coder, closed by the shortest number in its last interval."""
        words: np.ndarray = self._coder.get_compressed()
        n_words, (lower, width) = self._coder.pos()
        # An interval across 2**64 leaves open whether the words before it carry.
        if lower + width > 2**_STATE_BITS:
            return words.astype(">u4").tobytes()
        for n_bytes in range(_STATE_BITS // 8 + 1):
            step = 1 << _STATE_BITS - 8 * n_bytes
            closing = -(-lower // step) * step
            if closing < lower + width:
                break
        last = closing.to_bytes(_STATE_BITS // 8 + 1, "big")[1:]
        return words[:n_words].astype(">u4").tobytes() + last

    def _write(self, symbols: np.ndarray, model: Any) -> None:
        before = _position(self._coder)
        self._coder.encode(np.ascontiguousarray(symbols.reshape(-1), dtype=np.int32), model)
        self._add(_position(self._coder) - before)


class RangeReader:
    """Reads what :class:`RangeWriter` wrote, given the same tables in the same order.

    Parameters
    ----------
    data : bytes
    counter : CodeCounter or None, default=None
        Is shown all that was read, to tell what it took.

    Raises
    ------
    ValueError
        The data end too soon.
    """

    def __init__(self, data: bytes, counter: CodeCounter | None = None) -> None:
        import constriction

        n_flat, begin = read_varint(data, 0)
        if begin + n_flat > len(data):
            raise ValueError(f"{n_flat:,} flat bytes, of which {len(data) - begin:,} are there")
        self._flat = memoryview(data)[begin : begin + n_flat]
        words = _as_words(data[begin + n_flat :])
        self._coder = constriction.stream.queue.RangeDecoder(words)
        self._counter = counter

    def part(self, name: str) -> Any:
        """Context in which bits are counted under a name."""
        return self._counter.part(name) if self._counter else nullcontext()

    def symbols(self, count: int, frequencies: np.ndarray) -> np.ndarray:
        """So many symbols, as int32."""
        if len(frequencies) == 1 or count == 0:
            return np.zeros(count, dtype=np.int32)
        found = self._read(count, _categorical(frequencies))
        if self._counter:
            self._counter.symbols(found, frequencies)
        return found

    def uniform(self, count: int, n_bits: int) -> np.ndarray:
        """So many numbers of `n_bits` bits, as uint64."""
        values = np.zeros(count, dtype=np.uint64)
        for low, width in _chunks(n_bits):
            values |= self._read(count, _uniform(width)).astype(np.uint64) << np.uint64(low)
        if self._counter:
            self._counter.uniform(values, n_bits)
        return values

    def numbers(self, count: int, shift: int = 0) -> np.ndarray:
        """So many whole numbers, as uint64."""
        lengths = self.symbols(count, _LENGTHS)
        high = np.uint64(1) << lengths.astype(np.uint64)
        for length in np.unique(lengths[lengths > 0]).tolist():
            here = lengths == length
            high[here] |= self.uniform(int(here.sum()), length)
        return (high - np.uint64(1)) << np.uint64(shift) | self.uniform(count, shift)

    def number(self, shift: int = 0) -> int:
        """One whole number."""
        return int(self.numbers(1, shift)[0])

    def bits(self, n_bits: int) -> int:
        """One number of `n_bits` bits."""
        return int(self.uniform(1, n_bits)[0])

    def flat(self, count: int) -> np.ndarray:
        """So many flat bytes.

        Raises
        ------
        ValueError
            There are fewer.
        """
        if count > len(self._flat):
            raise ValueError(f"{count:,} flat bytes, of which {len(self._flat):,} are there")
        found = np.frombuffer(self._flat[:count], dtype=np.uint8)
        self._flat = self._flat[count:]
        if self._counter:
            self._counter.flat(found)
        return found

    @property
    def n_flat_left(self) -> int:
        """Flat bytes that were not read."""
        return len(self._flat)

    def _read(self, count: int, model: Any) -> np.ndarray:
        try:
            found: np.ndarray = self._coder.decode(model, count)
        except AssertionError as error:  # how the library says so
            raise ValueError("words that no tables could have led to") from error
        return found


def _chunks(n_bits: int) -> Iterator[tuple[int, int]]:
    """Lowest bit and width of each piece of a wide number, highest first."""
    for low in reversed(range(0, n_bits, _CHUNK)):
        yield low, min(_CHUNK, n_bits - low)


def write_varint(number: int) -> bytes:
    """A whole number in groups of seven bits, lowest first; the top bit says that more follow."""
    groups = bytearray()
    while number >= 2**7:
        groups.append(number % 2**7 + 2**7)
        number >>= 7
    return bytes([*groups, number])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of :func:`write_varint`, and where it ends.

    Raises
    ------
    ValueError
        It is cut short, takes more than nine bytes, or more than it needs.
    """
    number = 0
    for count, byte in enumerate(data[at : at + 9]):
        number |= (byte & 2**7 - 1) << 7 * count
        if byte < 2**7:
            if count and not byte:
                break
            return number, at + count + 1
    raise ValueError("a length that is none")


def _as_words(data: bytes) -> np.ndarray:
    padded = data + b"\0" * (-len(data) % 4)
    return np.frombuffer(padded, dtype=">u4").astype(np.uint32)


def _position(coder: Any) -> float:
    """Bits that an encoder has taken."""
    n_words, (_, width) = coder.pos()
    return float(32 * n_words - math.log2(width))


def _length(numbers: np.ndarray) -> np.ndarray:
    """Bits of a number plus one, less the leading one."""
    return np.frexp(numbers + 1.0)[1] - 1


def _categorical(frequencies: np.ndarray) -> Any:
    import constriction

    return constriction.stream.model.Categorical(frequencies.astype(np.float64), perfect=False)


def _uniform(n_bits: int) -> Any:
    import constriction

    return constriction.stream.model.Uniform(2**n_bits)
