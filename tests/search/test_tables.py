"""Results as scikit-learn tells them, with failures last."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from skdeepopt.search._tables import (
    check_some_succeeded,
    cv_results_of,
    failures_of,
    reasons_told,
    rows_of,
)
from skdeepopt.search._trial import Trial, TrialResult
from skdeepopt.workers._failure import Failure


def result(number, *scores, reason=None, resource=None, name="score"):
    column = np.array(scores, dtype=float)
    times = np.where(np.isnan(column), np.nan, 0.5)
    failure = None if reason is None else Failure("exception", reason)
    trial = Trial(number, {"C": number}, resource)
    return TrialResult(trial, {name: column}, {name: column + 1}, times, times, failure, False)


RESULTS = [
    result(0, -0.5, -0.7),
    result(1, np.nan, np.nan, reason="ValueError: no"),
    result(2, -0.1, -0.3),
]


def table(results=RESULTS, names=("score",), error_score=np.nan, **rest):
    return cv_results_of(GridSearchCV(SVC(), {}, **rest), results, names, error_score)


def test_the_columns_are_those_of_scikit_learn_and_the_reason():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    theirs = GridSearchCV(SVC(), {"C": [1, 2]}, cv=2, return_train_score=True).fit(X, y)

    ours = table(return_train_score=True)

    assert set(ours) == {*theirs.cv_results_, "failure"}


def test_means_deviations_and_ranks_are_right():
    told = table()

    assert told["mean_test_score"][[0, 2]] == pytest.approx([-0.6, -0.2])
    assert told["std_test_score"][[0, 2]] == pytest.approx([0.1, 0.1])
    assert told["rank_test_score"].tolist() == [2, 3, 1]
    assert told["failure"].tolist() == ["", "ValueError: no", ""]


def test_a_failure_has_the_error_score_and_is_last_all_the_same():
    told = table(error_score=0.0, return_train_score=True)

    assert told["mean_test_score"][1] == told["split1_test_score"][1] == 0.0
    assert told["mean_train_score"][1] == 0.0
    assert told["rank_test_score"].tolist() == [2, 3, 1]


def test_times_are_means_over_the_splits_that_were_tried():
    told = table([result(0, np.nan, 0.5, reason="late"), result(1, 0.5, 0.5)])

    assert told["mean_fit_time"].tolist() == [0.5, 0.5]


def test_a_resource_has_a_column():
    told = table([result(0, 0.5, resource=1), result(0, 0.7, resource=3)])

    assert told["resource"].tolist() == [1, 3]
    assert "resource" not in table()


def test_several_metrics_have_columns_of_their_own():
    told = table([result(0, 0.5, name="a")], names=("a", "b"))

    assert told["mean_test_a"].tolist() == [0.5]
    assert np.isnan(told["mean_test_b"]).all()


def test_failures_are_listed_with_their_parameters():
    assert failures_of(RESULTS) == [({"C": 1}, "ValueError: no")]


def test_reasons_are_counted_the_most_frequent_first():
    failures = [({}, reason) for reason in "abbcd"]

    assert reasons_told(failures) == "2 times b; 1 time a; 1 time c; 1 other reasons"


def test_all_failing_is_told_with_the_reasons_and_the_journal():
    with pytest.raises(
        ValueError, match=r"Search: all 1 candidates failed: 1 time ValueError: no.+kept in /here"
    ):
        check_some_succeeded("Search", RESULTS[1:2], ("score",), kept="/here")


def test_a_metric_that_is_nan_for_all_is_told():
    with pytest.raises(ValueError, match="the metric 'b' is NaN for all 3 candidates"):
        check_some_succeeded("Search", RESULTS, ("score", "b"), kept=None)


def test_one_that_succeeded_is_enough():
    check_some_succeeded("Search", RESULTS, ("score",), kept=None)


def test_rows_keep_their_columns():
    given = {
        "params": [{"a": 0}, {"a": 1}, {"a": 2}, {"a": 3}],
        "mean_test_score": np.array([0.9, 0.5, 0.6, np.nan]),
    }

    view = rows_of(given, np.array([2, 0]))

    assert view["params"] == [{"a": 2}, {"a": 0}]
    assert view["mean_test_score"].tolist() == [0.6, 0.9]
