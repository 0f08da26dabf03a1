from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets._registry import build_network
from skdeepopt.quantization._adaptation import adapt_to_data
from skdeepopt.quantization._network import round_weights
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight

INT3 = resolve_scheme("int3", owner="Test")


@pytest.fixture(params=["compact", "residual"])
def network(request):
    torch.manual_seed(0)
    built = build_network(request.param, (1, 12, 12), 3, widths=(6, 8))
    with torch.no_grad():
        for _ in range(3):
            built(torch.rand(32, 1, 12, 12))
        for layer in built.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(-1.5, 1.5)
    return built.eval()


def answers(module, batches):
    with torch.no_grad():
        return torch.cat([module(batch) for batch in batches])


def test_answers_are_no_farther_off_than_with_rounding_to_nearest(network):
    batches = [torch.rand(64, 1, 12, 12)]
    expected = answers(network, batches)
    schemes = dict.fromkeys(weight_layers(network), INT3)
    plain = folded(traced(network, owner="Test"))
    round_weights(plain, schemes)

    adapt_to_data(network, schemes, batches, owner="Test")

    errors = [(answers(m, batches) - expected).square().sum() for m in (network, plain)]
    assert errors[0] <= errors[1] * (1 + 1e-4)


def test_the_weights_lie_on_their_grids_before_and_after_folding(network):
    schemes = dict.fromkeys(weight_layers(network), INT3)

    adapt_to_data(network, schemes, [torch.rand(64, 1, 12, 12)], owner="Test")

    for module in (network, folded(traced(network, owner="Test"))):
        for layer in weight_layers(module).values():
            weight = layer.weight.detach()
            torch.testing.assert_close(quantize_weight(weight, INT3).values(), weight)


def test_other_layers_keep_their_weights(network):
    name = next(iter(weight_layers(network)))
    others = {n: v.weight.detach().clone() for n, v in weight_layers(network).items() if n != name}

    adapt_to_data(network, {name: INT3}, [torch.rand(32, 1, 12, 12)], owner="Test")

    assert all(torch.equal(weight_layers(network)[n].weight, w) for n, w in others.items())
