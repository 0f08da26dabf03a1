from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._cost import LayerCost, layer_costs, total_bytes
from skdeepopt.layers._evaluation import in_evaluation, samples_for
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.measurement._multiply_adds import count_multiply_adds
from skdeepopt.nets import ARCHITECTURES, build_network
from skdeepopt.pruning._channel_costs import ChannelCosts
from skdeepopt.pruning._graph import ChannelGraph

IMAGES = torch.zeros(3, 1, 16, 16)


def multiply_adds(network):
    return count_multiply_adds(network, lambda: network(IMAGES[:1]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_costs_of_the_layers_add_up_to_that_of_a_sample(architecture):
    network = build_network(architecture, (1, 16, 16), 10).eval()

    costs = layer_costs(network, IMAGES)

    assert sum(cost.multiply_adds for cost in costs.values()) == multiply_adds(network)
    assert list(costs) == list(weight_layers(network))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_multiply_adds_are_weights_times_positions(architecture):
    network = build_network(architecture, (1, 16, 16), 10)

    costs = layer_costs(network, IMAGES)

    layers = weight_layers(network)
    assert {name: cost.positions * layers[name].weight.numel() for name, cost in costs.items()} == {
        name: cost.multiply_adds for name, cost in costs.items()
    }


def test_parameters_are_those_of_weight_and_bias():
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, bias=False))

    costs = layer_costs(network, torch.zeros(1, 4))

    assert costs == {
        "0": LayerCost(12, 1, (3, 4), 15),
        "1": LayerCost(6, 1, (2, 3), 6),
    }


def test_modes_and_generator_are_as_before():
    network = nn.Sequential(nn.Linear(4, 3), nn.Dropout(), nn.BatchNorm1d(3))
    network[2].eval()
    state, mean = torch.get_rng_state(), network[2].running_mean.clone()

    with in_evaluation(network):
        inside = [part.training for part in network.modules()]
        torch.rand(1)

    assert not any(inside)
    assert [part.training for part in network.modules()] == [True, True, True, False]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(network[2].running_mean, mean)


def test_modes_are_as_before_when_the_run_raises():
    network = nn.Sequential(nn.Linear(4, 3))

    with pytest.raises(RuntimeError):
        layer_costs(network, torch.zeros(1, 5))

    assert network[0].training


def test_samples_are_the_first_ones():
    assert samples_for(nn.ReLU(), torch.arange(5.0), 2).tolist() == [0.0, 1.0]


def test_bytes_are_those_of_parameters_and_buffers():
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).half()

    assert total_bytes(network) == 2 * (12 + 3 + 4 * 3) + 8


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99))
def test_the_cost_without_channels_is_the_cost_once_they_are_gone(architecture, seed):
    network = build_network(architecture, (1, 16, 16), 10).eval()
    graph = ChannelGraph(network, IMAGES, owner="Test")
    generator = torch.Generator().manual_seed(seed)
    marks = [torch.rand(group.n_channels, generator=generator) < 0.4 for group in graph.groups]
    costs = ChannelCosts(network, IMAGES, graph.groups, "multiply_adds")
    sizes = ChannelCosts(network, IMAGES, graph.groups, "bytes")
    at_first = (multiply_adds(network), total_bytes(network))

    expected = (costs.without(marks), sizes.without(marks))

    graph.remove(marks)
    assert (costs.total, sizes.total) == at_first
    assert (multiply_adds(network), total_bytes(network)) == pytest.approx(expected)


def test_bytes_of_grouped_and_depthwise_layers_are_counted_too():
    network = nn.Sequential(
        nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 3, groups=8), nn.PReLU(8),
        nn.Conv2d(8, 12, 1, groups=2), nn.Conv2d(12, 2, 1), nn.AdaptiveAvgPool2d(1),
    )  # fmt: skip
    graph = ChannelGraph(network, IMAGES, owner="Test")
    marks = [torch.arange(group.n_channels) == 0 for group in graph.groups]
    costs = ChannelCosts(network, IMAGES, graph.groups, "multiply_adds")
    sizes = ChannelCosts(network, IMAGES, graph.groups, "bytes")

    expected = (costs.without(marks), sizes.without(marks))

    graph.remove(marks)
    assert (multiply_adds(network), total_bytes(network)) == pytest.approx(expected)
