from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skopt.space import Categorical, Integer, Real

from skdeepopt.space._values import Choice, Range

ENDS = st.tuples(st.floats(1e-6, 1e3), st.floats(1.1, 100)).map(lambda e: (e[0], e[0] * e[1]))
WHOLE_ENDS = st.tuples(st.integers(1, 50), st.integers(1, 50)).map(lambda e: (e[0], e[0] + e[1]))


@given(ENDS, st.booleans(), st.integers(0, 2**31))
def test_a_draw_lies_in_the_range_whichever_way(ends, log, seed):
    values = Range(*ends, log=log)

    drawn = [
        values.distribution().rvs(random_state=seed),
        values.dimension().rvs(random_state=seed)[0],
    ]

    assert all(ends[0] * (1 - 1e-9) <= value <= ends[1] * (1 + 1e-9) for value in drawn)


@given(WHOLE_ENDS, st.booleans(), st.integers(0, 2**31))
def test_a_draw_of_integers_is_one_of_them(ends, log, seed):
    values = Range(*ends, log=log, integer=True)

    drawn = [
        values.distribution().rvs(random_state=seed),
        values.dimension().rvs(random_state=seed)[0],
    ]

    assert all(ends[0] <= value <= ends[1] and value == int(value) for value in drawn)


def test_both_ends_of_integers_are_drawn():
    draws = Range(1, 3, integer=True).distribution().rvs(200, random_state=0)

    assert set(draws) == {1, 2, 3}


def test_a_logarithmic_range_has_half_of_its_draws_below_the_geometric_mean():
    values = Range(1e-4, 1e-2, log=True)

    draws = values.distribution().rvs(2000, random_state=0)

    assert abs((draws < 1e-3).mean() - 0.5) < 0.05
    assert values.dimension().prior == "log-uniform"


@pytest.mark.parametrize(
    ("values", "kind"),
    [(Range(0, 1), Real), (Range(1, 4, integer=True), Integer), (Choice(("a", "b")), Categorical)],
)
def test_a_dimension_is_of_its_kind(values, kind):
    assert isinstance(values.dimension(), kind)


def test_equal_ranges_are_equal_and_none_changes():
    assert Range(0, 1) == Range(0, 1)
    assert hash(Choice((1, 2))) == hash(Choice((1, 2)))
    with pytest.raises(AttributeError):
        Range(0, 1).low = 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1, "high": 1}, "low < high"),
        ({"low": 2, "high": 1}, "low < high"),
        ({"low": 0, "high": math.inf}, "finite"),
        ({"low": math.nan, "high": 1}, "finite"),
        ({"low": 0, "high": 1, "log": True}, "begins above 0"),
        ({"low": 0.5, "high": 2, "integer": True}, "of integers"),
    ],
)
def test_a_range_that_is_none_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Range(**arguments)


@pytest.mark.parametrize("values", [(), ("a",), ("a", "a")])
def test_a_choice_of_one_is_none(values):
    with pytest.raises(ValueError, match="two different values"):
        Choice(values)


def test_a_choice_keeps_types_in_a_list():
    values = Choice((None, np.float64(1.0), "a")).distribution()

    assert values == [None, 1.0, "a"]
