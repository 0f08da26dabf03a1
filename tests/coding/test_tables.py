import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skdeepopt.coding._range_coder import RangeReader, RangeWriter
from skdeepopt.coding._tables import choose_table, read_table

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).map(np.array)


def distances_of(counts):
    return np.abs(np.arange(len(counts)) - len(counts) // 2)


@given(COUNTS, st.booleans())
def test_a_table_comes_back(counts, is_ordered):
    distances = distances_of(counts) if is_ordered else None
    table, writer = choose_table(counts, distances), RangeWriter()

    table.write(writer)
    found = read_table(RangeReader(writer.to_bytes()), len(counts), distances)

    assert found.tolist() == table.frequencies.tolist()


@given(COUNTS, st.booleans())
def test_frequencies_sum_to_a_power_of_two_and_give_each_count_a_chance(counts, is_ordered):
    assume(len(counts) > 1)
    table = choose_table(counts, distances_of(counts) if is_ordered else None)

    assert table.frequencies.sum() == 2**16
    assert table.frequencies[counts > 0].all()


@given(COUNTS)
def test_a_table_costs_little_more_than_the_entropy(counts):
    assume(counts.sum() > 10_000 and len(counts) > 1)
    table, share = choose_table(counts), counts / counts.sum()

    entropy = -(counts[counts > 0] @ np.log2(share[counts > 0]))

    assert counts @ table.lengths <= 1.03 * entropy + 32 * len(counts)


def test_a_geometric_law_is_shorter_than_a_long_list():
    distances = np.abs(np.r_[np.arange(-30, 0), np.arange(1, 31)]) - 1
    counts = np.rint(2000 * 0.8**distances).astype(int)

    assert choose_table(counts, distances).kind == 3


@pytest.mark.parametrize("levels", [[0, 0, 0], [40, 0, 0], [-1, 1, 1]])
def test_levels_that_are_never_written_are_refused(levels):
    writer, steps = RangeWriter(), np.diff(levels, prepend=0)
    writer.uniform([0, 0], 2)
    writer.numbers(np.where(steps < 0, -2 * steps - 1, 2 * steps))

    with pytest.raises(ValueError, match="levels out of range"):
        read_table(RangeReader(writer.to_bytes()), 3, None)


def test_a_law_needs_an_order():
    writer = RangeWriter()
    writer.uniform(3, 2)

    with pytest.raises(ValueError, match="without an order"):
        read_table(RangeReader(writer.to_bytes()), 3, None)
