from __future__ import annotations

import signal

import joblib
import numpy as np
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeepopt.study._techniques import Technique


def _flat(X):
    return np.asarray(X, dtype=float).reshape(len(X), -1) / 255


def _linear(setting, seed):
    return make_pipeline(FunctionTransformer(_flat), SGDClassifier(random_state=seed))


@pytest.fixture(autouse=True)
def interrupts_arrive():
    """Ctrl-C as at a terminal, also where the tests run in the background and it is ignored.

    Child processes inherit it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def fake_study(monkeypatch):
    """Techniques that take milliseconds in place of the registered ones."""
    fakes = {
        "baseline": Technique("baseline", "a line", _linear),
        "grid search": Technique("grid search", "another line", _linear),
    }
    monkeypatch.setattr("skdeepopt.study.TECHNIQUES", fakes)
    # The stand-ins are no networks, which alone the package's own file holds.
    monkeypatch.setattr("skdeepopt.study._run.save", joblib.dump)
    return fakes


@pytest.fixture
def data_file(tmp_path):
    """Images of the user's own: bright rows tell the classes apart."""
    y = np.tile([0, 1, 2], 20)
    X = np.random.default_rng(0).integers(0, 99, (60, 6, 6), dtype=np.uint8)
    X[np.arange(60), 2 * y] += 100
    path = tmp_path / "own.npz"
    np.savez(path, x_train=X[:45], y_train=y[:45], x_test=X[45:], y_test=y[45:])
    return path
