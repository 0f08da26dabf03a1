from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdeepopt import NeuralClassifier, NeuralRegressor
from skdeepopt.nets import MLP

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


class Net(nn.Module):
    """Takes images or rows, and as many outputs as it is told."""

    def __init__(self, n_features, n_outputs, hidden=5, norm=False):
        super().__init__()
        norms = [nn.BatchNorm1d(hidden)] if norm else []
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(n_features, hidden), *norms, nn.ReLU(),
            nn.Linear(hidden, n_outputs),
        )  # fmt: skip

    def forward(self, inputs):
        return self.layers(inputs)


def make_net(n_classes, hidden=6):
    return nn.Sequential(nn.Linear(64, hidden), nn.Linear(hidden, n_classes))


def wide(model):
    return [m.out_features for m in model.module_.modules() if isinstance(m, nn.Linear)]


@pytest.mark.parametrize("module", [Net, make_net, MLP])
def test_a_class_or_a_factory_gets_the_arguments_that_it_accepts(X, y, module):
    model = NeuralClassifier(module, **SHORT).fit(X, y)

    assert wide(model)[-1] == 3
    assert model.predict(X).shape == (60,)


def test_module_parameters_reach_the_module(X, y):
    model = NeuralClassifier(Net, **SHORT, module__hidden=7, module__norm=True).fit(X, y)

    assert wide(model) == [7, 3]
    assert any(isinstance(m, nn.BatchNorm1d) for m in model.module_.modules())


def test_module_parameters_are_parameters():
    model = NeuralClassifier(Net, module__hidden=7)

    assert model.get_params()["module__hidden"] == 7
    assert model.set_params(module__hidden=8, lr=0.1).get_params()["module__hidden"] == 8
    assert clone(model).get_params() == model.get_params()
    assert "module__hidden=8" in repr(model)


def test_a_module_parameter_can_be_set_for_the_first_time(X, y):
    model = NeuralClassifier(Net, **SHORT).set_params(module__hidden=9).fit(X, y)

    assert wide(model) == [9, 3]


def test_module_parameters_can_be_searched(X, y):
    search = GridSearchCV(NeuralClassifier(Net, **SHORT), {"module__hidden": [3, 4]}, cv=2)

    search.fit(X, y)

    assert wide(search.best_estimator_)[0] == search.best_params_["module__hidden"]


def test_an_instance_is_copied_and_never_changed(X, y):
    torch.manual_seed(0)
    instance = Net(64, 3)
    before = {name: value.clone() for name, value in instance.state_dict().items()}

    model = NeuralClassifier(instance, **SHORT).fit(X, y)

    assert model.module_ is not instance
    assert model.module is instance
    assert all(torch.equal(value, before[name]) for name, value in instance.state_dict().items())
    assert all(parameter.grad is None for parameter in instance.parameters())
    assert instance.training


def test_an_instance_brings_its_weights(X, y):
    trained = NeuralClassifier(Net, **{**SHORT, "max_epochs": 20}).fit(X, y)

    model = NeuralClassifier(trained.module_, **{**SHORT, "max_epochs": 1}, lr=1e-9).fit(X, y)

    assert model.history_[0]["train_loss"] == pytest.approx(
        trained.history_[-1]["train_loss"], rel=0.5
    )
    np.testing.assert_allclose(model.predict_proba(X), trained.predict_proba(X), atol=1e-3)


def test_frozen_parameters_of_an_instance_stay(X, y):
    instance = Net(64, 3)
    instance.layers[1].requires_grad_(False)

    model = NeuralClassifier(instance, **SHORT).fit(X, y)

    assert torch.equal(model.module_.layers[1].weight, instance.layers[1].weight)
    assert not torch.equal(model.module_.layers[3].weight, instance.layers[3].weight)


def test_the_module_sees_flat_rows_flat_and_four_axes_with_channels_first(y):
    colour = np.random.default_rng(0).random((60, 6, 5, 3))
    model = NeuralClassifier(Net, **SHORT)

    assert model.fit(colour.reshape(60, -1), y).image_shape_ == (90,)
    assert model.fit(colour, y).image_shape_ == (3, 6, 5)
    assert model.fit(colour[..., 0], y).image_shape_ == (6, 5)
    assert model.set_params(image_shape=(6, 5, 3)).fit(colour.reshape(60, -1), y).image_shape_ == (
        3, 6, 5,
    )  # fmt: skip


def test_a_regressor_learns_several_targets_at_once(X, numbers):
    targets = np.stack([numbers, 5 - numbers], 1)

    model = NeuralRegressor(Net, **{**SHORT, "max_epochs": 40}, module__hidden=16).fit(X, targets)

    assert model.predict(X).shape == (60, 2)
    assert model.score(X, targets) > 0.8


def test_a_module_with_a_forward_of_its_own_trains(X, y):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Parameter(torch.zeros(64))
            self.head = nn.Linear(64, 3)

        def forward(self, inputs):
            return self.head(inputs * torch.sigmoid(self.gate))

    model = NeuralClassifier(Gated, **{**SHORT, "max_epochs": 20}).fit(X, y)

    assert model.module_.gate.abs().sum() > 0
    assert model.score(X, y) > 0.9
