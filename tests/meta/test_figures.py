from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt import CNNClassifier, ImageScaler, PrunedEstimator, save
from skdeepopt.layers._cost import LayerCost
from skdeepopt.meta._figures import (
    batch_latencies_ms,
    file_bytes,
    network_figures,
)


class Asked(nn.Linear):
    """Layer that notes how often, and in which mode, it was asked."""

    def __init__(self):
        super().__init__(4, 2)
        self.modes = []

    def forward(self, inputs):
        self.modes.append(self.training)
        return super().forward(inputs)


def test_networks_are_timed_equally_often_and_in_evaluation_mode():
    layers = [Asked(), Asked()]

    batch_latencies_ms(layers, torch.zeros(3, 4))

    assert len(layers[0].modes) == len(layers[1].modes) > 5
    assert not any(layers[0].modes + layers[1].modes)


@pytest.mark.parametrize("mode", [True, False])
def test_networks_stay_in_their_mode(mode):
    layer = Asked().train(mode)

    batch_latencies_ms([layer], torch.zeros(3, 4))

    assert layer.training == mode


def test_a_network_with_more_to_do_takes_longer():
    small, large = nn.Linear(8, 8), nn.Sequential(*[nn.Linear(8, 8) for _ in range(100)])

    small_ms, large_ms = batch_latencies_ms([small, large], torch.zeros(3, 8))

    assert 0 < small_ms < large_ms


def test_the_bytes_are_those_of_the_file(X, y, tmp_path):
    model = CNNClassifier(widths=(4,), max_epochs=1, random_state=0).fit(X, y)

    assert file_bytes(model) == save(model, tmp_path / "model").stat().st_size


def test_what_no_file_holds_has_no_bytes():
    assert file_bytes(PrunedEstimator(nn.Linear)) is None


def test_a_fitted_transformer_has_bytes_too(X):
    assert file_bytes(ImageScaler().fit(X)) > 0


def test_parameters_that_are_zero_are_told_from_others_and_biases_count(X, y):
    model = CNNClassifier(widths=(4,), max_epochs=1, random_state=0).fit(X, y)
    head = model.module_.network.head
    with torch.no_grad():
        head.weight[0], head.bias[0] = 0.0, -0.0

    figures = network_figures(model, {}, latency_ms=1.5, score=None)

    assert figures.n_parameters == model.n_parameters_
    assert figures.n_parameters - figures.n_nonzero == head.in_features + 1


def test_a_row_has_what_was_measured_and_the_bytes_of_the_file(X, y):
    model = CNNClassifier(widths=(4,), max_epochs=1, random_state=0).fit(X, y)
    costs = {"a": LayerCost(10, 1, (1,), 1), "b": LayerCost(5, 1, (1,), 1)}

    figures = network_figures(model, costs, latency_ms=1.5, score=0.5)

    assert (figures.multiply_adds, figures.latency_ms, figures.score) == (15, 1.5, 0.5)
    assert figures.size_bytes == file_bytes(model)
