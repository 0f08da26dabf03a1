from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._parametrizations import parametrizations_of
from skdeepopt.layers._trace import traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.quantization._learned import weight_quantizer_of
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._training import QuantizedTraining
from skdeepopt.quantization._weights import quantize_weight


@pytest.fixture
def graph():
    torch.manual_seed(0)
    layers = [nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)]
    return traced(nn.Sequential(*layers), owner="graph")


def training_of(graph, names):
    """By layer."""
    quantizers = place_quantizers(graph)
    for quantizer in quantizers.values():
        quantizer.set_range(-2.0, 2.0)
    schemes = {key: resolve_scheme(name, owner="training_of") for key, name in names.items()}
    return QuantizedTraining(graph, schemes, quantizers)


def stepped(graph, hook, lr):
    optimizer = torch.optim.SGD(graph.parameters(), lr=lr)
    graph(torch.randn(16, 6)).square().mean().backward()
    optimizer.step()
    hook.after_step(0.5)


def test_all_grids_are_learned_but_that_of_the_data(graph):
    hook = training_of(graph, {"0": "int4"})

    hook.before_training(10)

    learned = {key: isinstance(q.scale, nn.Parameter) for key, q in hook.quantizers.items()}
    assert learned == {"input": False, "_0": True, "_2": True}


def test_weights_and_grids_are_left_as_they_were_trained(graph):
    hook = training_of(graph, {"0": "int4", "2": "ternary"})
    hook.before_training(1)
    before = hook.quantizers["_0"].scale.item()
    stepped(graph, hook, lr=0.1)
    inputs = torch.randn(8, 6)
    wanted = graph(inputs)

    hook.after_training()

    assert torch.equal(graph(inputs), wanted)
    assert hook.quantizers["_0"].scale.item() != before
    assert not any(isinstance(q.scale, nn.Parameter) for q in hook.quantizers.values())
    weight = graph.get_submodule("0").weight.detach()
    again = quantize_weight(weight, hook.schemes["0"]).values()
    torch.testing.assert_close(again, weight, rtol=1e-6, atol=0)


def test_only_binary_weights_are_clipped_after_a_step(graph):
    hook = training_of(graph, {"0": "binary", "2": "int4"})
    hook.before_training(1)
    layers = weight_layers(graph)
    with torch.no_grad():
        for name in ("0", "2"):
            parametrizations_of(layers[name]).original.fill_(3)
        layers["4"].weight.fill_(3)

    hook.after_step(0.5)

    assert parametrizations_of(layers["0"]).original.eq(1).all()
    assert parametrizations_of(layers["2"]).original.eq(3).all()
    assert layers["4"].weight.eq(3).all()


def test_layers_without_a_scheme_stay_in_float(graph):
    hook = training_of(graph, {"0": "int4"})

    hook.before_training(1)

    in_float = [weight_quantizer_of(layer) is None for layer in weight_layers(graph).values()]
    assert in_float == [False, True, True]
