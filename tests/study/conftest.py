from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB

from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.study._setting import setting_for
from skdeepopt.study._techniques import Technique


def _search(setting, seed):
    space = {"alpha": [1e-4, 1e-3, 1e-2]}
    network = SGDClassifier(random_state=seed)
    return RandomizedSearchCV(network, space, n_iter=2, cv=2, random_state=seed)


@pytest.fixture
def techniques():
    """A baseline and a search that take milliseconds."""
    return [
        Technique("baseline", "counts", lambda setting, seed: GaussianNB()),
        Technique("random search", "draws", _search),
    ]


@pytest.fixture
def dataset():
    random = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 30)
    X = random.normal(size=(90, 4)) + 2 * y[:, None]
    return ImageDataset("toy", X[:60], y[:60], X[60:], y[60:], ("a", "b", "c"))


@pytest.fixture
def setting(dataset):
    return setting_for(dataset, quick=True)


@pytest.fixture(autouse=True)
def save_with_joblib(monkeypatch):
    """The stand-ins are no networks, which alone the package's own file holds."""
    monkeypatch.setattr("skdeepopt.study._run.save", joblib.dump)
