"""Costs are finite whatever failed, and a front is found through random weights."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdeepopt.search._costs import costs_of, scalarized
from skdeepopt.search._pareto import nondominated
from skdeepopt.search._trial import Trial, TrialResult
from skdeepopt.workers._failure import Failure

NUMBERS = st.floats(-1e3, 1e3)


def result(failed=False, **scores):
    columns = {name: np.array([value]) for name, value in scores.items()}
    failure = Failure("exception", "no") if failed else None
    return TrialResult(Trial(0, {}), columns, None, np.zeros(1), np.zeros(1), failure, False)


def costs(results, metrics=("score",)):
    return costs_of(results, metrics, np.random.RandomState(0))


def test_of_one_metric_the_cost_is_the_negative_mean():
    assert costs([result(score=0.75), result(score=-2.0)]) == [-0.75, 2.0]


def test_a_failure_costs_as_much_as_the_worst_that_did_not_fail():
    assert costs([result(score=1.0), result(failed=True), result(score=0.5)]) == [-1.0, -0.5, -0.5]


def test_where_all_failed_all_cost_the_same():
    assert costs([result(failed=True), result(score=math.nan)]) == [0.0, 0.0]


def test_without_any_metric_known_all_cost_the_same():
    assert costs([result(failed=True)], ()) == [0.0]


@given(st.lists(st.tuples(st.booleans(), NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_costs_are_finite(rows):
    results = [result(failed, a=a, b=b) for failed, a, b in rows]

    assert np.isfinite(costs(results, ("a", "b"))).all()


@given(arrays(float, (6, 2), elements=NUMBERS), st.floats(0.01, 0.99))
def test_what_costs_least_is_on_the_front(values, weight):
    cheapest = scalarized(values, np.array([weight, 1 - weight])).argmin()

    # Values nearer to each other than a double can tell at this scale cost the same.
    ties = np.isclose(scalarized(values, np.array([weight, 1 - weight])), 0, atol=1e-9)
    assert nondominated(values)[cheapest] or ties.sum() > 1 or _is_close(values, cheapest)


def _is_close(values, row):
    span = values.max(axis=0) - values.min(axis=0)
    gaps = np.abs(values - values[row]) <= 1e-9 * np.where(span, span, 1)
    return gaps.all(axis=1).sum() > 1


def test_each_end_of_a_front_is_the_best_for_some_weights():
    values = np.array([[0.9, -10.0], [0.8, -5.0], [0.7, -1.0]])

    best = [scalarized(values, np.array([w, 1 - w])).argmin() for w in (0.99, 0.5, 0.01)]

    assert best == [0, 1, 2]
