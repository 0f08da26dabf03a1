import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.coding._range_coder import (
    CodeCounter,
    RangeReader,
    RangeWriter,
    read_varint,
    write_varint,
)

NUMBERS = st.lists(st.integers(0, 2**24 - 2), max_size=30)


@st.composite
def messages(draw):
    """A table, and symbols that it gives a chance to."""
    weights = draw(st.lists(st.integers(0, 2**12), min_size=2, max_size=9).filter(any))
    frequencies = np.array(weights)
    frequencies[np.argmax(frequencies)] += 2**16 - frequencies.sum()
    occurs = np.flatnonzero(frequencies).tolist()
    return frequencies, np.array(draw(st.lists(st.sampled_from(occurs), max_size=60)), dtype=int)


@given(messages(), NUMBERS, st.integers(0, 9), st.lists(st.integers(0, 2**40 - 1), max_size=9))
def test_what_was_written_is_read(message, numbers, shift, wide):
    frequencies, symbols = message
    writer = RangeWriter()
    writer.symbols(symbols, frequencies)
    writer.numbers(numbers, shift)
    writer.uniform(wide, 40)
    writer.flat(np.arange(5, dtype=np.uint8))

    reader = RangeReader(writer.to_bytes())

    assert reader.symbols(len(symbols), frequencies).tolist() == symbols.tolist()
    assert reader.numbers(len(numbers), shift).tolist() == numbers
    assert reader.uniform(len(wide), 40).tolist() == wide
    assert reader.flat(5).tolist() == [0, 1, 2, 3, 4]
    assert reader.n_flat_left == 0


@given(messages(), NUMBERS, st.integers(0, 9))
def test_all_three_count_the_same_bits(message, numbers, shift):
    frequencies, symbols = message
    sinks = writer, counter = RangeWriter(), CodeCounter()
    for sink in sinks:
        sink.numbers(numbers, shift)
        with sink.part("values"):
            sink.symbols(symbols, frequencies)
    read = CodeCounter()
    reader = RangeReader(writer.to_bytes(), read)

    reader.numbers(len(numbers), shift)
    with reader.part("values"):
        reader.symbols(len(symbols), frequencies)

    assert read.total == pytest.approx(counter.total)
    # The coder's own rounding: it divides intervals of 32 bits or more by 24.
    assert sum(writer.bits.values()) == pytest.approx(counter.total, rel=0.01, abs=0.1)


@given(messages())
def test_a_stream_is_as_long_as_its_bits_and_little_more(message):
    frequencies, symbols = message
    writer = RangeWriter()

    writer.symbols(symbols, frequencies)

    # A byte says that there are no flat ones. Where a carry is open, a word more is written.
    assert 8 * len(writer.to_bytes()) <= sum(writer.bits.values()) + 8 + 40


@given(st.integers(0, 2**63 - 1), st.binary(max_size=3))
def test_a_varint_is_read_to_its_end(number, after):
    text = write_varint(number)

    assert read_varint(text + after, 0) == (number, len(text))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 10])
def test_a_varint_that_is_never_written_is_refused(data):
    with pytest.raises(ValueError, match="a length that is none"):
        read_varint(data, 0)


def test_flat_bytes_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="9 flat bytes, of which 2 are there"):
        RangeReader(b"\x09ab")
    with pytest.raises(ValueError, match="3 flat bytes, of which 2 are there"):
        RangeReader(b"\x02ab").flat(3)
