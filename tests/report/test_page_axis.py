from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._page_axis import MOST_TICKS, log_axis, score_axis

SIZES = st.lists(st.floats(1e-4, 1e9), min_size=1, max_size=20)
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(SIZES)
def test_every_value_is_inside_a_logarithmic_axis_in_its_order(values):
    axis = log_axis(values, 10, 200)

    places = [axis.place(value) for value in sorted(values)]
    assert 10 < places[0] <= places[-1] < 200
    assert places == sorted(places)


@given(SIZES)
def test_a_logarithmic_axis_has_a_few_numbers_and_spans_a_factor_of_four(values):
    axis = log_axis(values, 0, 1)

    assert 1 <= len(axis.ticks) <= MOST_TICKS
    assert axis.high / axis.low >= 3.99
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)


def test_equal_factors_are_equal_steps():
    axis = log_axis([1, 100], 0, 1)

    assert axis.place(10) - axis.place(1) == pytest.approx(axis.place(100) - axis.place(10))


@given(SCORES, st.none() | st.floats(0, 1), st.floats(0, 0.5))
def test_a_score_axis_goes_up_and_has_its_numbers_inside(scores, reference, drop):
    axis = score_axis(scores, reference, drop, 300, 0)

    assert axis.low < axis.high
    assert 1 <= len(axis.ticks) <= MOST_TICKS + 1
    assert all(axis.low <= tick <= min(axis.high, 1) for tick in axis.ticks)
    assert 0 <= axis.place(max(scores)) <= axis.place(min(scores)) <= 300


@given(SCORES)
def test_without_a_reference_every_score_is_inside(scores):
    axis = score_axis(scores, None, 0.005, 300, 0)

    assert axis.low < min(scores) <= max(scores) < axis.high


def test_scores_far_below_the_reference_lie_on_the_edge():
    axis = score_axis([0.1, 0.98, 0.99], 0.99, 0.005, 300, 0)

    assert axis.low > 0.9
    assert axis.place(0.1) == 300
    assert axis.low < 0.99 - 0.005
