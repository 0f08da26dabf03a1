from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepopt.measurement._measure import first_rows, measure, network_of

FAST = {"repeats": 5, "warmup": 1}


class TinyNetwork(ClassifierMixin, BaseEstimator):
    """What the package calls a deep estimator, without training."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.module_ = nn.Linear(X.shape[1], len(self.classes_))
        self.history_ = [{"epoch": 1, "seconds": 0.25}, {"epoch": 2, "seconds": 0.5}]
        return self

    def predict(self, X):
        with torch.no_grad():
            logits = self.module_(torch.as_tensor(np.asarray(X), dtype=torch.float32))
        return self.classes_[logits.argmax(1).numpy()]


def write_100_bytes(estimator, path: Path) -> None:
    Path(path).write_bytes(b"x" * 100)


@pytest.fixture
def data():
    X = np.random.default_rng(0).normal(size=(60, 4))
    return X, np.where(X[:, 0] > 0, "right", "left")


def test_accuracy_is_what_score_says_and_lies_in_its_interval(data):
    model = LogisticRegression().fit(*data)

    accuracy = measure(model, *data, **FAST).accuracy

    assert accuracy.value == model.score(*data)
    assert accuracy.spread[0] <= accuracy.value <= accuracy.spread[1]
    assert accuracy.n == 60


def test_a_regressor_is_measured_by_r2(data):
    X, _ = data
    y = X @ [1.0, 2.0, 0.0, 0.0] + np.random.default_rng(1).normal(size=60)
    model = LinearRegression().fit(X, y)

    record = measure(model, X, y, **FAST)

    assert record.metric == record.accuracy.unit == "R2"
    assert record.accuracy.value == pytest.approx(model.score(X, y))
    assert record.accuracy.spread[0] < record.accuracy.value < record.accuracy.spread[1]


def test_an_estimator_without_a_network_has_no_parameters_but_a_file(data):
    record = measure(LogisticRegression().fit(*data), *data, **FAST)

    assert record.n_parameters is record.multiply_adds is record.training_seconds is None
    assert record.file_format == "joblib"
    assert record.file_bytes.value > 100


def test_a_network_is_found_at_the_end_of_a_pipeline(data):
    pipeline = make_pipeline(StandardScaler(), TinyNetwork(random_state=7)).fit(*data)

    record = measure(pipeline, *data, save=write_100_bytes, **FAST)

    assert record.n_parameters.value == 4 * 2 + 2
    assert record.multiply_adds.value == 4 * 2
    assert record.training_seconds.value == 0.75
    assert record.seed == 7
    assert record.file_bytes.value == 100
    assert record.file_format == "custom"


def test_of_a_search_the_refitted_estimator_is_what_gets_saved(data):
    search = GridSearchCV(TinyNetwork(), {"random_state": [0, 1]}, cv=2).fit(*data)
    saved = []

    def save(estimator, path):
        saved.append(estimator)
        write_100_bytes(estimator, path)

    measure(search, *data, save=save, **FAST)

    assert saved == [search.best_estimator_]
    assert network_of(search) is search.best_estimator_


def test_latency_has_as_many_repeats_as_asked_and_the_95th_percentile_is_no_faster(data):
    record = measure(LogisticRegression().fit(*data), *data, repeats=20, warmup=1)

    assert record.latency_ms.n == record.latency_p95_ms.n == 20
    assert record.latency_ms.value <= record.latency_p95_ms.value
    low, high = record.latency_ms.spread
    assert low <= record.latency_ms.value <= high


def test_the_batch_is_no_larger_than_the_data(data):
    record = measure(LogisticRegression().fit(*data), *data, batch_size=1024, **FAST)

    assert record.batch_size == 60


def test_every_figure_has_unit_spread_and_count(data):
    record = measure(TinyNetwork().fit(*data), *data, save=write_100_bytes, **FAST)

    figures = dict(record.measurements())
    known = {field.name for field in dataclasses.fields(record) if "Measurement" in field.type}
    assert set(figures) == known
    assert all(item.unit and item.n >= 1 and len(item.spread) == 2 for item in figures.values())


def test_tables_are_measured_like_arrays(data):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(data[0], columns=list("abcd"))
    model = LogisticRegression().fit(X, data[1])

    record = measure(model, X, data[1], **FAST)

    assert record.accuracy.value == model.score(X, data[1])


def test_the_data_are_left_as_they_were(data):
    before = data[0].copy()

    measure(TinyNetwork().fit(*data), *data, save=write_100_bytes, **FAST)

    np.testing.assert_array_equal(data[0], before)


def test_an_unfitted_estimator_is_refused(data):
    with pytest.raises(NotFittedError):
        measure(LogisticRegression(), *data)


def test_what_neither_classifies_nor_regresses_is_refused(data):
    with pytest.raises(TypeError, match="classifier or regressor, not KMeans"):
        measure(KMeans(n_clusters=2, n_init=1).fit(data[0]), *data)


def test_a_class_in_place_of_an_instance_is_refused(data):
    with pytest.raises(TypeError, match="instance"):
        measure(LogisticRegression, *data)


def test_labels_of_another_split_are_refused(data):
    with pytest.raises(ValueError, match="not 10 for 60"):
        measure(LogisticRegression().fit(*data), data[0], data[1][:10])


@pytest.mark.parametrize("count", [{"batch_size": 0}, {"repeats": 0}])
def test_counts_below_one_are_refused(data, count):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        measure(LogisticRegression().fit(*data), *data, **count)


def test_no_data_are_refused(data):
    with pytest.raises(ValueError, match="at least 1 samples"):
        measure(LogisticRegression().fit(*data), data[0][:0], data[1][:0])


@pytest.mark.parametrize("container", [np.array, torch.tensor, list, tuple, pd.DataFrame])
def test_the_first_rows_are_the_first_of_any_container(container):
    rows = [[i, i + 1] for i in range(5)]

    assert np.asarray(first_rows(container(rows), 2)).tolist() == [[0, 1], [1, 2]]


def test_the_first_rows_of_a_series_are_counted_and_not_looked_up():
    assert first_rows(pd.Series([7, 8, 9], index=[2, 1, 0]), 2).tolist() == [7, 8]
