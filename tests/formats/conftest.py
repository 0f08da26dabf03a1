"""Fitted estimators and pipelines, small and quick."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdeepopt.estimators import CNNClassifier, CNNRegressor, NeuralClassifier
from skdeepopt.preprocessing import ImageScaler

NAMES = np.array(["zero", "één", "two"])


@pytest.fixture(scope="session")
def classifier(images, y):
    return CNNClassifier(max_epochs=1, random_state=0).fit(images, y)


@pytest.fixture(scope="session")
def named(images, y):
    return CNNClassifier(max_epochs=1, random_state=0).fit(images, NAMES[y])


@pytest.fixture(scope="session")
def regressor(images, numbers):
    return CNNRegressor(max_epochs=1, random_state=0).fit(images, 100 * numbers + 1000)


@pytest.fixture(scope="session")
def pipeline(X, y):
    scalers = MinMaxScaler((-1, 1), clip=True), StandardScaler()
    model = NeuralClassifier(max_epochs=1, random_state=0)
    return make_pipeline(*scalers, "passthrough", model).fit(X, y)


@pytest.fixture(scope="session")
def image_pipeline(images, y, numbers):
    targets = np.stack([y, 50 * numbers], 1)
    model = CNNRegressor(max_epochs=1, random_state=0)
    return make_pipeline(ImageScaler(), model).fit(images, targets)
