"""What every search here promises, whatever it chooses to try."""

from __future__ import annotations

import math
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skdeepopt.search._base import JournaledSearch
from skdeepopt.search._evaluation import Trial

X, Y = load_iris(return_X_y=True)
FITS: list[float] = []


class Listed(JournaledSearch):
    """Tries the values of one parameter that it is given."""

    def __init__(
        self,
        estimator,
        name="C",
        values=(0.01, 1.0, 100.0),
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=3,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
        random_state=0,
        timeout=None,
        time_budget=None,
        callbacks=None,
        journal=None,
        n_iter_no_change=None,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            timeout=timeout,
            time_budget=time_budget,
            callbacks=callbacks,
            journal=journal,
            n_iter_no_change=n_iter_no_change,
        )
        self.name = name
        self.values = values

    def _identity(self):
        told = super()._identity()
        del told["values"]  # more of them are no other search
        return told

    def _search(self, evaluator):
        trials = (Trial(n, {self.name: value}) for n, value in enumerate(self.values))
        for result in evaluator.in_order(trials):
            if self._note(result):
                return


class Counted(SVC):
    """Tells of each fit."""

    def fit(self, X, y, sample_weight=None):
        FITS.append(self.C)
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def _no_fits_yet():
    FITS.clear()


def two_metrics(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "simple": -float(estimator.C)}


class TestLikeScikitLearn:
    @pytest.mark.parametrize(
        "rest",
        [
            {},
            {"scoring": "f1_macro", "return_train_score": True},
            {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
            {"scoring": two_metrics, "refit": "accuracy"},
            {"scoring": two_metrics, "refit": False},
            {"refit": lambda table: 1},
            {"cv": [(np.arange(0, 150, 2), np.arange(1, 150, 2))]},
        ],
        ids=["plain", "train", "several", "callable", "no refit", "own choice", "own splits"],
    )
    def test_the_results_are_those_of_a_grid_search(self, rest):
        ours = Listed(SVC(), **rest).fit(X, Y)
        theirs = GridSearchCV(SVC(), {"C": list(ours.values)}, **{"cv": 3, **rest}).fit(X, Y)

        for name, column in theirs.cv_results_.items():
            if name != "params" and "_time" not in name:
                np.testing.assert_array_equal(ours.cv_results_[name], column)
        assert ours.cv_results_["params"] == theirs.cv_results_["params"]
        for name in ("best_index_", "best_params_", "best_score_", "multimetric_", "n_splits_"):
            assert getattr(ours, name, None) == getattr(theirs, name, None)
        if ours.refit:
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            np.testing.assert_array_equal(ours.classes_, theirs.classes_)

    def test_sample_weights_are_cut_and_reach_fit_and_scorer(self):
        weight = np.linspace(0.1, 5, 150)

        ours = Listed(SVC(), scoring="accuracy").fit(X, Y, sample_weight=weight)
        theirs = GridSearchCV(SVC(), {"C": [0.01, 1.0, 100.0]}, cv=3, scoring="accuracy")
        theirs.fit(X, Y, sample_weight=weight)

        np.testing.assert_array_equal(
            ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
        )

    def test_groups_go_to_the_splitter(self):
        groups = np.arange(150) % 5

        ours = Listed(SVC(), cv=GroupKFold(5)).fit(X, Y, groups=groups)
        theirs = GridSearchCV(SVC(), {"C": [0.01, 1.0, 100.0]}, cv=GroupKFold(5))
        theirs.fit(X, Y, groups=groups)

        np.testing.assert_array_equal(
            ours.cv_results_["split4_test_score"], theirs.cv_results_["split4_test_score"]
        )

    def test_metadata_goes_where_it_is_requested(self):
        with sklearn.config_context(enable_metadata_routing=True):
            estimator = (
                SVC().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
            )
            ours = Listed(estimator, cv=GroupKFold(3)).fit(
                X, Y, groups=np.arange(150) % 3, sample_weight=np.linspace(0.1, 5, 150)
            )
            plain = Listed(estimator, cv=GroupKFold(3)).fit(X, Y, groups=np.arange(150) % 3)
            without = Listed(estimator).fit(X, Y)

        scores = [s.cv_results_["mean_test_score"].tolist() for s in (ours, plain, without)]
        assert scores[0] != scores[1] != scores[2]

    def test_data_frames_keep_their_columns(self):
        frame = pd.DataFrame(X, columns=list("abcd"))

        assert Listed(SVC()).fit(frame, Y).feature_names_in_.tolist() == list("abcd")

    def test_a_search_clones_and_pickles(self):
        search = Listed(SVC(), callbacks=[len], refit="x", scoring=["accuracy"])

        assert clone(search).get_params(deep=False).keys() == search.get_params(deep=False).keys()
        fitted = Listed(SVC()).fit(X, Y)
        np.testing.assert_array_equal(
            pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X)
        )

    def test_a_search_nests_in_a_search(self):
        inner = Listed(SVC(), values=(0.1, 1.0))

        outer = GridSearchCV(inner, {"cv": [2, 3]}, cv=2).fit(X, Y)

        assert outer.best_score_ > 0.9


class TestFailures:
    def failing(self, **rest):
        return Listed(SVC(), values=(1.0, -1.0, 0.01), **rest)

    def test_a_failing_candidate_costs_only_itself(self):
        with pytest.warns(FitFailedWarning, match="1 of 3 candidates failed.+1 time .*'C'"):
            search = self.failing().fit(X, Y)

        assert search.best_params_ == {"C": 1.0}
        assert [bool(reason) for reason in search.cv_results_["failure"]] == [False, True, False]
        assert search.cv_results_["rank_test_score"].tolist() == [1, 3, 2]
        assert math.isnan(search.cv_results_["mean_test_score"][1])
        assert [params for params, _ in search.failures_] == [{"C": -1.0}]

    def test_an_error_score_is_told_and_does_not_win(self):
        with pytest.warns(FitFailedWarning):
            search = self.failing(error_score=9.0).fit(X, Y)

        assert search.cv_results_["mean_test_score"][1] == 9.0
        assert search.best_params_ == {"C": 1.0}

    def test_errors_pass_where_asked_for(self):
        with pytest.raises(ValueError, match="The 'C' parameter of SVC"):
            self.failing(error_score="raise").fit(X, Y)

    def test_all_failing_names_the_reasons(self):
        with pytest.raises(ValueError, match=r"all 2 candidates failed: 2 times .+'C' parameter"):
            Listed(SVC(), values=(-1.0, -1.0)).fit(X, Y)

    def test_all_failing_keeps_what_was_fitted_before(self):
        search = Listed(SVC()).fit(X, Y)
        before = search.predict(X)

        with pytest.raises(ValueError, match="all 1 candidates failed"):
            search.set_params(values=(-1.0,)).fit(X, Y)

        np.testing.assert_array_equal(search.predict(X), before)
        assert len(search.cv_results_["params"]) == 3

    def test_a_metric_that_is_nan_for_all_is_named(self):
        def scoring(estimator, X, y):
            return {"accuracy": 1.0, "odd": math.nan}

        with pytest.raises(ValueError, match="the metric 'odd' is NaN for all 3 candidates"):
            Listed(SVC(), scoring=scoring, refit="accuracy").fit(X, Y)

    def test_a_score_that_is_nan_is_a_reason(self):
        with pytest.raises(ValueError, match="all 3 candidates failed: 3 times the metric 'score'"):
            Listed(SVC(), scoring=lambda e, X, y: math.nan).fit(X, Y)

    def test_a_choice_that_raises_leaves_what_was_found(self):
        search = Listed(SVC(), refit=lambda table: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            search.fit(X, Y)

        assert len(search.cv_results_["params"]) == 3
        assert not hasattr(search, "best_estimator_")

    def test_a_choice_that_raises_leaves_an_earlier_fit(self):
        search = Listed(SVC()).fit(X, Y)

        with pytest.raises(ZeroDivisionError):
            search.set_params(refit=lambda table: 1 / 0, values=(1.0,)).fit(X, Y)

        assert len(search.cv_results_["params"]) == 3
        assert search.best_estimator_

    def test_an_interrupt_keeps_what_was_found(self):
        def interrupt(progress):
            if progress.number == 1:
                raise KeyboardInterrupt

        search = Listed(SVC(), callbacks=interrupt)

        with pytest.raises(KeyboardInterrupt):
            search.fit(X, Y)

        assert search.cv_results_["params"] == [{"C": 0.01}, {"C": 1.0}]


class TestJournal:
    def test_a_second_search_trains_nothing_and_finds_the_same(self, tmp_path):
        first = Listed(Counted(), journal=tmp_path, refit=False).fit(X, Y)
        FITS.clear()

        second = Listed(Counted(), journal=tmp_path, refit=False).fit(X, Y)

        assert FITS == []
        for name, column in first.cv_results_.items():
            np.testing.assert_array_equal(second.cv_results_[name], column)

    def test_an_error_in_a_callback_passes_and_keeps_the_journal(self, tmp_path):
        def stumble(progress):
            if progress.number == 1:
                raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            Listed(Counted(), journal=tmp_path, callbacks=stumble).fit(X, Y)
        FITS.clear()
        Listed(Counted(), journal=tmp_path, refit=False).fit(X, Y)

        assert FITS == [100.0] * 3

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"estimator": Counted(kernel="linear")}, "estimator"),
            ({"name": "gamma"}, "name"),
            ({"cv": 4}, "cv"),
            ({"scoring": "f1_macro"}, "scoring"),
            ({"random_state": 1}, "random_state"),
        ],
    )
    def test_another_search_is_refused(self, tmp_path, change, named):
        Listed(Counted(), journal=tmp_path).fit(X, Y)

        with pytest.raises(ValueError, match=named):
            Listed(**{"estimator": Counted(), "journal": tmp_path, **change}).fit(X, Y)

    def test_other_data_are_refused(self, tmp_path):
        Listed(Counted(), journal=tmp_path).fit(X, Y)

        with pytest.raises(ValueError, match="data"):
            Listed(Counted(), journal=tmp_path).fit(X + 1e-9, Y)

    def test_other_workers_limits_and_callbacks_are_no_other_search(self, tmp_path):
        Listed(Counted(), journal=tmp_path).fit(X, Y)

        search = Listed(Counted(), values=(0.01, 1.0), journal=tmp_path, n_jobs=2, time_budget=99)
        search.set_params(callbacks=str, n_iter_no_change=9, refit=False).fit(X, Y)

        assert len(search.cv_results_["params"]) == 2

    def test_a_drawn_seed_is_kept(self, tmp_path):
        trees = [
            Listed(
                *(DecisionTreeClassifier(), "max_features", (1, 2)),
                random_state=None,
                cv=ShuffleSplit(2),
                journal=tmp_path,
            ).fit(X, Y)
            for _ in range(2)
        ]

        assert trees[0]._seed == trees[1]._seed
        assert trees[1].best_estimator_.random_state == trees[1]._seed

    def test_a_damaged_journal_is_told(self, tmp_path):
        Listed(Counted(), journal=tmp_path).fit(X, Y)
        file = tmp_path / "journal.jsonl"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([*lines[:3], lines[3].replace("0", "1", 1), *lines[4:]]))

        with pytest.raises(ValueError, match=r"journal\.jsonl"):
            Listed(Counted(), journal=tmp_path).fit(X, Y)

    def test_time_goes_on_where_it_was(self, tmp_path):
        first = Listed(Counted(), journal=tmp_path).fit(X, Y)

        second = Listed(Counted(), journal=tmp_path).fit(X, Y)

        assert second.search_time_ >= first.search_time_ - 0.5


class TestEnds:
    def test_a_callback_ends_the_search(self):
        search = Listed(SVC(), callbacks=lambda progress: progress.number == 1).fit(X, Y)

        assert len(search.cv_results_["params"]) == 2
        assert search.best_estimator_

    def test_a_tiny_budget_still_tries_one_candidate(self):
        search = Listed(SVC(), time_budget=1e-9).fit(X, Y)

        assert search.best_params_ == {"C": 0.01}

    def test_patience_ends_the_search(self):
        search = Listed(SVC(), values=(1.0, *[0.01] * 9), n_iter_no_change=2).fit(X, Y)

        assert len(search.cv_results_["params"]) == 3

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("timeout", 0), ("timeout", -1), ("timeout", "1")),
            *(("time_budget", 0), ("time_budget", math.inf)),
            *(("n_iter_no_change", 0), ("callbacks", 3), ("random_state", "zero")),
            *(("n_jobs", "all"), ("refit", 3), ("cv", "five"), ("scoring", "accurate")),
        ],
    )
    def test_bad_parameters_are_named_before_anything_is_fitted(self, name, value):
        with pytest.raises(
            (TypeError, ValueError), match=name if name != "scoring" else "accurate"
        ):
            Listed(Counted(), **{name: value}).fit(X, Y)

        assert FITS == []


class TestSeveralMetrics:
    def test_the_front_holds_what_no_other_beats(self):
        search = Listed(SVC(), scoring=two_metrics, refit=lambda table: 1).fit(X, Y)

        front = search.pareto_front_
        assert isinstance(front, pd.DataFrame)
        assert list(front.columns) == ["C", "accuracy", "simple"]
        assert front.accuracy.is_monotonic_decreasing
        assert front.simple.is_monotonic_increasing

    def test_the_score_is_that_of_the_first_metric_where_a_callable_chooses(self):
        search = Listed(SVC(), scoring=["f1_macro", "accuracy"], refit=lambda table: 1).fit(X, Y)
        by_function = Listed(SVC(), scoring=two_metrics, refit=lambda table: 1).fit(X, Y)

        assert search.score(X, Y) == search.scorer_["f1_macro"](search.best_estimator_, X, Y)
        assert by_function.score(X, Y) == by_function.best_estimator_.score(X, Y)

    def test_one_metric_has_no_front(self):
        with pytest.raises(AttributeError, match="is that of several metrics"):
            _ = Listed(SVC()).fit(X, Y).pareto_front_

    @pytest.mark.parametrize("scoring", [["accuracy", "f1_macro"], two_metrics])
    def test_true_names_no_metric(self, scoring):
        with pytest.raises(ValueError, match="refit must be set to a scorer key or a callable"):
            Listed(Counted(), scoring=scoring).fit(X, Y)

        assert len(FITS) <= 3  # a function tells its metrics with the first candidate


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_workers_change_nothing(backend):
    alone = Listed(LogisticRegression(max_iter=500)).fit(X, Y)

    with joblib.parallel_config(backend):
        together = Listed(LogisticRegression(max_iter=500), n_jobs=2).fit(X, Y)

    for name, column in alone.cv_results_.items():
        if "_time" not in name:
            np.testing.assert_array_equal(together.cv_results_[name], column)


class Global(ClassifierMixin, BaseEstimator):
    """Draws its answer, unless it is seeded."""

    def __init__(self, C=1.0, random_state=None):
        self.C = C
        self.random_state = random_state

    def fit(self, X, y):
        self.drawn_ = sklearn.utils.check_random_state(self.random_state).random_sample()
        return self

    def score(self, X, y):
        return self.drawn_


def test_a_seed_makes_estimators_without_one_repeatable():
    one, other, third = (Listed(Global(), random_state=seed).fit(X, Y) for seed in (0, 0, 1))

    assert one.best_score_ == other.best_score_ != third.best_score_


def test_the_global_generators_are_left_as_they_were():
    before = str(np.random.get_state())  # noqa: NPY002

    Listed(SVC(), random_state=None, cv=ShuffleSplit(2)).fit(X, Y)

    assert str(np.random.get_state()) == before  # noqa: NPY002


def test_each_candidate_is_printed_when_verbose(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Listed(SVC(), values=(1.0, -1.0), verbose=1).fit(X, Y)

    lines = capsys.readouterr().out.splitlines()
    assert "candidate 0: score 0.9" in lines[0]
    assert "candidate 1: InvalidParameterError" in lines[1]
