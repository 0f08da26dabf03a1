from __future__ import annotations

import copy
import math
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._trace import traced
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._sensitivity import (
    layer_sensitivities,
    mixed_schemes,
    signal_to_noise,
)
from skdeepopt.quantization._weights import quantize_weight

SCHEMES = [resolve_scheme(name, owner="test") for name in ("int8", "int4", "int2")]


@pytest.fixture
def graph():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))
    return traced(network, owner="test")


@pytest.fixture
def batches():
    return list(torch.randn(2, 30, 6, generator=torch.Generator().manual_seed(1)))


def to_grid(scheme):
    def quantize(name, layer):
        layer.weight.copy_(quantize_weight(layer.weight, scheme).values())

    return quantize


def test_a_layer_that_is_left_alone_disturbs_nothing(graph, batches):
    ratios = layer_sensitivities(graph, lambda name, layer: None, batches)

    assert ratios == {"0": math.inf, "2": math.inf, "3": math.inf}


def test_the_graph_is_left_as_it_was(graph, batches):
    before = copy.deepcopy(graph.state_dict())

    layer_sensitivities(graph, to_grid(SCHEMES[2]), batches)

    assert all(torch.equal(graph.state_dict()[key], value) for key, value in before.items())
    assert graph.training


def test_the_graph_is_left_as_it_was_by_one_that_fails(graph, batches):
    before = copy.deepcopy(graph.state_dict())

    def fail(name, layer):
        layer.weight.zero_()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layer_sensitivities(graph, fail, batches)

    assert all(torch.equal(graph.state_dict()[key], value) for key, value in before.items())


def test_fewer_bits_give_a_lower_ratio(graph, batches):
    ratios = [layer_sensitivities(graph, to_grid(scheme), batches) for scheme in SCHEMES]

    for name in ("0", "2", "3"):
        assert ratios[0][name] > ratios[1][name] > ratios[2][name]


def test_the_ratio_does_not_depend_on_how_the_data_is_cut(graph, batches):
    together = layer_sensitivities(graph, to_grid(SCHEMES[1]), [torch.cat(batches)])

    cut = layer_sensitivities(graph, to_grid(SCHEMES[1]), iter(batches))

    assert cut == pytest.approx(together, rel=1e-4)


def test_only_the_named_layers_are_looked_at(graph, batches):
    assert list(layer_sensitivities(graph, to_grid(SCHEMES[1]), batches, names=["2"])) == ["2"]


def test_an_unknown_layer_is_refused(graph, batches):
    with pytest.raises(ValueError, match=r"layer_sensitivities\.names has names of .*, not '9'"):
        layer_sensitivities(graph, to_grid(SCHEMES[1]), batches, names=["9"])


def test_no_data_is_refused(graph):
    with pytest.raises(ValueError, match=r"layer_sensitivities.batches hold one sample or more"):
        layer_sensitivities(graph, to_grid(SCHEMES[1]), [])


def test_noise_of_the_power_of_the_signal_is_zero_decibels():
    assert signal_to_noise([torch.ones(4)], [torch.zeros(4)]) == 0
    assert signal_to_noise([torch.zeros(4)], [torch.ones(4)]) == -math.inf


def test_answers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="signal_to_noise compares finite answers"):
        signal_to_noise([torch.ones(1)], [torch.tensor([math.nan])])


decibels = st.lists(st.integers(0, 60), min_size=3, max_size=3, unique=True).map(
    lambda ratios: sorted(ratios, reverse=True)
)
layers = st.lists(st.tuples(decibels, st.integers(1, 1000)), min_size=1, max_size=6)


def chosen_for(layers, budget):
    sizes = {str(place): size for place, (_, size) in enumerate(layers)}
    measured = {
        scheme.name: {str(place): ratios[number] for place, (ratios, _) in enumerate(layers)}
        for number, scheme in enumerate(SCHEMES)
    }
    chosen = mixed_schemes(measured, sizes, SCHEMES[::-1], budget)
    mean = sum(sizes[name] * scheme.bits for name, scheme in chosen.items()) / sum(sizes.values())
    noise = sum(10 ** (-measured[scheme.name][name] / 10) for name, scheme in chosen.items())
    return {name: scheme.name for name, scheme in chosen.items()}, mean, noise


@settings(deadline=None)
@given(layers, st.floats(2, 8))
def test_the_budget_is_met(layers, budget):
    chosen, mean, _ = chosen_for(layers, budget)

    assert mean <= budget + 1e-9
    assert len(chosen) == len(layers)


@settings(deadline=None)
@given(layers)
def test_the_ends_of_the_budget_leave_no_choice(layers):
    assert set(chosen_for(layers, 8)[0].values()) == {"int8"}
    assert set(chosen_for(layers, 2)[0].values()) == {"int2"}


@settings(deadline=None)
@given(layers)
def test_a_larger_budget_never_adds_noise(layers):
    noises = [chosen_for(layers, budget)[2] for budget in (2, 3, 4, 6, 8)]

    assert all(less >= more - 1e-12 for less, more in pairwise(noises))


@settings(deadline=None)
@given(layers.filter(lambda layers: len(layers) < 5), st.integers(32, 128))
def test_no_choice_within_the_budget_has_less_noise(layers, sixteenths):
    budget = sixteenths / 16  # Exact, so that no choice is on the edge by rounding.
    total = sum(size for _, size in layers)
    noises = [
        sum(10 ** (-ratios[place] / 10) for place, (ratios, _) in zip(places, layers, strict=True))
        for places in product(range(3), repeat=len(layers))
        if sum(SCHEMES[place].bits * size for place, (_, size) in zip(places, layers, strict=True))
        <= budget * total
    ]

    assert chosen_for(layers, budget)[2] == pytest.approx(min(noises), rel=1e-9)


def test_the_large_layer_is_lowered_where_all_are_alike():
    layers = [([40.0, 20.0, 5.0], 100), ([40.0, 20.0, 5.0], 1000)]

    assert chosen_for(layers, 5)[0] == {"0": "int8", "1": "int4"}


def test_fifty_layers_are_chosen_for_in_good_time():
    layers = [([40.0 - n % 7, 20.0 - n % 5, 5.0 - n % 3], 100 + 37 * n) for n in range(50)]

    _, mean, _ = chosen_for(layers, 4)

    assert 3.9 < mean <= 4


@pytest.mark.parametrize("budget", [1.5, math.nan])
def test_a_budget_below_the_fewest_bits_is_refused(budget):
    with pytest.raises(ValueError, match=r"budget_bits is at least 2, .* not"):
        chosen_for([([3.0, 2.0, 1.0], 5)], budget)
