from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets import build_network
from skdeepopt.quantization._bias_correction import correct_biases
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight


def reference_of(name):
    torch.manual_seed(0)
    return folded(traced(build_network(name, (1, 16, 16), 4), owner="test"))


def rounded(reference, scheme="int3"):
    graph = folded(reference)
    for layer in weight_layers(graph).values():
        values = quantize_weight(layer.weight, resolve_scheme(scheme, owner="test")).values()
        layer.weight.data.copy_(values)
    return graph


def layer_means(graph, batches):
    sums = dict.fromkeys(weight_layers(graph), 0)

    def add(name):
        def hook(layer, inputs, outputs):
            sums[name] = sums[name] + outputs.detach().transpose(0, 1).flatten(1).sum(1)

        return hook

    hooks = [part.register_forward_hook(add(n)) for n, part in weight_layers(graph).items()]
    for batch in batches:
        graph(batch)
    for hook in hooks:
        hook.remove()
    return sums


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(size, 1, 16, 16, generator=generator) for size in (20, 7)]


@pytest.mark.parametrize("name", ["compact", "lenet5", "lenet300", "residual"])
def test_every_layer_gives_the_mean_of_the_float_one_afterwards(name, batches):
    reference = reference_of(name)
    graph = rounded(reference)

    correct_biases(graph, reference, batches)

    wanted = layer_means(reference, batches)
    for layer, total in layer_means(graph, batches).items():
        torch.testing.assert_close(total, wanted[layer], rtol=1e-3, atol=2e-2)


def test_a_network_that_is_not_rounded_is_not_changed(batches):
    reference = reference_of("lenet5")
    graph = folded(reference)
    before = copy.deepcopy(graph.state_dict())

    correct_biases(graph, reference, batches)

    for key, value in graph.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=1e-6, atol=1e-6)


def test_a_layer_without_bias_gets_one(batches):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 2, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(392, 3)]
    reference = folded(traced(nn.Sequential(*layers), owner="test"))
    graph = rounded(reference, "int2")

    correct_biases(graph, reference, batches)

    assert graph.get_submodule("0").bias.shape == (2,)
    assert reference.get_submodule("0").bias is None
    means = layer_means(graph, batches)["0"]
    torch.testing.assert_close(means, layer_means(reference, batches)["0"], rtol=1e-3, atol=1e-2)


def test_weights_stay(batches):
    reference = reference_of("compact")
    graph = rounded(reference)
    before = [layer.weight.clone() for layer in weight_layers(graph).values()]

    correct_biases(graph, reference, batches)

    after = [layer.weight for layer in weight_layers(graph).values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("data", "message"),
    [([], "correct_biases.batches hold one sample or more")],
)
def test_no_data_is_refused(data, message):
    reference = reference_of("lenet5")

    with pytest.raises(ValueError, match=message):
        correct_biases(rounded(reference), reference, data)


def test_another_network_as_reference_is_refused(batches):
    with pytest.raises(
        ValueError, match=r"correct_biases.reference .* not one without a 'features_0"
    ):
        correct_biases(rounded(reference_of("lenet5")), reference_of("lenet300"), batches)
