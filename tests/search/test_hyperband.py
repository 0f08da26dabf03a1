from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.measurement._scorers import register_scorers
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.search._hyperband import HyperbandSearchCV
from skdeepopt.search._within import smallest_within

X, y = (array[:200] for array in load_digits(return_X_y=True))


class Toy(ClassifierMixin, BaseEstimator):
    """Scores by its parameters alone, and better the more it iterates."""

    def __init__(self, a=0.5, b=0.5, max_iter=9):
        self.a = a
        self.b = b
        self.max_iter = max_iter

    def fit(self, X, y, sample_weight=None):
        if self.a > 0.95:
            raise ValueError("a is too large")
        self.classes_ = np.unique(y)
        self.n_rows_ = len(X)
        return self

    def predict(self, X):
        return np.resize(self.classes_, len(X))

    def score(self, X, y, sample_weight=None):
        return 1 - (self.a - 0.7) ** 2 - (self.b - 0.2) ** 2 - 0.1 / self.max_iter


TOYS = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def toy_search(**changed):
    settings = {"resource": "max_iter", "cv": 2, "random_state": 0, "error_score": -1.0, **changed}
    return HyperbandSearchCV(Toy(), TOYS, **settings)


def fitted(search):
    """Search after its fit, whether or not it has drawn an `a` that is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        return search.fit(X, y)


def net_search(**changed):
    settings = {"n_brackets": 1, "cv": 2, "random_state": 0, **changed}
    space = {"lr": (1e-3, 1e-1, "log-uniform"), "dropout": (0.0, 0.5)}
    return HyperbandSearchCV(CNNClassifier("mlp", max_epochs=4), space, factor=2, **settings)


def test_the_best_is_among_those_that_reached_the_most():
    search = fitted(toy_search())

    reached = search.cv_results_["resource"] == 9
    scores = np.where(reached, search.cv_results_["mean_test_score"], -np.inf)
    assert search.best_index_ == int(np.argmax(scores))
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.best_score_ == scores.max()
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert search.best_estimator_.max_iter == 9


def test_each_candidate_has_a_row_as_it_was_at_its_highest_rung():
    search = fitted(toy_search())

    table = search.cv_results_
    assert len(table["params"]) == sum(b["n_candidates"][0] for b in search.brackets_[:3])
    resources = [search.brackets_[b]["resources"] for b in table["bracket"]]
    told = [steps[rung] for steps, rung in zip(resources, table["rung"], strict=True)]
    assert told == table["resource"].tolist()


def test_what_was_used_is_counted_without_what_was_kept():
    search = net_search().fit(X, y)

    cost = 4 * 1 + 2 * (2 - 1) + 2 * (4 - 2)
    assert search.n_resources_used_ == search.n_splits_ * cost
    assert search.brackets_ == [{"n_candidates": [4, 2, 2], "resources": [1, 2, 4]}]


def test_the_epochs_of_a_survivor_are_trained_once(monkeypatch):
    trained = []
    whole = CNNClassifier._train

    def counted(self, data, validation, epochs, **more):
        trained.append(epochs)
        return whole(self, data, validation, epochs, **more)

    monkeypatch.setattr(CNNClassifier, "_train", counted)
    search = net_search(refit=False).fit(X, y)

    assert sum(trained) == search.n_resources_used_


def test_whatever_cannot_be_kept_begins_anew_and_is_counted_so(monkeypatch):
    monkeypatch.setattr("skdeepopt.search._resource.state_bytes", lambda model: None)

    search = net_search(refit=False).fit(X, y)

    assert search.n_resources_used_ == search.n_splits_ * (4 * 1 + 2 * 2 + 2 * 4)


def test_the_refit_is_a_whole_training_with_the_most_epochs():
    search = net_search(max_resources=2).fit(X, y)

    assert search.best_estimator_.max_epochs == 2
    assert len(search.best_estimator_.history_) == 2
    assert "max_epochs" not in search.best_params_


@pytest.mark.parametrize("sampler", ["bayes", "random"])
def test_the_number_of_workers_changes_nothing(sampler):
    one = fitted(toy_search(sampler=sampler, n_rounds=2))

    with joblib.parallel_config("threading", n_jobs=3):
        other = fitted(toy_search(sampler=sampler, n_rounds=2))

    assert other.cv_results_["params"] == one.cv_results_["params"]
    for name in ("mean_test_score", "resource", "rank_test_score"):
        np.testing.assert_array_equal(other.cv_results_[name], one.cv_results_[name])


@pytest.mark.slow
def test_survivors_travel_between_processes_and_end_the_same():
    one, other = net_search().fit(X, y), net_search(n_jobs=2).fit(X, y)

    for name in ("mean_test_score", "resource"):
        np.testing.assert_array_equal(other.cv_results_[name], one.cv_results_[name])


def test_without_waiting_the_best_are_promoted_too():
    search = fitted(toy_search(asynchronous=True, n_rounds=2))

    assert search.cv_results_["resource"].max() == 9
    assert search.best_score_ > 0.9


def test_without_waiting_several_workers_finish_every_candidate():
    with joblib.parallel_config("threading", n_jobs=4):
        search = fitted(toy_search(asynchronous=True))

    assert len(search.cv_results_["params"]) == 17


def test_the_model_finds_better_candidates_than_chance():
    informed, random = (fitted(toy_search(sampler=s, n_rounds=4)) for s in ("bayes", "random"))

    assert informed.best_score_ > random.best_score_


def test_the_first_candidate_is_the_network_as_it_stands():
    space = {"widths": (0.25, 2.0, "log-uniform"), "batch_size": (8, 64, "log-uniform")}
    search = HyperbandSearchCV(CNNClassifier("mlp", max_epochs=2), space, factor=2, cv=2)

    search.set_params(refit=False, random_state=0).fit(X, y)

    assert search.cv_results_["params"][0] == {"widths": pytest.approx(1.0), "batch_size": 16}


def test_a_candidate_that_fails_costs_itself_only():
    search = HyperbandSearchCV(
        Toy(), {"a": [0.7, 1.0]}, resource="max_iter", cv=2, random_state=0, sampler="random"
    )

    with pytest.warns(FitFailedWarning, match="ValueError: a is too large"):
        search.fit(X, y)

    failed = search.cv_results_["failure"] != ""
    assert 0 < failed.sum() < len(failed)
    assert (search.cv_results_["rank_test_score"][failed] > (~failed).sum()).all()
    assert search.best_params_ == {"a": 0.7}


def test_candidates_that_all_fail_end_in_their_reasons():
    search = HyperbandSearchCV(Toy(), {"a": [1.0, 0.99]}, resource="max_iter", cv=2)

    with pytest.raises(ValueError, match=r"all 17 candidates failed: .*a is too large"):
        search.fit(X, y)


def test_samples_are_a_resource_of_any_estimator():
    search = HyperbandSearchCV(
        LogisticRegression(max_iter=50, tol=0.1),
        {"C": (1e-3, 1e2, "log-uniform")},
        resource="n_samples",
        min_resources=25,
        cv=2,
        random_state=0,
    ).fit(X, y)

    assert search.max_resources_ == 100
    assert search.brackets_[0]["resources"] == [33, 100]
    assert search.score(X, y) > 0.8


def test_trees_are_a_resource_of_a_forest():
    search = HyperbandSearchCV(
        RandomForestClassifier(9, random_state=0),
        {"max_depth": (1, 9), "max_features": ["sqrt", None]},
        resource="n_estimators",
        cv=2,
        random_state=0,
    ).fit(X, y)

    assert len(search.best_estimator_.estimators_) == 9


def test_a_callable_refit_sees_only_who_reached_the_most():
    seen = []

    def refit(cv_results):
        seen.extend(cv_results["resource"])
        return int(np.argmin(cv_results["mean_test_score"]))

    search = fitted(toy_search(refit=refit))

    assert set(seen) == {9}
    assert search.cv_results_["resource"][search.best_index_] == 9


def test_a_wrapper_goes_on_and_the_smallest_within_reach_is_chosen():
    model = PrunedEstimator(CNNClassifier("mlp", max_epochs=3), finetune_epochs=0)
    space = {"pruning_ratio": (0.1, 0.8), "estimator__lr": (1e-3, 1e-1, "log-uniform")}
    register_scorers()
    search = HyperbandSearchCV(
        model,
        space,
        cv=2,
        random_state=0,
        n_brackets=1,
        scoring=["accuracy", "neg_model_bytes"],
        refit=smallest_within(0.05),
    ).fit(X, y)

    assert search.best_estimator_.pruning_ratio == search.best_params_["pruning_ratio"]
    assert set(search.pareto_front_.index) <= set(
        np.flatnonzero(search.cv_results_["resource"] == 3)
    )


def test_a_callback_ends_the_search_and_the_best_so_far_is_refitted():
    told = []
    search = toy_search(callbacks=lambda state: told.append(state.resource) or len(told) == 4)

    fitted(search)

    assert told == [1] * 4
    assert search.best_estimator_.max_iter == 9


def test_a_time_that_is_over_at_once_leaves_one_candidate():
    search = toy_search(time_budget=1e-9)

    fitted(search)

    assert len(search.cv_results_["params"]) == 1


def test_a_finished_search_takes_more_rounds_and_repeats_nothing(tmp_path):
    fits = []

    def counted(state):
        fits.append(not state.resumed)

    first = fitted(toy_search(journal=tmp_path, callbacks=counted))
    n_first = sum(fits)
    again = fitted(toy_search(journal=tmp_path, callbacks=counted, n_rounds=2))

    whole = fitted(toy_search(n_rounds=2))
    assert sum(fits) < 2 * n_first + 1
    assert (
        again.cv_results_["params"][: len(first.cv_results_["params"])]
        == (first.cv_results_["params"])
    )
    assert again.best_params_ == whole.best_params_
    assert again.n_resources_used_ == whole.n_resources_used_


def test_a_journal_of_another_search_is_refused(tmp_path):
    fitted(toy_search(journal=tmp_path))

    with pytest.raises(ValueError, match="factor"):
        toy_search(journal=tmp_path, factor=2).fit(X, y)


SCRIPT = """
    import sys
    from sklearn.datasets import load_digits
    from skdeepopt.estimators._cnn import CNNClassifier
    from skdeepopt.search._hyperband import HyperbandSearchCV

    def told(state):
        print(state.number, state.resource, state.resumed, flush=True)

    if __name__ == "__main__":
        X, y = (array[:200] for array in load_digits(return_X_y=True))
        space = {"lr": (1e-3, 1e-1, "log-uniform"), "dropout": (0.0, 0.5)}
        search = HyperbandSearchCV(
            CNNClassifier("mlp", max_epochs=4), space, factor=2, cv=2, random_state=0,
            journal=sys.argv[1], callbacks=told, asynchronous=sys.argv[2] == "at once",
        ).fit(X, y)
        print("best", sorted(search.best_params_.items()), search.best_score_)
        print("used", search.n_resources_used_)
"""


def run_killed(script, folder, how, after):
    """Run, and kill -9 when so many results have been told."""
    command = [sys.executable, str(script), str(folder), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for turn, _ in enumerate(process.stdout):
            if turn == after:
                # A moment later, in the midst of what comes next.
                time.sleep(0.05)
                os.kill(process.pid, signal.SIGKILL)
                break


@pytest.mark.slow
@pytest.mark.parametrize("how", ["together", "at once"])
def test_a_search_killed_twice_ends_as_if_undisturbed(tmp_path, how):
    script = tmp_path / "search.py"
    script.write_text(textwrap.dedent(SCRIPT))
    run_killed(script, tmp_path / "killed", how, after=3)
    run_killed(script, tmp_path / "killed", how, after=9)

    def ended(folder):
        command = [sys.executable, str(script), str(folder), how]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    resumed, whole = ended(tmp_path / "killed"), ended(tmp_path / "whole")

    assert resumed[-2:] == whole[-2:]
    known = [line.split()[2] for line in resumed[:-2]]
    assert known.count("True") >= 9
    assert known == sorted(known, reverse=True), "what is known comes first"


def test_a_resource_among_the_parameters_is_refused():
    search = HyperbandSearchCV(CNNClassifier(), {"max_epochs": (1, 9)})

    with pytest.raises(ValueError, match="leaves 'max_epochs' out, since that is the resource"):
        search.fit(X, y)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({}, ValueError, "at least one parameter"),
        ({"learning_rate": (0.1, 1.0)}, ValueError, "Did you mean 'lr'?"),
        ([{"lr": (0.1, 1.0)}], TypeError, "is a dict of parameter names"),
    ],
)
def test_a_space_that_is_none_is_refused(space, error, message):
    with pytest.raises(error, match=message):
        HyperbandSearchCV(CNNClassifier(), space).fit(X, y)
