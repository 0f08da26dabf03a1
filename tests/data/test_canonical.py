from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdeepopt.data import _canonical
from skdeepopt.data._canonical import canonical_order

ROWS = arrays(
    st.sampled_from([np.uint8, np.float32, np.float64, np.int64]),
    st.tuples(st.integers(1, 30), st.integers(1, 9)),
    elements=st.integers(0, 5),
)


@given(ROWS, st.randoms())
def test_shuffled_rows_come_into_the_same_order(rows, random):
    order = np.array(random.sample(range(len(rows)), len(rows)))
    shuffled = rows[order]

    np.testing.assert_array_equal(rows[canonical_order(rows)], shuffled[canonical_order(shuffled)])


@given(ROWS)
def test_each_row_is_in_the_order_once(rows):
    assert sorted(canonical_order(rows)) == list(range(len(rows)))


@given(ROWS)
def test_equal_rows_stand_together(rows):
    ordered = rows[canonical_order(rows)]

    changes = (ordered[1:] != ordered[:-1]).any(1).sum()
    assert changes == len(np.unique(rows, axis=0)) - 1


@given(ROWS, st.integers(1, 4))
def test_repeated_rows_follow_the_order_of_the_single_ones(rows, times):
    distinct = np.unique(rows, axis=0)

    repeated = np.repeat(distinct, times, 0)

    np.testing.assert_array_equal(
        repeated[canonical_order(repeated)],
        np.repeat(distinct[canonical_order(distinct)], times, 0),
    )


def test_targets_tell_equal_rows_apart():
    rows, targets = np.zeros((20, 3)), np.arange(20)
    order = np.random.default_rng(0).permutation(20)

    first = targets[canonical_order(rows, targets)]
    second = targets[order][canonical_order(rows, targets[order])]

    np.testing.assert_array_equal(first, second)


def test_the_order_looks_random():
    rows = np.arange(1000.0)[:, None]

    order = canonical_order(rows)

    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


def test_the_size_of_the_chunks_decides_nothing(monkeypatch):
    rows = np.random.default_rng(0).random((50, 3), dtype=np.float32)
    expected = canonical_order(rows)
    monkeypatch.setattr(_canonical, "_CHUNK", 7)

    np.testing.assert_array_equal(canonical_order(rows), expected)


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda rows: rows[::2], np.ascontiguousarray]
)
def test_the_place_in_memory_decides_nothing(layout):
    rows = layout(np.random.default_rng(0).random((20, 6)))

    np.testing.assert_array_equal(canonical_order(rows), canonical_order(rows.copy(order="C")))


def test_rows_that_differ_in_one_byte_differ():
    rows = np.zeros((784, 784), dtype=np.uint8)
    np.fill_diagonal(rows, 1)

    digests = _canonical._hashes(rows, 0)

    assert len(np.unique(digests)) == 784


def test_rows_that_look_alike_at_a_glance_are_told_apart():
    rows = np.zeros((400, 3200), dtype=np.uint8)
    rows[np.arange(400), 8 * np.arange(400)] = 1
    order = np.random.default_rng(0).permutation(400)
    shuffled = rows[order]

    np.testing.assert_array_equal(rows[canonical_order(rows)], shuffled[canonical_order(shuffled)])
