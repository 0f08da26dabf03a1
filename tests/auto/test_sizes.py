from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.auto._sizes import SizeSearch


def searched(search, fits, n=1):
    """Numbers tried, in order."""
    tried = []
    while sizes := search.proposed(n):
        for size in sizes:
            tried.append(size)
            search.tell(size, fits(size))
    return tried


@given(st.floats(1, 10_000), st.floats(1, 10_000), st.integers(1, 3))
def test_the_smallest_that_fits_is_found_to_a_tenth(first, bound, n):
    search = SizeSearch(first=first, low=1, high=10_000, most=40)

    searched(search, lambda size: size >= bound, n)

    assert bound <= search.smallest <= 1.13 * bound or search.smallest <= 1.13


@given(st.floats(1, 10_000), st.integers(1, 3), st.integers(1, 12))
def test_no_more_is_tried_than_allowed_and_nothing_twice_or_beyond_the_ends(bound, n, most):
    search = SizeSearch(first=64, low=2, high=900, most=most)

    tried = searched(search, lambda size: size >= bound, n)

    assert len(tried) == len(set(tried)) <= most
    assert all(2 <= size <= 900 for size in tried)


@given(st.lists(st.booleans(), min_size=20, max_size=20))
def test_a_search_ends_whatever_it_is_told(answers):
    search, answers = SizeSearch(first=64, low=1, high=1000, most=20), iter(answers)

    tried = searched(search, lambda size: next(answers))

    assert len(tried) <= 20


def test_where_nothing_fits_the_largest_is_tried_last():
    search = SizeSearch(first=10, low=1, high=200, most=20)

    tried = searched(search, lambda size: False)

    assert tried[-1] == 200
    assert math.isinf(search.smallest)


def test_whole_numbers_are_whole_and_found_exactly():
    search = SizeSearch(first=3, low=1, high=10, most=9, is_whole=True)

    tried = searched(search, lambda size: size >= 4)

    assert search.smallest == 4
    assert all(size == int(size) for size in tried)
