from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.estimators._neural import NeuralClassifier
from skdeepopt.journal._state_bytes import restore, state_bytes
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator

X, y = (array[:160] for array in load_digits(return_X_y=True))


def base():
    return CNNClassifier("mlp", max_epochs=1, random_state=0)


class Layers(nn.Module):
    """Known to nobody but this test."""

    def __init__(self, n_hidden=6):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, n_hidden), nn.Linear(n_hidden, 10))

    def forward(self, inputs):
        return self.layers(inputs)


def layered():
    return NeuralClassifier(Layers, max_epochs=1, random_state=0)


def quantized_and_pruned():
    inside = PrunedEstimator(base(), finetune_epochs=1, random_state=0)
    return QuantizedEstimator(inside, finetune_epochs=1, random_state=0)


def distilled():
    return DistilledEstimator(base(), FrozenEstimator(base().fit(X, y)), random_state=0)


STACKS = {
    "cnn": base,
    "a module of the user's": layered,
    "the same, wrapped": lambda: PrunedEstimator(layered(), finetune_epochs=1, random_state=0),
    "pruned and quantized": quantized_and_pruned,
    "packed": lambda: PackedEstimator(base(), finetune_epochs=1, random_state=0),
    "transferred": lambda: TransferEstimator(max_epochs=1, random_state=0),
    "distilled": distilled,
}


@pytest.mark.parametrize("make", STACKS.values(), ids=STACKS)
def test_what_is_restored_answers_and_trains_as_what_was_kept(make):
    fitted = make().fit(X, y)

    restored = restore(clone(fitted), state_bytes(fitted))

    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))
    restored.finetune(X, y, epochs=1, lr=0.003)
    assert not np.array_equal(restored.predict_proba(X), fitted.predict_proba(X))


def test_a_restored_copy_shares_no_memory_with_another_one():
    fitted = base().fit(X, y)
    kept = state_bytes(fitted)
    one, other = restore(base(), kept), restore(base(), kept)

    one.finetune(X, y, epochs=1)

    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_an_estimator_that_a_file_cannot_hold_has_no_state():
    class Mine(CNNClassifier):
        """Nobody else knows how to build it."""

    wrapped = PrunedEstimator(Mine("mlp", max_epochs=1, random_state=0), finetune_epochs=0)

    assert state_bytes(wrapped.fit(X, y)) is None


def test_the_state_holds_the_weights_once_and_little_else():
    fitted = base().fit(X, y)

    kept = state_bytes(fitted)

    weights = 4 * fitted.n_parameters_
    assert weights < len(kept) < weights + 6000
