from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.nets._blocks import Standardize
from tests.lowering.conftest import (
    answers,
    assert_same_answers,
    assert_simulated,
    built,
    operators,
    prepared,
    quantized,
)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), bias=False),
        nn.Conv2d(4, 8, 3, groups=4),
        nn.Conv2d(4, 6, (3, 5), padding="same", dilation=(2, 1)),
        nn.Conv2d(4, 6, 3, padding="valid"),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode="replicate"),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
        nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2),
        nn.ConvTranspose2d(4, 6, (3, 2), dilation=2, bias=False),
    ],
    ids=repr,
)
def test_a_convolution_gives_its_answers(layer):
    torch.manual_seed(0)
    network = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    network(torch.rand(2, 4, 9, 9))

    assert_same_answers(network, torch.rand(3, 4, 9, 9))
    assert_simulated(network, torch.rand(16, 4, 9, 9))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Conv1d(2, 3, 3), (2, 9)), (nn.Conv3d(2, 3, 2), (2, 4, 4, 4))],
    ids=["1d", "3d"],
)
def test_convolutions_of_other_ranks_give_their_answers(layer, shape):
    torch.manual_seed(0)
    network = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    network(torch.rand(2, *shape))

    assert_same_answers(network, torch.rand(3, *shape))
    assert_simulated(network, torch.rand(16, *shape))


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_on_more_than_vectors_runs_in_integers(bias, tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6, bias=bias), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3))

    assert_same_answers(network, torch.rand(5, 3, 4))
    assert_simulated(network, torch.rand(16, 3, 4), tmp_path / "optimized.onnx")

    assert operators(tmp_path / "optimized.onnx").count("QGemm") == 2


@pytest.mark.parametrize("affine", [True, False])
def test_a_batch_norm_that_stands_alone_gives_its_answers(affine):
    network = nn.Sequential(nn.BatchNorm2d(2, affine=affine), nn.Flatten(), nn.Linear(18, 3))
    network.train()(torch.rand(8, 2, 3, 3))

    assert_same_answers(network, torch.rand(5, 2, 3, 3))


def test_a_batch_norm_without_statistics_is_refused():
    network = nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False))

    with pytest.raises(ValueError, match=r"each batch's own statistics of layer '0'"):
        to_onnx(prepared(network), (2, 3, 3))


def standardized(mean, scale):
    torch.manual_seed(0)
    network = nn.Sequential()
    network.add_module("standardize", Standardize(torch.tensor(mean), torch.tensor(scale)))
    network.add_module("conv", nn.Conv2d(len(mean), 4, 3, padding=1))
    network.add_module("relu", nn.ReLU())
    network.add_module("flatten", nn.Flatten())
    network.add_module("head", nn.Linear(4 * 36, 3))
    return network


@pytest.mark.parametrize(
    ("mean", "scale", "before"),
    [
        ([33.3], [78.6], ["Sub"]),
        ([33.3, 44.4], [78.6, 78.6], ["Sub"]),
        ([33.3, 44.4], [78.6, 50.0], ["Mul", "Add"]),
        ([0.0], [78.6], []),
    ],
)
def test_one_scale_for_all_pixels_moves_into_the_quantization(mean, scale, before):
    network, inputs = standardized(mean, scale), 255 * torch.rand(16, len(mean), 6, 6)

    model = assert_simulated(network, inputs)

    assert operators(model)[: len(before) + 1] == [*before, "QuantizeLinear"]
    assert_same_answers(network, inputs)


def test_a_mean_that_lies_on_the_grid_moves_into_the_zero_point():
    network, inputs = standardized([33.3], [78.6]), 255 * torch.rand(16, 1, 6, 6)
    graph, weights = quantized(network, inputs)
    quantizer = graph.activation_quantizers.input
    quantizer.zero_point.fill_(33)
    quantizer.scale.fill_(33.3 / 33 / 78.6)

    model = to_onnx(graph, (1, 6, 6), weights=weights)

    assert operators(model)[0] == "QuantizeLinear"
    given = answers(model, inputs)
    np.testing.assert_allclose(given, graph(inputs).detach(), atol=0.02)


@pytest.mark.parametrize("skip", [(), ("second",)])
def test_a_tensor_that_two_read_is_quantized_for_one_and_float_for_the_other(skip):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, inputs):
            hidden = torch.relu(self.first(inputs))
            return self.last(self.second(hidden) + hidden)

    torch.manual_seed(0)

    assert_same_answers(Both(), torch.rand(5, 4))
    assert_simulated(Both(), torch.rand(32, 4), skip=skip)


def test_a_double_precision_network_is_written_in_single_precision():
    network = built("mlp", (1, 8, 8)).double()

    given = answers(to_onnx(prepared(network), (1, 8, 8)), np.ones((2, 1, 8, 8), np.float32))

    wanted = network(torch.ones(2, 1, 8, 8, dtype=torch.float64)).detach()
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)


def test_padding_by_an_odd_number_of_pixels_is_torchs():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 4, padding="same"), nn.Flatten())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_answers(network, torch.rand(3, 1, 6, 6))


@pytest.mark.parametrize("between", ["conv", "linear"])
def test_a_layer_in_float_between_quantizers_keeps_its_float_weights(between):
    torch.manual_seed(0)
    network = nn.Sequential()
    network.add_module("first", nn.Conv2d(1, 4, 3))
    network.add_module("conv", nn.Conv2d(4, 4, 3))
    network.add_module("flatten", nn.Flatten())
    network.add_module("linear", nn.Linear(64, 8))
    network.add_module("last", nn.Linear(8, 3))
    inputs = torch.rand(16, 1, 8, 8)
    graph, weights = quantized(network, inputs)
    with torch.no_grad():
        graph.get_submodule(between).weight.add_(0.003 * torch.randn(()))
    others = {name: weight for name, weight in weights.items() if name != between}

    given = answers(to_onnx(graph, (1, 8, 8), weights=others), inputs)

    np.testing.assert_allclose(given, graph(inputs).detach(), atol=2e-4)
