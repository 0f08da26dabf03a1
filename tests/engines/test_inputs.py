from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.engines._inputs import as_input, batch_size_for

FLOAT = np.dtype(np.float32)


def test_an_array_that_is_right_is_not_copied():
    array = np.zeros((2, 3), np.float32)

    assert np.shares_memory(as_input(array, FLOAT, "Engine"), array)


def test_pixels_that_are_right_are_not_copied():
    array = np.zeros((2, 3), np.uint8)

    assert np.shares_memory(as_input(array, np.dtype(np.uint8), "Engine"), array)


@given(st.lists(st.integers(1, 5000), max_size=3))
def test_a_batch_holds_a_sample_at_least_and_memory_is_bounded(sides):
    size = batch_size_for(tuple(sides))

    assert 1 <= size <= 1024
    assert size == 1 or size * np.prod(sides, dtype=float) <= 1 << 22
