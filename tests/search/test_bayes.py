"""scikit-optimize's search, that nothing undoes."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import skopt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC
from skopt.space import Categorical, Integer, Real

from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._pareto import nondominated

ROOT = Path(__file__).parents[2]
X, Y = load_iris(return_X_y=True)
SPACE = {"C": (1e-3, 1e3, "log-uniform"), "gamma": (1e-4, 1e1, "log-uniform")}
FITS: list[float] = []


class Valley(ClassifierMixin, BaseEstimator):
    """Scores by its parameters alone, and fails as it is told to."""

    def __init__(self, x=0.0, y=0.0, kind="a", fails=False):
        self.x = x
        self.y = y
        self.kind = kind
        self.fails = fails

    def fit(self, X, y, sample_weight=None):
        FITS.append(self.x)
        if self.fails and self.x > 0.7:
            raise ArithmeticError("too steep")
        self.weight_ = sample_weight
        return self

    def score(self, X, y, sample_weight=None):
        is_other = not (isinstance(self.kind, str) and self.kind == "a")
        return -((self.x - 0.6) ** 2) - (self.y - 0.2) ** 2 - is_other


VALLEY = {"x": (0.0, 1.0), "y": (0.0, 1.0), "kind": ["a", "b"]}


def valley(n_iter=12, estimator=None, space=VALLEY, **rest):
    rest = {"cv": 2, "random_state": 0, **rest}
    return BayesSearchCV(estimator or Valley(), space, n_iter=n_iter, **rest)


def params(search):
    return search.cv_results_["params"]


@pytest.fixture(autouse=True)
def _no_fits_yet():
    FITS.clear()


class TestLikeSkopt:
    def test_it_is_one(self):
        assert isinstance(valley(), skopt.BayesSearchCV)

    def test_skopts_parameters_keep_their_order(self):
        import inspect

        theirs = list(inspect.signature(skopt.BayesSearchCV).parameters)
        ours = list(inspect.signature(BayesSearchCV).parameters)

        assert ours[: len(theirs)] == theirs

    @pytest.mark.parametrize(
        "space",
        [
            SPACE,
            {"C": Real(1e-3, 1e3, prior="log-uniform"), "kernel": Categorical(["rbf", "linear"])},
            [SPACE, {"kernel": ["linear"], "C": (0.1, 1.0)}],
            [(SPACE, 4), ({"kernel": ["poly"], "degree": Integer(1, 4)}, 2)],
        ],
        ids=["dict", "dimensions", "list", "counted"],
    )
    def test_spaces_have_skopts_forms(self, space):
        search = BayesSearchCV(SVC(), space, n_iter=3, cv=2, random_state=0).fit(X, Y)

        n_spaces = len(space) if isinstance(space, list) else 1
        assert len(params(search)) == search.total_iterations
        assert len(search.optimizers_) == len(search.optimizer_results_) == n_spaces
        assert search.best_score_ == -min(r.fun for r in search.optimizer_results_)

    def test_optimizer_settings_reach_skopt(self):
        search = valley(5, optimizer_kwargs={"base_estimator": "ET", "n_initial_points": 3})

        search.fit(X, Y)

        assert type(search.optimizers_[0].base_estimator_).__name__ == "ExtraTreesRegressor"
        assert len(search.optimizers_[0].models) == 2

    def test_skopts_callback_is_told_and_can_end(self):
        told = []

        search = valley().fit(X, Y, callback=[told.append, lambda result: len(result.x_iters) == 3])

        assert len(told) == len(params(search)) == 3
        assert told[-1].fun == -search.best_score_

    def test_the_pipeline_of_skopts_example_works(self):
        pipeline = Pipeline([("model", SVC())])
        space = [
            ({"model": [LinearSVC()], "model__C": (1e-3, 10.0, "log-uniform")}, 3),
            ({"model": Categorical([SVC()]), "model__degree": Integer(1, 8)}, 3),
        ]

        search = BayesSearchCV(pipeline, space, cv=2, random_state=0).fit(X, Y)

        assert len(params(search)) == 6
        assert search.score(X, Y) > 0.8

    def test_results_that_skopt_plots(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        from matplotlib import pyplot
        from skopt.plots import plot_convergence, plot_objective

        result = valley().fit(X, Y).optimizer_results_[0]

        plot_convergence(result)
        plot_objective(result, n_samples=5, n_points=3)

        pyplot.close("all")

    def test_train_scores_are_ranked_as_skopt_does_it(self):
        search = valley(4, return_train_score=True).fit(X, Y)

        ranks = search.cv_results_["rank_train_score"]
        assert search.cv_results_["mean_train_score"][ranks == 1] == search.best_score_

    def test_a_budget_that_ends_with_the_first_space_leaves_the_second_untried(self):
        search = valley(3, space=[VALLEY, {"x": (0.0, 1.0)}], time_budget=1e-9).fit(X, Y)

        assert len(search.optimizer_results_) == len(params(search)) == 1

    def test_a_search_clones_and_pickles(self):
        search = valley(space={**VALLEY, "kind": ["a", ("b", 1)]}).fit(X, Y)

        again = pickle.loads(pickle.dumps(search))
        assert params(again) == params(search)
        assert params(clone(search).fit(X, Y)) == params(search)

    def test_fit_params_of_either_place_reach_the_estimator(self):
        weight = np.ones(150)

        search = valley(2, fit_params={"sample_weight": weight}).fit(X, Y)

        assert search.best_estimator_.weight_ is not None


class TestCandidates:
    def test_the_best_is_found(self):
        search = valley(25).fit(X, Y)

        assert search.best_score_ > -0.01
        assert search.best_params_["kind"] == "a"

    def test_the_same_seed_gives_the_same_candidates(self):
        assert params(valley().fit(X, Y)) == params(valley().fit(X, Y))
        assert params(valley().fit(X, Y)) != params(valley(random_state=1).fit(X, Y))

    @pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
    def test_workers_change_no_candidate(self, backend):
        search = BayesSearchCV(SVC(), SPACE, n_iter=10, n_points=2, cv=2, random_state=0)
        alone = params(search.fit(X, Y))

        with joblib.parallel_config(backend):
            together = params(search.set_params(n_jobs=3).fit(X, Y))

        assert together == alone

    def test_candidates_are_plain_python(self):
        space = {"hidden_layer_sizes": [(4,), (4, 2)], "alpha": (1e-5, 1.0), "batch_size": (8, 64)}
        search = BayesSearchCV(
            MLPClassifier(solver="lbfgs", tol=9.0), space, n_iter=4, cv=2, random_state=0
        ).fit(X, Y)

        for candidate in params(search):
            kinds = [type(candidate[n]) for n in ("alpha", "batch_size", "hidden_layer_sizes")]
            assert kinds == [float, int, tuple]

    @pytest.mark.parametrize(
        "choices",
        [
            [(1, 2), (3,)],
            [[1, 2], [3]],
            [np.ones(2), np.zeros(3)],
            [LogisticRegression(), SVC(), None],
            ["auto", True, 1, None],
            ("auto", "none"),
        ],
        ids=["tuples", "lists", "arrays", "estimators", "mixed", "strings"],
    )
    def test_anything_is_a_category(self, choices):
        search = valley(8, space={"kind": choices, "x": (0.0, 1.0)}, return_train_score=True)

        search.fit(X, Y)

        tried = [candidate["kind"] for candidate in params(search)]
        assert all(any(one is choice for choice in choices) for one in tried)
        assert len(search.cv_results_["param_kind"]) == 8

    def test_a_space_that_holds_fewer_is_tried_as_a_whole(self):
        search = valley(20, space={"kind": ["a", "b"], "x": [0.1, 0.2]})

        with pytest.warns(UserWarning, match="n_iter=20 candidates are more than the 4"):
            search.fit(X, Y)

        assert len({(c["kind"], c["x"]) for c in params(search)}) == len(params(search)) == 4

    def test_a_failure_costs_one_candidate_and_the_model_avoids_its_surroundings(self):
        with pytest.warns(FitFailedWarning, match="ArithmeticError: too steep"):
            search = valley(30, Valley(fails=True)).fit(X, Y)

        failed = search.cv_results_["failure"] != ""
        assert 0 < failed[10:].mean() < failed[:10].mean() or failed[10:].mean() < 0.15
        assert np.isfinite(search.optimizers_[0].yi).all()
        assert search.best_score_ > -0.02

    def test_where_the_first_all_fail_the_search_goes_on(self):
        space = {"C": [-1.0, -2.0, -3.0, 1.0]}

        with pytest.warns(FitFailedWarning, match="3 of 4"):
            search = BayesSearchCV(SVC(), space, n_iter=4, cv=2, random_state=0).fit(X, Y)

        assert search.best_params_ == {"C": 1.0}

    def test_with_metadata_routing_groups_reach_the_splitter(self):
        with sklearn.config_context(enable_metadata_routing=True):
            search = BayesSearchCV(
                SVC().set_fit_request(sample_weight=True).set_score_request(sample_weight=True),
                *(SPACE,),
                n_iter=2,
                cv=GroupKFold(2),
                random_state=0,
            )
            search.fit(X, Y, groups=np.arange(150) % 2, sample_weight=np.ones(150))

        assert search.n_splits_ == 2


class TestSeveralMetrics:
    def two(self, estimator, X, y):
        return {"good": estimator.score(X, y), "cheap": -estimator.x}

    def test_a_named_metric_guides(self):
        search = valley(20, scoring=self.two, refit="good").fit(X, Y)

        assert search.best_score_ > -0.02
        assert search.optimizer_results_[0].fun == pytest.approx(-search.best_score_)

    def test_a_callable_choice_explores_the_front(self):
        search = valley(30, scoring=self.two, refit=lambda table: table["mean_test_good"].argmax())
        front = search.fit(X, Y).pareto_front_

        assert len(front) >= 5
        assert front.x.min() < 0.15
        assert front.x.max() > 0.5
        means = np.column_stack([search.cv_results_[f"mean_test_{n}"] for n in ("good", "cheap")])
        assert sorted(front.index) == np.flatnonzero(nondominated(means)).tolist()

    def test_no_refit_explores_it_too(self):
        search = valley(4, scoring=self.two, refit=False).fit(X, Y)

        assert len(search.pareto_front_) >= 1
        assert not hasattr(search, "best_estimator_")


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"space": {"z": (0, 1)}}, "has no parameter 'z'"),
            ({"space": {}}, "at least one parameter"),
            ({"space": []}, "which is empty"),
            ({"space": {"x": []}}, "at least one choice"),
            ({"space": [({"x": (0.0, 1.0)}, 0)]}, "search_spaces is an integer of at least 1"),
            ({"n_iter": 0}, "n_iter is an integer of at least 1, not 0"),
            ({"n_points": 0}, "n_points is an integer of at least 1"),
            ({"time_budget": 0}, "time_budget is a finite number above 0"),
            ({"timeout": -1}, "timeout is a finite number above 0"),
            ({"n_iter_no_change": 0}, "n_iter_no_change is an integer of at least 1"),
        ],
    )
    def test_it_is_named_before_anything_is_fitted(self, change, message):
        with pytest.raises(ValueError, match=message):
            valley(**change).fit(X, Y)

        assert FITS == []

    def test_the_parameters_are_not_looked_at_before_fit(self):
        BayesSearchCV(None, {}, n_iter=0)

    def test_settings_that_are_no_dict_are_named(self):
        with pytest.raises(TypeError, match=r"optimizer_kwargs is a dict, not 'GP'"):
            valley(optimizer_kwargs="GP").fit(X, Y)

    def test_iid_is_told_to_be_of_no_use(self):
        with pytest.warns(FutureWarning, match="iid is not used"):
            valley(1, iid=True).fit(X, Y)


class TestJournal:
    def test_a_search_that_was_stopped_ends_as_one_that_was_not(self, tmp_path):
        whole = valley(14, n_points=2).fit(X, Y)
        FITS.clear()

        def stop(progress):
            if progress.number == 7 and not progress.resumed:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            valley(14, n_points=2, journal=tmp_path, callbacks=stop).fit(X, Y)
        done = len(FITS)
        resumed = valley(14, n_points=2, journal=tmp_path).fit(X, Y)

        assert params(resumed) == params(whole)
        assert resumed.best_index_ == whole.best_index_
        # The batch of the seventh was under way; the others are trained once, and the best again.
        assert (done, len(FITS)) == (16, 16 + 6 * 2 + 1)

    def test_a_search_may_grow(self, tmp_path):
        valley(20, journal=tmp_path).fit(X, Y)
        FITS.clear()

        grown = valley(23, journal=tmp_path).fit(X, Y)

        assert len(FITS) == 3 * 2 + 1
        assert params(grown) == params(valley(23).fit(X, Y))

    def test_another_space_is_refused(self, tmp_path):
        valley(2, journal=tmp_path).fit(X, Y)

        with pytest.raises(ValueError, match="search_spaces"):
            valley(2, journal=tmp_path, space={"x": (0.0, 2.0)}).fit(X, Y)

    def test_several_metrics_are_resumed_alike(self, tmp_path):
        rest = {"scoring": TestSeveralMetrics().two, "refit": False, "n_points": 2}
        whole = valley(16, **rest).fit(X, Y)

        valley(16, **rest, journal=tmp_path, callbacks=lambda p: p.number == 11).fit(X, Y)
        resumed = valley(16, **rest, journal=tmp_path).fit(X, Y)

        assert params(resumed) == params(whole)


KILLED = """
import sys
from sklearn.datasets import load_iris
from tests.search.test_bayes import long_search
long_search(sys.argv[1]).fit(*load_iris(return_X_y=True))
"""


def long_search(journal, n_points=2):
    """A search of some seconds, of an estimator that any process knows."""
    boosted = GradientBoostingClassifier(n_estimators=12)
    space = {
        "learning_rate": (1e-3, 1.0, "log-uniform"),
        "subsample": (0.2, 1.0),
        "max_depth": [1, 2, 4, None],
        "max_features": ["sqrt", 0.5, None],
    }
    return BayesSearchCV(
        boosted,
        space,
        n_iter=14,
        n_points=n_points,
        cv=3,
        random_state=0,
        journal=journal,
        optimizer_kwargs={"n_initial_points": 5},
    )


def killed_after(n_lines, delay, journal):
    """Kill a search so many seconds after its journal has so many lines; False if it ended."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(journal)], env=env, cwd=ROOT)
    file = Path(journal) / "journal.jsonl"
    while process.poll() is None and len(lines_of(file)) < n_lines:
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    return process.wait() != 0


def lines_of(file):
    return file.read_bytes().splitlines() if file.exists() else []


def begun_again(file):
    """Keys of evaluations that began after they had ended."""
    ended, again = set(), []
    for line in map(json.loads, lines_of(file)):
        if "entry" in line:
            ended.add(line["key"])
        elif line.get("begin") in ended:
            again.append(line["begin"])
    return again


@pytest.fixture(scope="module")
def undisturbed():
    return long_search(None).fit(X, Y)


def check_kills(moments, journal, undisturbed):
    n_killed = sum(killed_after(*moment, journal) for moment in moments)

    resumed = long_search(journal).fit(X, Y)

    assert n_killed
    assert begun_again(Path(journal) / "journal.jsonl") == []
    assert params(resumed) == params(undisturbed)
    assert resumed.best_index_ == undisturbed.best_index_
    np.testing.assert_array_equal(
        resumed.cv_results_["mean_test_score"], undisturbed.cv_results_["mean_test_score"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_a_random_moment_loses_nothing(seed, tmp_path, undisturbed):
    drawn = np.random.default_rng(seed)
    moments = [(int(drawn.integers(3, 80)), float(drawn.uniform(0, 0.05)))]

    check_kills(moments, tmp_path, undisturbed)


def test_a_kill_in_the_middle_loses_nothing(tmp_path, undisturbed):
    check_kills([(40, 0.01)], tmp_path, undisturbed)


class Misbehaves(ClassifierMixin, BaseEstimator):
    """Fails in the way that it is told to."""

    def __init__(self, way="well", x=0.0):
        self.way = way
        self.x = x

    def fit(self, X, y):
        if self.way == "raises":
            raise LookupError("nothing there")
        if self.way == "eats":
            raise MemoryError
        if self.way == "hangs":
            time.sleep(600)
        if self.way == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def score(self, X, y):
        return np.nan if self.way == "diverges" else self.x


@pytest.mark.slow
def test_every_way_to_fail_has_its_name_and_costs_one_candidate(tmp_path):
    ways = ["raises", "eats", "hangs", "dies", "diverges"]
    space = {"way": [*ways, "well"], "x": [0.1, 0.2]}

    with pytest.warns(FitFailedWarning, match="10 of 12 candidates failed"):
        search = valley(12, Misbehaves(), space, timeout=3, journal=tmp_path).fit(X, Y)

    told = {params["way"]: reason for params, reason in search.failures_}
    assert sorted(told) == sorted(ways)
    assert told["raises"] == "LookupError: nothing there"
    assert told["eats"].startswith("MemoryError")
    assert "3 s" in told["hangs"]
    assert "signal 9" in told["dies"]
    assert told["diverges"] == "the metric 'score' is nan on a split"
    assert search.best_params_ == {"way": "well", "x": 0.2}
