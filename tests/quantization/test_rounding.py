from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets import build_network
from skdeepopt.quantization._calibration import calibrate
from skdeepopt.quantization._layerwise import for_each_layer
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._rounding import adaptive_rounding
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight


def graph_of(*layers):
    return folded(traced(nn.Sequential(*layers), owner="test"))


def schemes_for(graph, name):
    return {layer: resolve_scheme(name, owner="test") for layer in weight_layers(graph)}


def rounded(reference, batches, name="int3", **settings):
    graph = folded(reference)
    settings = {"n_steps": 40, **settings}
    quantized = adaptive_rounding(graph, reference, batches, schemes_for(graph, name), **settings)
    return graph, quantized


@pytest.fixture
def reference():
    torch.manual_seed(0)
    return graph_of(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3, groups=2), nn.Flatten(), nn.Linear(64, 3)
    )


@pytest.fixture
def batches():
    return list(torch.rand(2, 16, 1, 8, 8, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_no_channel_of_a_layer_is_worse_than_rounded_to_nearest(reference, batches, bits):
    scheme = resolve_scheme(f"int{bits}", owner="test")
    graph, errors = folded(reference), []
    adaptive_rounding(graph, reference, batches, schemes_for(graph, scheme.name), n_steps=20)

    def compare(step):
        for weight in (step.layer.weight, reference.get_submodule(step.name).weight):
            nearest = quantize_weight(weight, scheme).values()
            other = torch.func.functional_call(step.layer, {"weight": nearest}, step.inputs[0])
            relu = torch.relu if step.name == "0" else lambda x: x
            error = (relu(other) - relu(step.targets[0])).square().transpose(0, 1).flatten(1)
            errors.append(error.sum(1))

    for_each_layer(graph, reference, [torch.cat(batches)], compare, owner="test")

    for ours, nearest in zip(errors[::2], errors[1::2], strict=True):
        assert (ours <= nearest * (1 + 1e-4) + 1e-6).all()


def test_answers_are_nearer_than_with_nearest(reference, batches):
    nearest = folded(reference)
    for name, layer in weight_layers(nearest).items():
        layer.weight.data = quantize_weight(
            layer.weight, schemes_for(nearest, "int3")[name]
        ).values()
    inputs = torch.cat(batches)
    wanted = reference(inputs)

    graph, _ = rounded(reference, batches, n_steps=150)

    error, other = ((g(inputs) - wanted).square().mean() for g in (graph, nearest))
    assert error < other / 2


def test_where_only_the_sum_of_weights_counts_it_is_kept():
    layer = nn.Linear(20, 1, bias=False)
    layer.weight.data = torch.cat([torch.ones(1), torch.linspace(0.1, 0.16, 19)]).view(1, 20)
    reference = graph_of(layer)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(200, 1, generator=generator) * torch.ones(20)
    scheme = resolve_scheme("int3", owner="test")

    graph, quantized = rounded(reference, [inputs], n_steps=200)

    nearest = quantize_weight(layer.weight, scheme)
    asked = layer.weight.sum()
    assert (quantized["0"].values().sum() - asked).abs() < (nearest.values().sum() - asked).abs()
    assert torch.equal(graph.get_submodule("0").weight, quantized["0"].values())


def test_without_steps_all_is_rounded_to_nearest(reference, batches):
    _, quantized = rounded(reference, batches, n_steps=0)

    scheme = resolve_scheme("int3", owner="test")
    for name, layer in weight_layers(reference).items():
        assert torch.equal(quantized[name].codes, quantize_weight(layer.weight, scheme).codes)


def test_every_weight_is_rounded_up_or_down(reference, batches):
    _, quantized = rounded(reference, batches, "int4")

    for name, layer in weight_layers(reference).items():
        found, scale = quantized[name], quantized[name].scale
        steps = layer.weight.flatten(1) / scale[:, None]
        assert (found.codes.flatten(1) - steps.clamp(-7, 7)).abs().max() < 1 + 1e-4
        assert found.codes.abs().max() <= 7


def test_the_graph_has_the_weights_that_are_returned_and_the_reference_keeps_its(
    reference, batches
):
    before = folded(reference)

    graph, quantized = rounded(reference, batches)

    for name, layer in weight_layers(graph).items():
        assert torch.equal(layer.weight, quantized[name].values())
        assert torch.equal(reference.get_submodule(name).weight, before.get_submodule(name).weight)


def test_pruned_weights_stay_zero(reference, batches):
    dead = {}
    for name, layer in weight_layers(reference).items():
        dead[name] = torch.rand(layer.weight.shape) < 0.5
        layer.weight.data[dead[name]] = 0

    _, quantized = rounded(reference, batches)

    assert all((quantized[name].codes[mask] == 0).all() for name, mask in dead.items())


def test_weights_on_a_grid_stay(reference, batches):
    for layer in weight_layers(reference).values():
        scheme = resolve_scheme("int4", owner="test")
        layer.weight.data = quantize_weight(layer.weight, scheme).values()

    graph, _ = rounded(reference, batches, "int4")

    for name, layer in weight_layers(graph).items():
        torch.testing.assert_close(layer.weight, reference.get_submodule(name).weight)


def test_the_same_seed_gives_the_same_weights(reference, batches):
    torch.manual_seed(5)
    state = torch.get_rng_state()

    one, other = (rounded(reference, batches, seed=3)[1] for _ in range(2))

    assert all(torch.equal(one[name].codes, other[name].codes) for name in one)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["ternary", "binary", "codebook3"])
def test_other_grids_are_rounded_to_nearest(reference, batches, name):
    _, quantized = rounded(reference, batches, name)

    scheme = resolve_scheme(name, owner="test")
    for layer, part in weight_layers(reference).items():
        assert torch.equal(quantized[layer].values(), quantize_weight(part.weight, scheme).values())


def test_layers_in_float_and_those_not_named_stay(reference, batches):
    graph = folded(reference)
    schemes = {"0": resolve_scheme("float32", owner="t"), "4": resolve_scheme("int4", owner="t")}

    quantized = adaptive_rounding(graph, reference, batches, schemes, n_steps=2)

    assert list(quantized) == ["4"]
    for name in ("0", "2"):
        assert torch.equal(graph.get_submodule(name).weight, reference.get_submodule(name).weight)


def test_a_transposed_convolution_is_rounded_to_nearest():
    torch.manual_seed(0)
    reference = graph_of(nn.ConvTranspose2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 1))

    _, quantized = rounded(reference, [torch.rand(4, 2, 5, 5)])

    wanted = quantize_weight(
        reference.get_submodule("0").weight, resolve_scheme("int3", owner="test")
    )
    assert torch.equal(quantized["0"].codes, wanted.codes)


@pytest.mark.parametrize("name", ["compact", "residual"])
def test_quantized_tensors_in_between_are_what_layers_are_fitted_to(name):
    torch.manual_seed(0)
    reference = folded(traced(build_network(name, (1, 16, 16), 4, widths=0.25), owner="test"))
    graph, images = folded(reference), torch.rand(8, 1, 16, 16)
    calibrate(graph, [images], place_quantizers(graph, bits=4), owner="test")

    adaptive_rounding(graph, reference, [images], schemes_for(graph, "int4"), n_steps=5)

    assert graph(images).isfinite().all()


def test_bad_input_is_refused(reference, batches):
    graph = folded(reference)
    schemes = schemes_for(graph, "int4")

    with pytest.raises(ValueError, match=r"adaptive_rounding\.schemes has names .*, not '9'"):
        adaptive_rounding(graph, reference, batches, {"9": schemes["0"]})
    with pytest.raises(ValueError, match=r"adaptive_rounding\.batches hold one sample or more"):
        adaptive_rounding(graph, reference, [], schemes)
