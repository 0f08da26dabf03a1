from __future__ import annotations

import copy

import pytest
import torch
from torch import fx, nn

from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._trace import folded, traced
from skdeepopt.nets import ARCHITECTURES, MatchInput, Standardize, build_network
from skdeepopt.quantization._placement import place_quantizers

KEEPING = {"max_pool", "flatten", "reshape", "relu", "dropout", "identity"}


def network(name):
    torch.manual_seed(0)
    return build_network(name, (1, 16, 16), 4, dropout=0.1).eval()


def graph_of(*layers):
    return traced(nn.Sequential(*layers).eval(), owner="test")


def quantizer_nodes(graph):
    return [node for node in graph.graph.nodes if operation_of(graph, node) == "quantizer"]


def reaches_output(graph, node):
    return any(
        reader.op == "output"
        or (operation_of(graph, reader) in KEEPING and reaches_output(graph, reader))
        for reader in node.users
    )


def grid_source(graph, node):
    while operation_of(graph, node) in KEEPING:
        node = node.all_input_nodes[0]
    return node


def observed_shapes(graph, placed, inputs):
    seen = {}

    class Shape:
        def __init__(self, key):
            self.key = key

        def observe(self, values):
            seen[self.key] = tuple(values.shape[1:])

    for key, quantizer in placed.items():
        quantizer.observer = Shape(key)
    graph(inputs)
    return seen


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keys_are_the_same_before_and_after_folding(name):
    graph = traced(network(name), owner="test")
    inference = folded(graph)

    keys = list(place_quantizers(graph))

    assert keys == list(place_quantizers(inference))
    assert keys[0] == "input"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_quantizer_is_on_the_way_to_the_output(name):
    graph = folded(traced(network(name), owner="test"))

    place_quantizers(graph)

    nodes = quantizer_nodes(graph)
    assert nodes
    assert not any(reaches_output(graph, node) for node in nodes)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_layer_reads_a_tensor_on_a_grid(name):
    graph = folded(traced(network(name), owner="test"))

    place_quantizers(graph)

    for node in graph.graph.nodes:
        if operation_of(graph, node) in {"conv", "linear", "add"}:
            for source in node.all_input_nodes:
                assert operation_of(graph, grid_source(graph, source)) == "quantizer"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_observed_quantizers_change_no_answer(name):
    module, images = network(name), torch.randn(2, 1, 16, 16)
    before = module(images)
    graph = traced(module, owner="test")

    placed = place_quantizers(graph)
    seen = observed_shapes(graph, placed, images)

    assert torch.equal(graph(images), before)
    assert list(seen) == list(placed)


def test_quantizers_are_named_submodules_in_the_mode_of_the_graph():
    graph = graph_of(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))

    placed = place_quantizers(graph, bits=5)

    for key, quantizer in placed.items():
        assert graph.get_submodule(f"activation_quantizers.{key}") is quantizer
        assert (quantizer.name, quantizer.bits, quantizer.training) == (key, 5, False)


def test_an_input_quantizer_comes_behind_a_standardize_that_comes_first():
    first = Standardize(torch.tensor([1.0]), torch.tensor([2.0]))
    graph = graph_of(first, nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))

    place_quantizers(graph)

    source = quantizer_nodes(graph)[0].all_input_nodes[0]
    assert operation_of(graph, source) == "standardize"


@pytest.mark.parametrize("standardized", [True, False])
def test_an_input_quantizer_comes_behind_a_match_and_the_standardize_behind_that(standardized):
    first = [MatchInput((1, 3, 3), (1, 4, 4)), Standardize(torch.zeros(1), torch.ones(1))]
    graph = graph_of(*first[: 1 + standardized], nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))

    placed = place_quantizers(graph)

    source = quantizer_nodes(graph)[0].all_input_nodes[0]
    assert operation_of(graph, source) == ("standardize" if standardized else "match_input")
    assert next(iter(placed)) == "input"


def test_what_a_match_behind_a_layer_gives_has_a_grid_of_its_own():
    layers = [nn.Conv2d(1, 1, 3), MatchInput((1, 6, 6), (1, 3, 3)), nn.Conv2d(1, 2, 3)]
    graph = graph_of(*layers, nn.Flatten(), nn.Linear(2, 2))

    place_quantizers(graph)

    sources = [operation_of(graph, n.all_input_nodes[0]) for n in quantizer_nodes(graph)]
    assert sources == ["input", "conv", "match_input", "conv"]


def test_a_quantizer_comes_behind_norm_and_rectifier_and_before_dropout():
    layers = [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(), nn.Conv2d(2, 2, 1)]
    graph = graph_of(*layers, nn.Flatten(), nn.Linear(8, 2))

    place_quantizers(graph)

    last = quantizer_nodes(graph)[1]
    assert operation_of(graph, last.all_input_nodes[0]) == "relu"
    assert operation_of(graph, next(iter(last.users))) == "dropout"


def test_a_norm_that_does_not_follow_a_layer_has_a_grid_of_its_own():
    graph = graph_of(nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.BatchNorm1d(3))
    module = nn.Sequential(graph, nn.Linear(3, 2)).eval()

    placed = place_quantizers(traced(module, owner="test"))

    assert len(placed) == 4


def test_the_tensor_that_only_a_skipped_layer_reads_has_no_grid():
    layers = [nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)]

    placed = place_quantizers(graph_of(*layers), skip=["2"])

    assert list(placed) == ["input", "_2"]


def test_answers_through_a_final_softmax_come_from_a_layer_in_float():
    graph = graph_of(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(1))

    assert list(place_quantizers(graph)) == ["input", "_0"]


def test_both_sides_of_an_addition_are_on_grids():
    class Shortcut(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            x = torch.relu(self.first(x))
            return self.head(x + self.second(x))

    placed = place_quantizers(traced(Shortcut(), owner="test"))

    assert list(placed) == ["input", "first", "second", "add"]


def test_features_that_are_an_answer_too_stay_float_there():
    class Features(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            features = torch.relu(self.first(x))
            return features, self.head(features)

    graph = traced(Features(), owner="test")

    placed = place_quantizers(graph)

    assert list(placed) == ["input", "first"]
    assert not any(reaches_output(graph, node) for node in quantizer_nodes(graph))


def test_unknown_names_and_a_second_placement_are_refused():
    graph = graph_of(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))

    with pytest.raises(ValueError, match=r"place_quantizers\.skip has names of .*, not '3'"):
        place_quantizers(graph, skip=["3"])
    place_quantizers(graph)
    with pytest.raises(ValueError, match="a graph without quantizers"):
        place_quantizers(graph)


def test_a_placed_graph_is_valid():
    graph = folded(traced(network("residual"), owner="test"))

    place_quantizers(graph)

    graph.graph.lint()
    assert isinstance(graph, fx.GraphModule)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_placed_network_trains_its_layers_and_its_scales(name):
    module = network(name).train()
    graph, images = traced(module, owner="test"), torch.randn(8, 1, 16, 16)
    for quantizer in place_quantizers(graph, bits=4).values():
        quantizer.set_range(-1, 2)
        quantizer.learn(True)

    graph(images).square().mean().backward()

    assert all(parameter.grad is not None for parameter in module.parameters())
    scales = [key for key, _ in graph.named_parameters() if key.endswith(".scale")]
    assert all(graph.get_parameter(key).grad.isfinite() for key in scales)
    assert len(scales) == len(quantizer_nodes(graph))
    assert copy.deepcopy(graph.state_dict()).keys() == graph.state_dict().keys()
