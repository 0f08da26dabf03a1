from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.pruning._masks import set_masks
from skdeepopt.pruning._removal import remove_channels
from tests.lowering.conftest import (
    answers,
    assert_same_answers,
    assert_simulated,
    built,
    operators,
    prepared,
    quantized,
    share_of_equal_codes,
)

SHAPES = {
    "lenet5": (1, 28, 28),
    "lenet300": (1, 8, 8),
    "mlp": (1, 8, 8),
    "compact": (1, 28, 28),
    "residual": (3, 16, 16),
}


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.gain = nn.Parameter(torch.rand(8, 1, 1))
        self.head = nn.Linear(16 * 9, 5)

    def forward(self, images):
        branch = F.max_pool2d(F.relu(self.norm(self.first(images))), 2)
        joined = torch.cat([self.grouped(branch) + 0.5, branch * self.gain], 1)
        joined = torch.relu(joined)
        return self.head(joined.view(joined.size(0), joined.shape[1] * joined.size(2) ** 2))


def pixels(n_samples, shape, seed=1):
    torch.manual_seed(seed)
    return 255 * torch.rand(n_samples, *shape)


@pytest.mark.parametrize("architecture", SHAPES)
def test_a_model_gives_the_networks_answers(architecture):
    shape = SHAPES[architecture]

    assert_same_answers(built(architecture, shape), pixels(5, shape))


@pytest.mark.parametrize("architecture", SHAPES)
def test_an_integer_model_gives_the_simulated_answers(architecture):
    shape = SHAPES[architecture]

    assert_simulated(built(architecture, shape), pixels(32, shape))


@pytest.mark.parametrize("architecture", SHAPES)
def test_nearly_all_codes_between_layers_are_the_simulated_ones(architecture):
    shape = SHAPES[architecture]

    share = share_of_equal_codes(built(architecture, shape), pixels(16, shape))

    assert share > 0.995


@pytest.mark.parametrize("scheme", ["int4", "int2", "ternary", "binary", "codebook3"])
def test_every_kind_of_codes_gives_the_simulated_answers(scheme):
    assert_simulated(built("mlp", (1, 8, 8)), pixels(32, (1, 8, 8)), scheme=scheme)


@pytest.mark.parametrize("bits", [4, 7])
def test_activations_of_fewer_bits_give_the_simulated_answers(bits):
    assert_simulated(
        built("residual", (3, 16, 16)), pixels(16, (3, 16, 16)), bits=bits, tolerance=0.1
    )


def test_a_custom_network_gives_the_same_answers():
    torch.manual_seed(0)

    assert_same_answers(Branched(), torch.rand(4, 3, 8, 8))
    assert_simulated(Branched(), torch.rand(16, 3, 8, 8))


def test_a_pruned_network_gives_the_same_answers():
    torch.manual_seed(0)
    network, inputs = built("residual", (3, 16, 16)), pixels(8, (3, 16, 16))
    remove_channels(
        network, inputs, {"network.stem.0": [1, 5], "network.blocks.1.residual.0": range(9)}
    )
    set_masks(network, {"network.head": torch.rand(10, 64) > 0.5})

    assert_same_answers(network, inputs)
    assert_simulated(network, inputs)


def test_blocks_that_became_identities_leave_no_trace():
    network, inputs = built("residual", (3, 16, 16)), pixels(8, (3, 16, 16))
    network.network.blocks[0] = nn.Identity()
    network.network.blocks[1].residual[0] = nn.Identity()
    network.network.blocks[1].residual[1] = nn.Identity()
    network.network.blocks[1].residual[3] = nn.Conv2d(16, 32, 3, 2, 1, bias=False)

    assert_same_answers(network, inputs)
    assert "Identity" not in operators(to_onnx(prepared(network), (3, 16, 16)))


def test_lenet5_runs_in_integers_from_its_first_layer_to_its_last(tmp_path):
    path = tmp_path / "optimized.onnx"

    assert_simulated(built("lenet5", (1, 28, 28)), pixels(8, (1, 28, 28)), path)

    run = operators(path)
    assert run.count("QLinearConv") == run.count("QGemm") == 2
    assert run.count("NhwcMaxPool") + run.count("MaxPool") == 2
    assert run.count("QuantizeLinear") == 1
    assert not {"Conv", "Gemm", "DequantizeLinear", "Relu"} & set(run)


def test_a_residual_network_runs_in_integers_from_its_first_layer_to_its_last(tmp_path):
    path = tmp_path / "optimized.onnx"

    assert_simulated(built("residual", (3, 32, 32)), pixels(4, (3, 32, 32)), path)

    run = operators(path)
    counts = [run.count(name) for name in ("QLinearConv", "QLinearAdd", "QGemm")]
    assert counts == [9, 3, 1]
    assert run.count("QuantizeLinear") == run.count("QLinearGlobalAveragePool") == 1
    assert not {"Conv", "Gemm", "DequantizeLinear", "Relu", "Add"} & set(run)


def test_layers_left_in_float_are_in_float(tmp_path):
    path = tmp_path / "optimized.onnx"
    network = built("lenet5", (1, 28, 28))

    assert_simulated(network, pixels(8, (1, 28, 28)), path, skip=("network.features.0",))

    assert operators(path).count("Conv") == operators(path).count("QLinearConv") == 1


def test_an_integer_model_takes_little_more_than_a_byte_a_weight():
    network = built("lenet5", (1, 28, 28))
    graph, weights = quantized(network, pixels(4, (1, 28, 28)))

    model = to_onnx(graph, (1, 28, 28), weights=weights)

    assert len(model) < 0.27 * len(to_onnx(prepared(network), (1, 28, 28)))


def test_probabilities_are_the_softmax_of_the_logits():
    network, inputs = built("mlp", (1, 8, 8)), pixels(3, (1, 8, 8))

    given = answers(to_onnx(prepared(network), (1, 8, 8), probabilities=True), inputs)

    np.testing.assert_allclose(given, network(inputs).softmax(1).detach(), rtol=1e-5)


def test_a_model_of_uint8_pixels_gives_the_answers_to_the_same_numbers():
    network = built("compact", (1, 28, 28))
    whole = pixels(3, (1, 28, 28)).round()
    graph, weights = quantized(network, whole)

    given = answers(
        to_onnx(graph, (1, 28, 28), weights=weights, input_dtype="uint8"), whole.to(torch.uint8)
    )

    np.testing.assert_array_equal(
        given, answers(to_onnx(graph, (1, 28, 28), weights=weights), whole)
    )


def test_the_same_network_gives_the_same_bytes_and_is_left_as_it_was():
    graph, weights = quantized(built("mlp", (1, 8, 8)), pixels(4, (1, 8, 8)))
    before = {name: part.clone() for name, part in graph.state_dict().items()}

    first, second = (to_onnx(graph, (1, 8, 8), weights=weights) for _ in range(2))

    assert first == second
    assert all(torch.equal(part, before[name]) for name, part in graph.state_dict().items())


def test_input_and_output_are_named_and_take_any_number_of_samples():
    graph = onnx.load_from_string(to_onnx(prepared(built("mlp", (1, 8, 8))), (1, 8, 8))).graph

    sizes = [
        [axis.dim_param or axis.dim_value for axis in tensor.type.tensor_type.shape.dim]
        for tensor in (*graph.input, *graph.output)
    ]
    assert [tensor.name for tensor in (*graph.input, *graph.output)] == ["inputs", "outputs"]
    assert sizes == [["N", 1, 8, 8], ["N", 10]]


def test_layers_may_have_the_names_of_the_input_and_of_the_output():
    network = nn.Sequential()
    network.add_module("outputs", nn.Linear(3, 3))
    network.add_module("inputs", nn.Linear(3, 2))

    assert_same_answers(network, torch.rand(4, 3))


def test_a_network_that_does_nothing_gives_its_input():
    assert_same_answers(nn.Sequential(nn.Identity()), torch.rand(4, 3))


def test_an_operation_that_has_no_writer_is_named_with_its_layer():
    network = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.LayerNorm(3)))

    with pytest.raises(ValueError, match=r"adaptive_avg_pool.* not layer '1.0' \(LayerNorm\)"):
        to_onnx(prepared(network), (3,))


def test_a_function_that_has_no_writer_is_named_with_the_part_that_calls_it():
    class Sorted(nn.Module):
        def forward(self, inputs):
            return torch.cumsum(inputs, 1)

    with pytest.raises(ValueError, match=r"not operation 'cumsum' in '0'"):
        to_onnx(prepared(nn.Sequential(Sorted())), (3,))


def test_a_layer_with_hooks_is_refused():
    network = nn.Sequential(nn.Linear(3, 3))
    network[0].register_forward_hook(lambda *_: None)

    with pytest.raises(ValueError, match=r"layer '0' \(Linear\) has hooks"):
        to_onnx(prepared(network), (3,))


def test_a_network_of_two_answers_is_refused():
    class Two(nn.Module):
        def forward(self, inputs):
            return inputs, inputs

    with pytest.raises(ValueError, match=r"gives one tensor, not tuple"):
        to_onnx(prepared(Two()), (3,))


def test_quantizers_without_a_range_are_refused():
    graph, weights = quantized(built("mlp", (1, 8, 8)), pixels(4, (1, 8, 8)))
    graph.activation_quantizers.input.scale.zero_()

    with pytest.raises(ValueError, match=r"positive scale, not 0. Did you mean to calibrate"):
        to_onnx(graph, (1, 8, 8), weights=weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_dtype": "uint16"}, "input_dtype is 'float32' or 'uint8', not 'uint16'.*'uint8'"),
        ({"sample_shape": (4,)}, r"sample_shape is the shape .* not \(4,\)"),
        ({"weights": {"00": None}}, "names of convolutions and linear layers, not '00'.*'0'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    arguments = {"sample_shape": (3,), **settings}

    with pytest.raises(ValueError, match=message):
        to_onnx(prepared(nn.Sequential(nn.Linear(3, 2))), **arguments)


def test_codes_of_another_layer_are_refused():
    graph, weights = quantized(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), torch.rand(4, 3))

    with pytest.raises(ValueError, match=r"\['0'\] has codes of shape \(2, 3\), not \(2, 2\)"):
        to_onnx(graph, (3,), weights={"0": weights["1"]})
