from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from skdeepopt.report._pareto_points import points_of_optimizer, points_of_search
from skdeepopt.search._within import fastest_within, smallest_within

SCORES = [0.8, 0.9, np.nan]
SIZES = [-5.0, -9.0, -1.0]


def search_of(refit="accuracy", best_index=1, **more):
    results = {
        "params": [{}] * 3,
        "mean_test_accuracy": np.array(SCORES),
        "std_test_accuracy": np.array([0.01, 0.02, np.nan]),
        "mean_test_neg_model_bytes": np.array(SIZES),
        "std_test_neg_model_bytes": np.zeros(3),
        **more,
    }
    return SimpleNamespace(cv_results_=results, refit=refit, best_index_=best_index)


def points(search, x="neg_model_bytes", y=None):
    return points_of_search(search, x=x, y=y, owner="Display")


def test_costs_are_positive_and_scores_are_as_they_are():
    found = points(search_of())

    assert found["costs"].tolist() == [5.0, 9.0, 1.0]
    assert found["scores"][:2].tolist() == [0.8, 0.9]
    assert found["deviations"][:2].tolist() == [0.01, 0.02]
    assert found["chosen"] == 1
    assert found["cost_name"] == "file_bytes"
    assert found["score_name"] == "accuracy on validation data"
    assert found["lowest_score"] is None


def test_a_search_that_refitted_nothing_has_no_choice():
    search = search_of(refit=False)
    del search.best_index_

    assert points(search)["chosen"] is None


@pytest.mark.parametrize(
    ("choice", "lowest"),
    [
        (smallest_within(0.15), 0.75),
        (fastest_within(0.1, metric="accuracy"), 0.8),
        (smallest_within(0.1, metric="f1"), None),
        (lambda results: 0, None),
    ],
)
def test_the_lowest_score_is_what_the_choice_allows(choice, lowest):
    found = points(search_of(refit=choice))["lowest_score"]

    assert found == (None if lowest is None else pytest.approx(lowest))


def test_of_several_scores_one_is_named():
    more = {"mean_test_f1": np.array([0.5, 0.6, 0.7]), "std_test_f1": np.zeros(3)}

    found = points(search_of(**more), y="f1")

    assert found["scores"].tolist() == [0.5, 0.6, 0.7]
    with pytest.raises(ValueError, match=r"Display\.y is one of 'accuracy', 'f1', not None"):
        points(search_of(**more))


def test_another_cost_is_drawn_by_its_name():
    more = {"mean_test_neg_used_joules": np.array([-1.0, -2.0, -3.0])}

    found = points(search_of(**more), x="neg_used_joules", y="accuracy")

    assert found["cost_name"] == "used joules"


def test_of_trainings_by_rungs_the_longest_count():
    more = {"resource": np.array([1, 9, 9]), "failure": np.array(["", "", "no"], dtype=object)}

    found = points(search_of(**more))

    assert found["costs"].tolist() == [9.0]
    assert found["chosen"] == 0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ("neg_model_byte", None, r"not 'neg_model_byte'. Did you mean 'neg_model_bytes'\?"),
        ("neg_latency_ms", None, r"scoring=\['accuracy', 'neg_latency_ms'\]"),
        ("neg_model_bytes", "acuracy", r"not 'acuracy'. Did you mean 'accuracy'\?"),
        ("accuracy", "neg_model_bytes", r"'accuracy' is above. Did you mean y='accuracy'\?"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_with_those_that_do(x, y, message):
    with pytest.raises(ValueError, match=message):
        points(search_of(), x=x, y=y)


def test_a_search_with_one_score_is_told_what_to_write():
    results = {"params": [{}], "mean_test_score": np.array([0.9])}

    with pytest.raises(ValueError, match=r"one of 'score'.*\['accuracy', 'neg_model_bytes'\]"):
        points(SimpleNamespace(cv_results_=results))


def test_a_search_that_is_not_fitted_is_told_so():
    with pytest.raises(NotFittedError, match="this GridSearchCV is not fitted yet"):
        points(GridSearchCV(SVC(), {}))


def test_what_is_no_search_is_refused():
    with pytest.raises(TypeError, match=r"takes a fitted search, not LogisticRegression\(\)"):
        points(LogisticRegression())


class Optimizer(ClassifierMixin, BaseEstimator):
    """What a display reads of a fitted AutoOptimizer."""

    max_accuracy_drop = 0.01

    def fit(self, X, y):
        self.baseline_ = {"accuracy": 0.95}
        return self

    @property
    def trials_frame_(self):
        columns = {
            "name": ["base", "small", "failed"],
            "accuracy": [0.95, 0.94, np.nan],
            "file_bytes": [900, 100, None],
            "latency_ms": [0.3, 0.1, np.nan],
            "train_seconds": [1.0, 2.0, np.nan],
            "within_drop": [True, True, False],
            "on_front": [True, True, False],
            "chosen": [False, True, False],
        }
        return pd.DataFrame(columns)


class RegressionOptimizer(RegressorMixin, Optimizer):
    pass


def optimizer_points(auto, x="file_bytes"):
    return points_of_optimizer(auto, x=x, owner="Display")


def test_an_optimizer_shows_what_it_tried_chose_and_had_to_reach():
    found = optimizer_points(Optimizer().fit(None, None))

    assert found["costs"][:2].tolist() == [900.0, 100.0]
    assert np.isnan(found["costs"][2])
    assert found["names"] == ["base", "small", "failed"]
    assert found["chosen"] == 1
    assert found["lowest_score"] == pytest.approx(0.94)
    assert found["score_name"] == "accuracy on validation data"


def test_an_optimizer_of_numbers_shows_r2():
    assert optimizer_points(RegressionOptimizer().fit(None, None))["score_name"].startswith("R2 ")


def test_the_cost_of_an_optimizer_may_be_its_latency():
    found = optimizer_points(Optimizer().fit(None, None), x="latency_ms")

    assert found["costs"][:2].tolist() == [0.3, 0.1]
    with pytest.raises(ValueError, match=r"not 'latency'. Did you mean 'latency_ms'\?"):
        optimizer_points(Optimizer().fit(None, None), x="latency")


def test_an_optimizer_that_is_not_fitted_is_told_so():
    with pytest.raises(NotFittedError):
        optimizer_points(Optimizer())


def test_each_kind_is_sent_to_its_own_function():
    with pytest.raises(TypeError, match=r"Did you mean from_search\?"):
        optimizer_points(search_of())
    with pytest.raises(TypeError, match=r"Did you mean from_optimizer\?"):
        points(Optimizer())
