from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from torch import nn

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._weights import set_lowered_weights
from tests.lowering.conftest import answers, assert_simulated, operators, quantized


def constants(model):
    found = onnx.load_from_string(model).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in found}


def chain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def test_weights_are_int8_and_biases_int32_in_steps_of_the_products():
    graph, weights = quantized(chain(), torch.rand(32, 6))

    found = constants(to_onnx(graph, (6,), weights=weights))

    codes, bias = found["0.weight"], found["0.bias"]
    assert (codes.dtype, bias.dtype) == (np.int8, np.int32)
    np.testing.assert_array_equal(codes, weights["0"].codes)
    step = graph.activation_quantizers.input.scale * weights["0"].scale
    np.testing.assert_allclose(found["0.bias_scale"], step, rtol=1e-6)
    np.testing.assert_allclose(bias * step.numpy(), graph.get_submodule("0").bias.detach(), 1e-5)


@settings(deadline=None, max_examples=30)
@given(st.floats(-30, 30), st.floats(1e-12, 10.0), st.booleans())
def test_no_bias_is_lost_however_small_the_weights_beside_it(bias, size, is_dead):
    network = chain()
    with torch.no_grad():
        network[0].bias[2] = bias
        network[0].weight[2] *= 0 if is_dead else size
    inputs = torch.rand(32, 6)
    wanted = network[0](inputs).detach()
    graph, weights = quantized(network, inputs)

    simulated = graph.get_submodule("0")(graph.activation_quantizers.input(inputs))

    span = wanted[:, 2].abs().max() + 1e-6
    assert (simulated[:, 2] - wanted[:, 2]).abs().max() < 0.02 * span + 1e-6
    np.testing.assert_allclose(
        answers(to_onnx(graph, (6,), weights=weights), inputs),
        graph(inputs).detach(),
        rtol=0.02,
        atol=0.05,
    )


def test_a_channel_without_weights_keeps_its_bias():
    network = chain()
    with torch.no_grad():
        network[0].weight[1] = 0
        network[0].bias[1] = 0.01234
    graph, _ = quantized(network, torch.rand(32, 6))

    assert graph.get_submodule("0").bias[1].item() == pytest.approx(0.01234, rel=1e-5)


def test_to_set_lowered_weights_again_changes_nothing():
    graph, weights = quantized(chain(), torch.rand(32, 6))
    before = {name: part.clone() for name, part in graph.state_dict().items()}

    set_lowered_weights(graph, weights)

    for name, part in graph.state_dict().items():
        torch.testing.assert_close(part, before[name], rtol=1e-6, atol=0)


def test_a_layer_in_float_gets_its_weights_once_and_not_at_every_run(tmp_path):
    path = tmp_path / "optimized.onnx"
    graph, weights = quantized(chain(), torch.rand(8, 6), skip=("2",))
    _, others = quantized(chain(), torch.rand(8, 6))
    for part in (graph.get_submodule("2"),):
        with torch.no_grad():
            part.weight.copy_(others["2"].values())

    model = to_onnx(graph, (6,), weights={**weights, "2": others["2"]})
    given = answers(model, torch.ones(2, 6), path)

    np.testing.assert_allclose(given, graph(torch.ones(2, 6)).detach(), rtol=1e-3, atol=1e-3)
    assert constants(model)["2.weight"].dtype == np.int8
    assert not {"Cast", "Mul"} & set(operators(path))


def test_a_codebook_is_a_table_and_places_in_it(tmp_path):
    path = tmp_path / "optimized.onnx"
    model = assert_simulated(chain(), torch.rand(8, 6), path, scheme="codebook2")

    assert constants(model)["0.weight"].dtype == np.uint8
    assert constants(model)["0.weight_values"].shape == (4,)
    assert "Gather" not in operators(path)


def test_a_convolution_whose_answers_stay_float_has_its_weights_once(tmp_path):
    path = tmp_path / "optimized.onnx"
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Flatten())

    assert_simulated(network, torch.rand(8, 2, 8, 8), path)

    assert {"QLinearConv", "Conv"} <= set(operators(path))
    assert "DequantizeLinear" not in operators(path)


@pytest.mark.parametrize("grouped", [1, 2])
def test_a_transposed_convolution_gives_the_simulated_answers(grouped):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=grouped),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 144, 3),
    )

    assert_simulated(network, torch.rand(8, 2, 8, 8))


def test_a_layer_that_is_called_twice_gives_the_simulated_answers():
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)

    assert_simulated(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(6, 3)), torch.rand(64, 6))
