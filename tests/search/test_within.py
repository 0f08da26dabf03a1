from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

from skdeepopt.measurement._scorers import COST_SCORERS, register_scorers
from skdeepopt.search._within import fastest_within, smallest_within

register_scorers()

GRIDS = st.integers(0, 6)
COLUMNS = st.lists(st.tuples(GRIDS | st.none(), GRIDS | st.none()), min_size=1, max_size=8).map(
    lambda pairs: np.array(pairs, dtype=float)
)


def results(scores, costs, *, metric="accuracy", cost="neg_model_bytes"):
    return {
        f"mean_test_{metric}": np.asarray(scores, dtype=float),
        f"mean_test_{cost}": np.asarray(costs, dtype=float),
    }


@given(COLUMNS, GRIDS)
def test_no_other_candidate_within_the_drop_is_cheaper_or_as_cheap_and_better(table, drop):
    scores, costs = table.T
    whole = ~np.isnan(table).any(axis=1)
    if not whole.any():
        return

    chosen = smallest_within(drop)(results(scores, costs))

    within = whole & (scores >= scores[whole].max() - drop)
    assert within[chosen]
    assert costs[chosen] == costs[within].max()
    assert scores[chosen] == scores[within & (costs == costs[chosen])].max()


@given(COLUMNS)
def test_without_a_drop_a_best_candidate_is_chosen(table):
    if np.isnan(table).any():
        return

    chosen = fastest_within(0)(results(*table.T, cost="neg_latency_ms"))

    assert table[chosen, 0] == table[:, 0].max()


def test_a_difference_that_only_rounds_over_the_drop_is_within_it():
    assert 0.975 - 0.97 > 0.005

    assert smallest_within(0.005)(results([0.975, 0.97], [-9, -1])) == 1


def test_of_equals_the_first_is_chosen():
    assert smallest_within(0.1)(results([0.9, 0.9], [-1, -1])) == 0


def test_a_regressor_may_score_below_zero():
    found = results([-120.0, -100.0, -104.0], [-1, -9, -3], metric="neg_mean_squared_error")

    assert smallest_within(5)(found) == 2


def test_the_only_score_that_is_no_cost_is_the_metric():
    found = results([0.9, 0.8], [-9, -1]) | {"mean_test_neg_latency_ms": np.array([-1.0, -2.0])}

    assert smallest_within(0.2)(found) == 1
    assert fastest_within(0.2)(found) == 0


def test_of_several_scores_one_is_named():
    found = results([0.9, 0.8], [-9, -1]) | {"mean_test_f1": np.array([0.5, 0.9])}

    assert smallest_within(0, metric="accuracy")(found) == 0
    assert smallest_within(0, metric="f1")(found) == 1
    with pytest.raises(
        ValueError, match=r"one of 'accuracy', 'f1'.*smallest_within\(0, metric='accuracy'\)"
    ):
        smallest_within(0)(found)


def test_another_cost_may_be_named():
    found = results([0.9, 0.8], [-9, -1], cost="neg_joules")

    assert smallest_within(0.2, cost="neg_joules")(found) == 1


def test_a_search_without_the_cost_is_told_what_to_write():
    found = {"mean_test_f1": np.array([0.9])}

    with pytest.raises(ValueError, match=r"scoring=\['f1', 'neg_latency_ms'\]"):
        fastest_within(0.1)(found)


def test_a_search_with_a_single_score_is_told_what_to_write():
    search = GridSearchCV(
        DecisionTreeClassifier(), {"max_depth": [1, 2]}, refit=smallest_within(0.01)
    )

    with pytest.raises(ValueError, match=r"scores of the search are 'score'.*\['accuracy', 'neg_m"):
        search.fit(*load_iris(return_X_y=True))


def test_a_search_of_costs_alone_is_told_what_to_write():
    with pytest.raises(ValueError, match=r"a score besides.*\['accuracy', 'neg_model_bytes'\]"):
        smallest_within(0.1)({"mean_test_neg_model_bytes": np.array([-1.0])})


def test_a_metric_that_the_search_lacks_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"one of 'accuracy', not 'acuracy'.*'accuracy'\?"):
        smallest_within(0.1, metric="acuracy")(results([0.9], [-1]))


def test_where_all_are_nan_it_says_so():
    with pytest.raises(ValueError, match="of 2 none has both: all are NaN"):
        smallest_within(0.1)(results([np.nan, 0.5], [-1, np.nan]))


@pytest.mark.parametrize(
    ("drop", "kind", "message"),
    [
        (-0.01, ValueError, r"smallest_within.max_drop .* not -0.01. Did you mean 0.01\?"),
        (float("nan"), ValueError, "finite"),
        (float("inf"), ValueError, "finite"),
        ("0.01", TypeError, "not '0.01'"),
        (True, TypeError, "not True"),
        (None, TypeError, "not None"),
    ],
)
def test_a_drop_is_a_number_of_at_least_zero(drop, kind, message):
    with pytest.raises(kind, match=message):
        smallest_within(drop)


@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (smallest_within(0.005), "smallest_within(0.005)"),
        (fastest_within(0.01, metric="f1"), "fastest_within(0.01, metric='f1')"),
        (smallest_within(0, cost="neg_j"), "smallest_within(0, cost='neg_j')"),
    ],
)
def test_a_choice_shows_how_it_was_made_and_survives_pickle_and_clone(choice, shown):
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1]}, refit=choice)

    assert repr(choice) == shown
    assert pickle.loads(pickle.dumps(choice)) == choice
    assert clone(search).refit == choice
    assert hash(choice) == hash(clone(search).refit)


def test_choices_differ_where_their_arguments_do():
    choices = [smallest_within(0.1), smallest_within(0.2), fastest_within(0.1)]
    choices += [smallest_within(0.1, metric="f1"), smallest_within(0.1, cost="neg_latency_ms")]

    assert len(set(choices)) == len(choices)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_a_search_of_scikit_learn_refits_the_choice(search):
    extra = {"n_iter": 3, "random_state": 0} if search is RandomizedSearchCV else {}
    found = search(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, None]},
        scoring=["accuracy", *COST_SCORERS],
        refit=smallest_within(0.05),
        **extra,
    ).fit(*load_iris(return_X_y=True))

    sizes = found.cv_results_["mean_test_neg_model_bytes"]
    assert found.best_params_ == {"max_depth": 2}
    assert sizes[found.best_index_] > sizes.min()
    assert found.best_estimator_.get_depth() == 2
