from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from skdeepopt.layers._trace import folded, traced
from skdeepopt.nets import build_network
from skdeepopt.quantization._equalization import equalize


def graph_of(*layers):
    return traced(nn.Sequential(*layers).eval(), owner="test")


def uneven(graph):
    """Give the channels of every layer very different ranges."""
    for part in graph.modules():
        if hasattr(part, "weight") and part.weight.ndim > 1:
            shape = (-1, *[1] * (part.weight.ndim - 1))
            part.weight.data *= torch.logspace(-2, 2, len(part.weight)).view(shape)
    return graph


def spread(weight):
    sizes = weight.flatten(1).abs().amax(1)
    return (sizes.max() / sizes.min()).item()


@pytest.mark.parametrize(
    ("name", "n_pairs"), [("compact", 3), ("lenet5", 3), ("lenet300", 2), ("residual", 3)]
)
def test_no_answer_changes_but_for_rounding(name, n_pairs):
    torch.manual_seed(0)
    network = build_network(name, (1, 16, 16), 4)
    network(torch.randn(64, 1, 16, 16))
    graph = folded(traced(network, owner="test"))
    images = torch.randn(8, 1, 16, 16)
    before, weights = graph(images), copy.deepcopy(graph.state_dict())

    assert equalize(graph) == n_pairs

    torch.testing.assert_close(graph(images), before, rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(graph.state_dict()[key], value) for key, value in weights.items())


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 10**6),
    st.sampled_from([nn.ReLU(), nn.LeakyReLU(), nn.Identity(), nn.MaxPool2d(2), nn.AvgPool2d(2)]),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
def test_grouped_convolutions_are_equalized_and_no_answer_changes(seed, between, groups, bias):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(4, 4, 3, groups=groups, bias=bias), nn.Conv2d(4, 8, 1, groups=groups)
    graph = uneven(graph_of(first, between, second, nn.ReLU()).double())
    images = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    before = graph(images)

    assert equalize(graph) == 1

    torch.testing.assert_close(graph(images), before)


def test_ranges_of_both_sides_are_equal_afterwards():
    graph = uneven(graph_of(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)))
    first, second = graph.get_submodule("0").weight, graph.get_submodule("2").weight
    before = spread(first)

    equalize(graph)

    torch.testing.assert_close(first.abs().amax(1), second.abs().amax(0))
    assert spread(first) < before / 10


def test_a_dead_channel_stays_as_it_is():
    graph = graph_of(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    first, second = graph.get_submodule("0"), graph.get_submodule("2")
    with torch.no_grad():
        first.weight[0] = 0
        second.weight[:, 1] = 0
    rows, columns = first.weight[1].clone(), second.weight[:, 0].clone()

    equalize(graph)

    assert torch.equal(first.weight[1], rows)
    assert torch.equal(second.weight[:, 0], columns)
    assert first.weight.isfinite().all()


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.ReLU6(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU6(), nn.Linear(4, 4)],
        [nn.Linear(4, 4), nn.MaxPool1d(1), nn.Linear(4, 4)],
        [nn.Conv1d(1, 2, 1), nn.ReLU(), nn.Linear(4, 4)],
        [nn.Conv2d(1, 2, 1), nn.Flatten(2), nn.Linear(4, 4)],
        [nn.Conv2d(1, 2, 1), nn.Flatten(0), nn.Linear(8, 4)],
        [parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 4)],
    ],
)
def test_layers_that_a_factor_does_not_pass_between_are_no_pair(layers):
    assert equalize(graph_of(*layers)) == 0


def test_a_tensor_with_two_readers_is_left_alone():
    class Shortcut(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            x = torch.relu(self.first(x))
            return x + self.second(x)

    assert equalize(traced(Shortcut(), owner="test")) == 0


def test_a_layer_that_is_called_twice_is_left_alone():
    shared = nn.Linear(4, 4)

    assert equalize(graph_of(shared, nn.ReLU(), shared)) == 0


def test_layers_that_share_a_weight_are_left_alone():
    one, other = nn.Linear(4, 4), nn.Linear(4, 4)
    other.weight = one.weight

    assert equalize(graph_of(one, nn.ReLU(), other)) == 0


def test_channels_that_were_pooled_to_one_place_are_paired():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(torch.relu(self.first(x)).mean((2, 3)))

    torch.manual_seed(0)
    graph = uneven(traced(Pooled(), owner="test"))
    images = torch.randn(3, 1, 6, 6)
    before = graph(images)

    assert equalize(graph) == 1

    torch.testing.assert_close(graph(images), before, rtol=1e-4, atol=1e-5)
