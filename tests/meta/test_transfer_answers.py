from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepopt import (
    TransferEstimator,
)
from skdeepopt.meta import _features
from skdeepopt.meta._features import FEATURES

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.mark.parametrize(
    "head",
    [
        LogisticRegression(max_iter=500),
        SVC(),
        KNeighborsClassifier(3),
        RandomForestClassifier(5),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
)
@pytest.mark.parametrize("strategy", ["features", "probe_then_finetune"])
def test_a_head_of_scikit_learn_answers_as_it_does_on_the_features(images, y, head, strategy):
    model = TransferEstimator(strategy=strategy, head=head, **SHORT).fit(images, y)

    features = model.transform(images).astype(np.float64)

    np.testing.assert_array_equal(model.predict(images), model.head_.predict(features))
    assert hasattr(model, "predict_proba") == hasattr(model.head_, "predict_proba")
    assert hasattr(model, "decision_function") == hasattr(model.head_, "decision_function")
    assert not hasattr(model, "finetune")
    assert model.score(images, y) > 0.9


def test_a_head_is_cloned_and_seeded(images, y):
    head = RandomForestClassifier(3)
    fits = [TransferEstimator(strategy="features", head=head, **SHORT) for _ in range(2)]

    one, other = (m.fit(images, y).predict_proba(images) for m in fits)

    np.testing.assert_array_equal(one, other)
    assert not hasattr(head, "estimators_")
    assert head.random_state is None


def test_a_linear_head_after_another_forgets_it(images, y):
    model = TransferEstimator(strategy="features", head=SVC()).fit(images, y)

    model.set_params(head="linear").fit(images, y)

    assert not hasattr(model, "head_")
    assert model.predict_proba(images).shape == (60, 3)


@pytest.mark.parametrize(("head", "other"), [("linear", SVC()), (GaussianNB(), "linear")])
def test_another_head_counts_from_the_next_fit_on(images, y, head, other):
    model = TransferEstimator(strategy="features", head=head).fit(images, y)
    before = model.predict_proba(images)

    model.set_params(head=other)

    np.testing.assert_array_equal(model.predict_proba(images), before)


def test_weights_reach_a_head_and_one_that_takes_none_is_told(images, y):
    weight = np.where(y == 0, 1e-6, 1.0)
    model = TransferEstimator(strategy="features", head=LogisticRegression(max_iter=500))

    assert 0 not in model.fit(images, y, sample_weight=weight).predict(images)
    with pytest.raises(ValueError, match="head KNeighborsClassifier takes no sample_weight"):
        model.set_params(head=KNeighborsClassifier()).fit(images, y, sample_weight=weight)


def test_weights_of_classes_reach_the_head(images, y):
    model = TransferEstimator(strategy="features", class_weight={0: 1e-6})

    assert 0 not in model.fit(images, y).predict(images)
    assert 0 not in clone(model).set_params(head=GaussianNB()).fit(images, y).predict(images[:0:-3])


@pytest.mark.parametrize("head", ["linear_regression", Ridge()])
@pytest.mark.parametrize("strategy", ["features", "probe_then_finetune"])
def test_numbers_are_predicted(images, numbers, head, strategy):
    model = TransferEstimator(strategy=strategy, head=head, random_state=0).fit(images, numbers)

    assert model.score(images, numbers) > 0.9
    assert is_regressor(model)
    assert not hasattr(model, "predict_proba")
    assert model.predict(images).dtype == np.float64


def test_several_numbers_are_predicted(images, numbers):
    targets = np.stack([numbers, -numbers], 1)
    model = TransferEstimator(head="linear_regression", **SHORT).fit(images, targets)

    assert model.predict(images).shape == (60, 2)


@pytest.mark.parametrize(
    ("head", "classifies"),
    [("linear", True), ("linear_regression", False), (SVC(), True), (Ridge(), False)],
)
def test_the_head_says_what_kind_of_estimator_it_is(head, classifies):
    model = TransferEstimator(head=head)

    assert (is_classifier(model), is_regressor(model)) == (classifies, not classifies)


def test_features_feed_any_estimator_of_a_pipeline(images, y):
    pipeline = make_pipeline(TransferEstimator(strategy="features"), StandardScaler(), SVC())

    assert pipeline.fit(images, y).score(images, y) == 1.0


def test_features_come_as_a_table_where_that_is_asked_for(images, y):
    model = TransferEstimator(strategy="features").set_output(transform="pandas")

    table = model.fit(images, y).transform(images)

    assert isinstance(table, pd.DataFrame)
    assert table.columns[0] == "transferestimator0"


def test_transformed_features_may_be_written_to(images, y):
    many = np.concatenate([images, images])
    model = TransferEstimator(strategy="features").fit(many, np.tile(y, 2))

    features = model.transform(many)
    features[:] = 0

    assert model.transform(many).any()


@pytest.fixture
def computed(monkeypatch):
    """How many times images went through a network for their features."""
    FEATURES.clear()
    calls, compute = [], _features._computed
    monkeypatch.setattr(
        _features, "_computed", lambda *args: calls.append(len(args[1])) or compute(*args)
    )
    yield calls
    FEATURES.clear()


def test_a_search_over_heads_computes_the_features_of_a_fold_once(y, computed):
    many = np.random.default_rng(0).random((240, 8, 8), dtype=np.float32)
    heads = [GaussianNB(), KNeighborsClassifier(3), LogisticRegression(max_iter=500), "linear"]
    model = TransferEstimator(strategy="features", head=heads[0])

    search = GridSearchCV(model, {"head": heads}, cv=3, refit=False).fit(many, np.tile(y, 4))

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert sorted(computed) == [80, 80, 80, 160, 160, 160]


def test_a_search_reaches_the_parameters_of_a_head_and_of_the_training(images, y):
    model = TransferEstimator(head=SVC(), **SHORT)

    search = GridSearchCV(model, {"head__C": [0.1, 1.0], "l2_sp": [0.0, 0.1]}, cv=2)

    assert search.fit(images, y).best_params_.keys() == {"head__C", "l2_sp"}


def test_nothing_answers_before_it_is_fitted(images):
    for ask in ("predict", "predict_proba", "transform"):
        with pytest.raises(NotFittedError):
            getattr(TransferEstimator(), ask)(images)
