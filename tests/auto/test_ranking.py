from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skdeepopt import CNNClassifier, CNNRegressor
from skdeepopt.auto._ranking import Ranking, margin_ratio, margins
from skdeepopt.auto._split import Part

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu", "widths": (4, 8)}
MARGINS = hnp.arrays(
    np.float64, st.integers(2, 30), elements=st.floats(-8, 8).map(lambda x: round(x, 3))
)


def ranked(*found, weight=None, accuracies=None, taught=None):
    """Order of networks with those margins."""
    ranking = Ranking([(None, SimpleNamespace(sample_weight=weight))])
    trials = []
    for at, each in enumerate(found):
        accuracy = np.average(each > 0, weights=weight) if accuracies is None else accuracies[at]
        scores = () if accuracy is None else (accuracy,)
        row = SimpleNamespace(name=str(at))
        model = SimpleNamespace(teacher_=None) if at == taught else None
        trials.append(SimpleNamespace(row=row, scores=scores, model=model, models=()))
        ranking.known[str(at), 0] = each
    return ranking.best_first(trials)


def with_errors(n_errors, spread, n_samples=200):
    """Margins around 1; the first samples are wrong."""
    found = 1 + spread * np.linspace(-1, 1, n_samples)
    found[:n_errors] = -0.1
    return found


def test_the_more_accurate_comes_first_where_the_samples_can_tell():
    assert ranked(with_errors(9, 0.1), with_errors(2, 0.8)) == [1, 0]


def test_of_equally_accurate_ones_that_with_margins_alike_comes_first():
    assert ranked(with_errors(0, 0.8), with_errors(0, 0.1)) == [1, 0]
    assert ranked(with_errors(0, 0.8), with_errors(4, 0.1)) == [1, 0]
    assert ranked(with_errors(0, 0.8), with_errors(5, 0.1)) == [0, 1]


def test_more_errors_that_are_others_than_the_best_ones_may_be_chance():
    best, other = with_errors(0, 0.8), with_errors(0, 0.1)
    best[:10] = -1
    other[10:26] = -1

    assert ranked(best, other) == [1, 0]
    assert ranked(best, with_errors(16, 0.1)) == [0, 1]


def test_of_equally_accurate_ones_that_with_a_teacher_comes_first():
    assert ranked(with_errors(0, 0.1), with_errors(4, 0.8), taught=1) == [1, 0]
    assert ranked(with_errors(0, 0.1), with_errors(5, 0.8), taught=1) == [0, 1]


def test_a_failed_one_is_left_out_and_regressors_go_by_their_score():
    one, two = with_errors(0, 0.8), with_errors(0, 0.1)

    assert ranked(one, two, accuracies=[1.0, None]) == [0]
    assert ranked(None, None, None, accuracies=[0.2, 0.9, 0.4]) == [1, 2, 0]
    assert ranked() == []


@given(st.lists(MARGINS.map(lambda each: np.resize(each, 20)), min_size=1, max_size=5))
def test_each_has_a_place_and_the_first_is_near_the_best(found):
    order = ranked(*found)

    assert sorted(order) == list(range(len(found)))
    errors = [(each <= 0).sum() for each in found]
    assert errors[order[0]] - min(errors) <= 2 * np.sqrt(20)


@given(MARGINS, st.floats(0.1, 100))
def test_no_factor_of_the_logits_changes_the_ratio(found, factor):
    assert margin_ratio(factor * found) == pytest.approx(margin_ratio(found), rel=1e-6, abs=1e-9)


@given(MARGINS, st.integers(1, 4))
def test_a_weight_is_as_good_as_repeats(found, times):
    weight = np.where(np.arange(len(found)) % 2, 1.0, times)
    repeated = np.repeat(found, weight.astype(int))

    assert margin_ratio(found, weight) == pytest.approx(margin_ratio(repeated), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("names", [np.arange(3), np.array(["owl", "cat", "dog"])])
def test_a_margin_is_above_zero_where_the_answer_is_right(X, y, n_classes, names):
    labels = names[y % n_classes]
    model = CNNClassifier(**SHORT).fit(X, labels)

    found = margins(model, Part(X, labels, None))

    np.testing.assert_array_equal(found > 0, model.predict(X) == labels)


def test_numbers_have_no_margins(X, numbers):
    model = CNNRegressor(**SHORT).fit(X, numbers)

    assert margins(model, Part(X, numbers, None)) is None
    assert margins(None, Part(X, numbers, None)) is None
