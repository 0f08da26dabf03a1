"""Ranges are ranges, and everything else is a category."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, loguniform, norm, poisson, randint, uniform
from sklearn.linear_model import Ridge
from skopt.space import Categorical, Integer, Real

from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._dimensions import Quantiles, as_dimension, as_dimensions, labelled

RIDGE, ONES = Ridge(), np.ones(2)
ODD = {
    "tuples": [(8, 16), (16,)],
    "lists": [[8, 16], [16]],
    "arrays": [ONES, np.zeros(2)],
    "estimators": [RIDGE, Ridge(2.0), None],
    "mixed": ["auto", 1, True, 1.0, None],
    "twice": ["a", "a"],
}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ((1, 5), Integer(1, 5)),
        ((0.1, 1), Real(0.1, 1.0)),
        ((1e-3, 1.0, "log-uniform"), Real(1e-3, 1.0, prior="log-uniform")),
        ((1, 64, "log-uniform", 2), Integer(1, 64, prior="log-uniform", base=2)),
        (uniform(1, 2), Real(1.0, 3.0)),
        (loguniform(1e-3, 1), Real(1e-3, 1.0, prior="log-uniform")),
        (randint(2, 5), Integer(2, 4)),
        (Integer(1, 3), Integer(1, 3)),
    ],
)
def test_ranges_become_numbers(given_, expected):
    assert as_dimension("x", given_) == expected


@pytest.mark.parametrize("given_", [[1, 5], [0.1, 1.0], ("a", "b"), (True, False), (1,), [None]])
def test_lists_and_tuples_of_other_things_become_categories(given_):
    assert as_dimension("x", given_).categories == tuple(given_)


@pytest.mark.parametrize("choices", ODD.values(), ids=ODD)
def test_categories_of_any_type_are_taken_as_they_are(choices):
    dimension = as_dimension("x", choices)

    assert all(a is b for a, b in zip(dimension.categories, choices, strict=True))


@pytest.mark.parametrize("choices", ODD.values(), ids=ODD)
def test_labels_lead_back_to_the_very_object(choices):
    dimension, values = labelled(as_dimension("x", choices))

    drawn = dimension.rvs(20, random_state=0)

    assert list(values) == list(dimension.categories)
    assert all(any(values[label] is choice for choice in choices) for label in drawn)


def test_what_skopt_can_encode_needs_no_labels():
    for choices in (["a", "b"], [1, 2], [True, False], (0.5, 2.0)):
        dimension = as_dimension("x", choices)
        assert labelled(dimension) == (dimension, {})


def test_a_dimension_that_was_handed_in_is_left_alone():
    mine = Real(1.0, 2.0)

    as_dimension("x", mine).set_transformer("normalize")

    assert (mine.name, mine.transform_) == (None, "identity")


def test_names_are_sorted_and_given_to_the_dimensions():
    dimensions = as_dimensions({"b": (0, 1), "a": ["x"]})

    assert [(name, d.name) for name, d in dimensions.items()] == [("a", "a"), ("b", "b")]


def test_priors_of_categories_are_kept():
    odd = Categorical([(1, 2), None], prior=[0.9, 0.1])

    dimension, _ = labelled(as_dimension("x", odd))

    assert dimension.prior == [0.9, 0.1]


@given(st.floats(0.001, 0.999), st.sampled_from([norm(3, 2), beta(2, 5)]))
def test_the_unit_interval_holds_the_quantiles_of_a_distribution(quantile, distribution):
    space = Coordinates({"x": as_dimension("x", distribution)})

    value = space.parameters(np.array([quantile]))["x"]

    assert value == pytest.approx(distribution.ppf(quantile))
    assert space.point({"x": value}) == pytest.approx([quantile])


def test_draws_follow_the_distribution():
    drawn = as_dimension("x", norm(3, 2)).rvs(2000, random_state=0)

    assert (np.mean(drawn), np.std(drawn)) == pytest.approx((3, 2), abs=0.15)


def test_quantiles_stay_quantiles():
    dimension = Quantiles(norm())

    dimension.set_transformer("identity")

    assert dimension.inverse_transform([0.5]) == pytest.approx([0.0])


@pytest.mark.parametrize("given_", [{1, 2}, "adam", 3, None, np.float64(1)])
def test_other_things_are_no_choices(given_):
    with pytest.raises(TypeError, match="choices for 'x' are a list"):
        as_dimension("x", given_)


def test_a_discrete_distribution_is_refused():
    with pytest.raises(TypeError, match="'poisson', which is discrete"):
        as_dimension("x", poisson(3))


def test_no_choice_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        as_dimension("x", [])


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"range of 'x', \(2, 1\), is none"):
        as_dimension("x", (2, 1))


def test_a_range_of_one_number_is_a_category():
    assert as_dimension("x", (2, 2)).categories == (2,)
