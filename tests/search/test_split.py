"""One candidate on one split is scored on rows that it was not trained on."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import Ridge
from sklearn.metrics import check_scoring
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skdeepopt.search._split import (
    Raised,
    SplitData,
    SplitScores,
    evaluate_split,
    fit_whole,
    with_parameters,
)
from skdeepopt.search._trial import Trial

X, Y = load_iris(return_X_y=True)
TRAIN, TEST = np.arange(0, 150, 2), np.arange(1, 150, 2)


class Seen(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on, and scores by it."""

    def __init__(self, answer=0.5):
        self.answer = answer

    def fit(self, X, y, sample_weight=None):
        self.rows_, self.weight_ = X, sample_weight
        return self

    def score(self, X, y):
        both = {tuple(row) for row in self.rows_} & {tuple(row) for row in X}
        return self.answer if not both else math.nan


def scores(estimator, parameters=None, fit=fit_whole, scorer=None, **rest):
    common = SplitData(
        splits=[(TEST, TRAIN), (TRAIN, TEST)],
        scorer=scorer or check_scoring(estimator),
        **{"fit_params": {}, "score_params": {}, **rest},
    )
    rows = np.arange(300.0).reshape(150, 2) if isinstance(estimator, Seen) else X
    trial = Trial(0, parameters or {})
    return evaluate_split(estimator, rows, Y, common, trial, 1, fit, None)


def test_the_score_is_that_of_an_estimator_fitted_on_the_other_rows():
    told = scores(SVC(), {"C": 10})

    expected = SVC(C=10).fit(X[TRAIN], Y[TRAIN]).score(X[TEST], Y[TEST])
    assert told.test == {"score": expected}
    assert told.train is None


def test_no_row_is_both_trained_and_tested_on():
    assert scores(Seen()).test == {"score": 0.5}


def test_train_scores_come_where_asked_for():
    told = scores(SVC(), with_train_scores=True)

    assert told.train == {"score": SVC().fit(X[TRAIN], Y[TRAIN]).score(X[TRAIN], Y[TRAIN])}


def test_times_are_measured():
    told = scores(SVC())

    assert told.fit_time > 0
    assert told.score_time > 0


def test_what_fit_takes_is_cut_to_the_rows():
    weight = np.arange(150.0)
    seen = []

    def fit(estimator, X, y, fit_params, trial, state):
        seen.append(fit_params["sample_weight"])
        return fit_whole(estimator, X, y, fit_params, trial, state)

    scores(Seen(), fit=fit, fit_params={"sample_weight": weight})

    np.testing.assert_array_equal(seen[0], weight[TRAIN])


def test_the_state_goes_in_and_the_new_one_comes_out():
    def fit(estimator, X, y, fit_params, trial, state):
        return estimator.fit(X, y), b"new" if state is None else b"newer"

    assert scores(SVC(), fit=fit).state == b"new"


def test_the_estimator_is_never_changed():
    estimator = SVC()

    scores(estimator, {"C": 3})

    assert estimator.get_params() == SVC().get_params()
    assert not hasattr(estimator, "classes_")


def test_several_metrics_keep_their_names():
    told = scores(SVC(), scorer=lambda e, X, y: {"a": 1, "b": np.float32(0.5)})

    assert told.test == {"a": 1.0, "b": 0.5}


def test_a_metric_that_gives_no_number_is_named():
    with pytest.raises(TypeError, match="'a' gives a number, not \\[1\\]"):
        scores(SVC(), scorer=lambda e, X, y: {"a": [1]})


def test_the_error_of_one_metric_of_several_is_told():
    scorer = check_scoring(SVC(), ["accuracy", "roc_auc"], raise_exc=False)

    with pytest.raises(RuntimeError, match=r"the metric 'roc_auc' failed: .+"):
        scores(SVC(), scorer=scorer)


def test_a_candidate_raises_what_it_raises():
    with pytest.raises(ValueError, match="'C' parameter"):
        scores(SVC(), {"C": -1})


def test_an_error_is_handed_back_where_it_is_to_pass():
    told = scores(SVC(), {"C": -1}, passes_errors=True)

    assert isinstance(told, Raised)
    assert isinstance(told.error, ValueError)


def test_an_error_that_cannot_travel_is_handed_back_in_words():
    def fit(*_):
        raise LookupError(threading.Lock())

    told = scores(SVC(), fit=fit, passes_errors=True)

    assert type(told.error) is RuntimeError
    assert str(told.error).startswith("LookupError: <unlocked")


def test_nothing_is_done_for_a_trial_that_is_known():
    common = SplitData([], check_scoring(SVC()), {}, {})

    assert evaluate_split(SVC(), X, Y, common, None, 0, fit_whole, None) is None


def test_a_seed_goes_where_there_is_no_random_state():
    pipeline = make_pipeline(MLPClassifier(), MLPClassifier(random_state=3), Ridge())

    seeded = with_parameters(pipeline, {}, 7)

    assert [step.random_state for _, step in seeded.steps] == [7, 3, 7]
    assert pipeline[0].random_state is None


def test_a_random_state_among_the_parameters_wins_over_the_seed():
    assert with_parameters(MLPClassifier(), {"random_state": 5}, 7).random_state == 5


def test_estimators_among_the_parameters_are_cloned():
    inner = Ridge()

    outer = with_parameters(make_pipeline(Ridge(2.0)), {"ridge": inner}, None)

    assert outer[0] is not inner


def test_without_targets_fit_gets_none():
    common = SplitData([(TRAIN, TEST)], lambda e, X: 1.0, {}, {})

    class Silent(BaseEstimator):
        def fit(self, X):
            return self

    told = evaluate_split(Silent(), X, None, common, Trial(0, {}), 0, fit_whole, None)

    assert isinstance(told, SplitScores)
