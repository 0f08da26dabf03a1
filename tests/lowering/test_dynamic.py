from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._weighted import weight_layers
from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._weights import set_lowered_weights
from skdeepopt.quantization._dynamic import place_dynamic_quantizers
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight
from tests.lowering.conftest import answers, built, opened, operators, prepared


class Tokens(nn.Module):
    """Linear layers along the last of three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 9, bias=False)
        self.second = nn.Linear(9, 5)

    def forward(self, tokens):
        return self.second(self.first(tokens).tanh()).mean(1)


def chain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 4))


def dynamic(network, scheme="int8"):
    """Graph whose linear layers round rows as they come in, and its weights."""
    graph = prepared(network.eval())
    rule = resolve_scheme(scheme, owner="test")
    weights = {
        name: quantize_weight(layer.weight.detach(), rule)
        for name, layer in weight_layers(graph).items()
        if isinstance(layer, nn.Linear)
    }
    place_dynamic_quantizers(graph, weights)
    set_lowered_weights(graph, weights)
    return graph, weights


def assert_dynamic(network, inputs, path=None, scheme="int8"):
    graph, weights = dynamic(network, scheme)
    model = to_onnx(graph, tuple(inputs.shape[1:]), weights=weights)
    with torch.no_grad():
        wanted = graph(inputs).numpy()
    given = answers(model, inputs, path)
    # Sums that differ in the last digit may get the code beside in the next layer.
    assert np.abs(given - wanted).max() < 0.01 * np.abs(wanted).max()
    assert np.median(np.abs(given - wanted)) < 1e-5 * np.abs(wanted).max()
    return model


@pytest.mark.parametrize("scheme", ["int8", "int3", "ternary", "binary"])
def test_a_model_gives_the_simulated_answers(scheme):
    assert_dynamic(chain(), torch.randn(64, 12), scheme=scheme)


@pytest.mark.parametrize("architecture", ["mlp", "lenet300", "compact"])
def test_the_model_of_a_built_in_network_gives_the_simulated_answers(architecture):
    shape = (1, 8, 8)

    assert_dynamic(built(architecture, shape), 255 * torch.rand(32, *shape))


def test_layers_along_the_last_of_three_axes_give_the_simulated_answers():
    assert_dynamic(Tokens(), torch.randn(16, 7, 6))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 19), st.integers(1, 20), st.floats(1e-6, 1e6))
def test_a_samples_answer_does_not_depend_on_the_others(first, n_samples, size):
    rows = slice(first, min(20, first + n_samples))
    inputs = torch.randn(40, 12, generator=torch.Generator().manual_seed(0)).numpy()
    inputs[20:] *= size
    graph, weights = dynamic(chain())
    session = opened(to_onnx(graph, (12,), weights=weights))

    among = session.run(None, {"inputs": inputs})[0]
    alone = session.run(None, {"inputs": inputs[rows]})[0]

    np.testing.assert_array_equal(among[rows], alone)


def test_all_codes_are_the_simulated_ones():
    graph, weights = dynamic(nn.Sequential(nn.Linear(200, 3), nn.Flatten()))
    inputs = torch.randn(500, 200)
    model = onnx.load_from_string(to_onnx(graph, (200,), weights=weights))
    (name,) = (n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear")
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, 2, None))

    (codes,) = opened(model.SerializeToString()).run([name], {"inputs": inputs.numpy()})

    quantizer = graph.dynamic_quantizers._0
    steps = quantizer(inputs) / inputs.abs().amax(1, keepdim=True) / quantizer.step
    np.testing.assert_array_equal(codes.astype(int) - 128, steps.round().int())


def test_every_layer_runs_in_integers(tmp_path):
    path = tmp_path / "optimized.onnx"

    assert_dynamic(chain(), torch.randn(8, 12), path)

    assert operators(path).count("MatMulIntegerToFloat") == 3
    assert not {"Gemm", "MatMul", "DequantizeLinear"} & set(operators(path))


def test_weights_are_int8_and_a_rectified_row_needs_no_absolute_values():
    model = assert_dynamic(chain(), torch.randn(8, 12))

    found = {
        t.name: onnx.numpy_helper.to_array(t)
        for t in onnx.load_from_string(model).graph.initializer
    }
    assert (found["0.weight"].dtype, found["0.weight"].shape) == (np.int8, (12, 9))
    assert operators(model).count("Abs") == 2


def test_samples_of_zeros_get_the_answers_of_zeros():
    graph, weights = dynamic(chain())

    given = answers(to_onnx(graph, (12,), weights=weights), np.zeros((2, 12), np.float32))

    np.testing.assert_allclose(given, graph(torch.zeros(2, 12)).detach(), rtol=1e-4, atol=1e-5)
    assert np.isfinite(given).all()


def test_a_layer_without_codes_behind_a_row_range_is_refused():
    graph, weights = dynamic(chain())
    del weights["2"]

    with pytest.raises(ValueError, match=r"to_onnx.graph: rounding rows.*layer '2' \(Linear\)"):
        to_onnx(graph, (12,), weights=weights)
