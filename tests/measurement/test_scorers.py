from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import _scorer, check_scoring, get_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn

from skdeepopt import CNNClassifier, ImageScaler, QuantizedEstimator, save
from skdeepopt.measurement._scorers import (
    COST_SCORERS,
    latency_ms,
    model_bytes,
    register_scorers,
)

register_scorers()

TINY = CNNClassifier(widths=[4], max_epochs=1, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:80], y[:80]


@pytest.fixture(scope="module")
def fitted(digits):
    return clone_fit(TINY, digits)


def clone_fit(model, digits):
    return copy.deepcopy(model).fit(*digits)


class Slow(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        assert len(X) == 1
        time.sleep(0.002)
        return self.classes_[:1]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: make_pipeline(ImageScaler(), model),
        lambda model: QuantizedEstimator(model, engine="torch", method="weight_only"),
    ],
)
def test_bytes_are_those_of_the_file_that_save_writes(wrap, digits, tmp_path):
    model = clone_fit(wrap(TINY), digits)

    path = save(model, tmp_path / "model.skdo")

    assert model_bytes(model) == path.stat().st_size
    assert get_scorer("neg_model_bytes")(model, *digits) == -path.stat().st_size


def test_without_a_network_bytes_are_those_of_joblib(digits, tmp_path):
    model = KNeighborsClassifier().fit(*digits)

    joblib.dump(model, tmp_path / "model")

    assert model_bytes(model) == Path(tmp_path / "model").stat().st_size


def test_of_a_search_the_bytes_of_its_best_estimator_count(digits):
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1]}, cv=2).fit(*digits)

    assert model_bytes(search) == model_bytes(search.best_estimator_)


def test_a_network_that_no_file_holds_is_an_error_and_not_a_size(digits):
    net = NeuralNetClassifier(nn.Linear, module__in_features=64, module__out_features=10, verbose=0)
    X, y = digits[0].astype(np.float32), digits[1].astype(np.int64)

    with pytest.raises(TypeError, match="NeuralNetClassifier"):
        model_bytes(net.initialize().partial_fit(X, y, epochs=0))


@pytest.mark.parametrize("cost", [model_bytes, latency_ms])
def test_what_is_not_fitted_costs_nothing_yet(cost, digits):
    with pytest.raises(NotFittedError):
        cost(CNNClassifier(), digits[0])


def test_latency_is_that_of_one_sample_in_milliseconds(digits):
    found = latency_ms(Slow().fit(*digits), digits[0])

    assert 2.0 <= found < 50.0


@pytest.mark.parametrize("name", COST_SCORERS)
def test_a_scorer_is_below_zero_and_pickles(name, digits, fitted):
    scorer = get_scorer(name)

    again = pickle.loads(pickle.dumps(scorer))

    assert again == scorer
    assert repr(again) == f"<scorer {name!r}>"
    assert again(fitted, digits[0]) < 0
    assert check_scoring(fitted, scoring=scorer) == scorer


def test_all_scores_come_at_once_and_weights_change_no_cost(digits):
    scoring = ["accuracy", *COST_SCORERS]
    scorer = check_scoring(DummyClassifier(), scoring=scoring)
    model = DummyClassifier().fit(*digits)

    scores = scorer(model, *digits, sample_weight=np.ones(80))

    assert list(scores) == scoring
    assert scores["neg_model_bytes"] == -model_bytes(model)


def test_metadata_routing_leaves_the_scorers_alone(digits):
    with config_context(enable_metadata_routing=True):
        model = DummyClassifier().set_fit_request(sample_weight=True)
        found = cross_validate(
            model,
            *digits,
            cv=2,
            scoring=list(COST_SCORERS),
            params={"sample_weight": np.ones(80)},
        )

    assert (found["test_neg_model_bytes"] < 0).all()


def test_registration_twice_is_once_and_leaves_others_alone(monkeypatch):
    mine = object()
    registry = {"accuracy": mine, "neg_latency_ms": mine}
    monkeypatch.setattr(_scorer, "_SCORERS", registry)

    assert register_scorers() == ("neg_model_bytes",)
    assert register_scorers() == ("neg_model_bytes",)
    assert registry == {
        "accuracy": mine,
        "neg_latency_ms": mine,
        "neg_model_bytes": COST_SCORERS["neg_model_bytes"],
    }


@pytest.mark.parametrize("registry", [None, "gone"])
def test_without_the_registry_nothing_happens(registry, monkeypatch):
    if registry is None:
        monkeypatch.setattr(_scorer, "_SCORERS", None)
    else:
        monkeypatch.delattr(_scorer, "_SCORERS")

    assert register_scorers() == ()


def test_without_the_module_of_the_registry_nothing_happens(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics._scorer", None)

    assert register_scorers() == ()


def test_what_is_registered_is_what_a_search_finds():
    assert register_scorers() == tuple(COST_SCORERS)
    assert all(get_scorer(name) == scorer for name, scorer in COST_SCORERS.items())


@pytest.mark.slow
def test_the_names_score_in_worker_processes(digits):
    search = GridSearchCV(
        TINY,
        {"widths": [[2], [8]]},
        scoring=["accuracy", *COST_SCORERS],
        refit="neg_model_bytes",
        cv=2,
        n_jobs=2,
    ).fit(*digits)

    assert search.best_params_ == {"widths": [2]}


def test_a_search_that_was_imported_before_takes_the_names(digits):
    search = GridSearchCV(DummyClassifier(), {}, scoring="neg_model_bytes", cv=2).fit(*digits)

    assert search.best_score_ < 0


@pytest.mark.slow
def test_a_scorer_unpickles_in_a_fresh_process(tmp_path):
    path = tmp_path / "scorer"
    path.write_bytes(pickle.dumps(COST_SCORERS["neg_model_bytes"]))

    code = f"import pickle; print(pickle.load(open({str(path)!r}, 'rb')))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == "<scorer 'neg_model_bytes'>"
