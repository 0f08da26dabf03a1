from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from skdeepopt.layers._weighted import weight_layers
from skdeepopt.pruning._masks import (
    Mask,
    bake_masks,
    baked,
    hold_zeros,
    mask_of,
    masks_of,
    set_masks,
)


class Halved(nn.Module):
    """Keeps zeros and has no right inverse, as rounding in quantization."""

    def forward(self, weight):
        return weight / 2


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def half_masks(network):
    return {
        name: torch.rand(layer.weight.shape) < 0.5 for name, layer in weight_layers(network).items()
    }


def trained(network, optimizer):
    for _ in range(3):
        network(torch.randn(8, 1, 4, 4)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad])
def test_masked_weights_are_zero_whatever_the_optimizer_does(network, make):
    masks = half_masks(network)
    optimizer = make(network.parameters(), lr=0.1, weight_decay=0.5)
    trained(network, optimizer)  # So that momenta are there when the mask comes.
    set_masks(network, masks)

    trained(network, optimizer)

    assert torch.equal(network[0].weight != 0, masks["0"])
    assert torch.equal(network[3].weight != 0, masks["3"])


def test_a_mask_leaves_the_parameter_that_the_optimizer_knows(network):
    parameter = network[0].weight

    set_masks(network, half_masks(network))

    assert network[0].parametrizations.weight.original is parameter


def test_baking_changes_no_answer_and_leaves_plain_layers(network):
    set_masks(network, half_masks(network))
    images = torch.randn(5, 1, 4, 4)
    before = network(images)

    bake_masks(network)

    assert torch.equal(network(images), before)
    assert masks_of(network) == {}
    assert type(network[0]) is nn.Conv2d
    assert list(network.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]


def test_baked_zeros_have_no_sign(network):
    set_masks(network, half_masks(network))

    bake_masks(network)

    zeros = network[3].weight[network[3].weight == 0]
    assert not zeros.signbit().any()


def test_a_mask_takes_the_place_of_the_one_before(network):
    first, second = half_masks(network), half_masks(network)
    set_masks(network, first)

    set_masks(network, second)

    assert len(network[0].parametrizations.weight) == 1
    assert torch.equal(masks_of(network)["0"], second["0"])


def test_the_callers_tensor_is_not_shared(network):
    masks = half_masks(network)
    set_masks(network, masks)
    before = masks_of(network)["0"].clone()

    masks["0"].logical_not_()

    assert torch.equal(masks_of(network)["0"], before)


@pytest.mark.parametrize("first", ["mask", "other"])
def test_another_parametrization_stays_when_a_mask_goes(network, first):
    mask = half_masks(network)["3"]
    if first == "mask":
        set_masks(network, {"3": mask})
    parametrize.register_parametrization(network[3], "weight", Halved())
    set_masks(network, {"3": mask})
    before = network[3].weight.detach()

    bake_masks(network)

    assert [type(part) for part in network[3].parametrizations.weight] == [Halved]
    assert torch.equal(network[3].weight, before)
    assert torch.equal(before != 0, mask)


def test_weight_norm_stays_when_a_mask_goes(network):
    parametrizations.weight_norm(network[3])
    mask = half_masks(network)["3"]
    set_masks(network, {"3": mask})
    before = network[3].weight.detach()

    bake_masks(network)

    torch.testing.assert_close(network[3].weight, before)
    assert torch.equal(network[3].weight != 0, mask)
    assert parametrize.is_parametrized(network[3], "weight")


def test_spectral_norm_below_a_mask_is_refused_by_its_layers_name(network):
    network.eval()
    parametrizations.spectral_norm(network[3])
    set_masks(network, {"3": half_masks(network)["3"]})

    with pytest.raises(ValueError, match="_SpectralNorm of layer '3'"):
        bake_masks(network)


def test_zeros_are_held_through_training(network):
    set_masks(network, masks := half_masks(network))
    bake_masks(network)
    hold_zeros(network, ["0", "3"])

    trained(network, torch.optim.AdamW(network.parameters(), lr=0.1))

    assert torch.equal(network[0].weight != 0, masks["0"])


def test_holding_keeps_what_is_masked_already(network):
    set_masks(network, {"3": half_masks(network)["3"]})
    before = masks_of(network)["3"]
    with torch.no_grad():
        network[3].parametrizations.weight.original[0] = 0

    hold_zeros(network, ["3"])

    assert not (masks_of(network)["3"] & ~before).any()
    assert not masks_of(network)["3"][0].any()


def test_a_layer_without_zeros_gets_no_mask(network):
    hold_zeros(network, ["0", "3"])

    assert masks_of(network) == {}


def test_zeros_of_an_unknown_layer_are_refused(network):
    with pytest.raises(ValueError, match=r"hold_zeros.names has names of .*, not 'head'"):
        hold_zeros(network, ["head"])


def test_masks_keep_the_memory_format_of_their_weight():
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    mask = torch.rand(4, 3, 3, 3) < 0.5

    set_masks(layer, {"": ~mask})
    set_masks(layer, {"": mask})

    assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert mask_of(layer).factor.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(layer.weight != 0, mask)


def test_masks_are_back_after_surgery_and_vanished_layers_are_forgotten(network):
    set_masks(network, masks := half_masks(network))

    with baked(network):
        inside = masks_of(network)
        network[0] = nn.Identity()

    assert inside == {}
    assert torch.equal(masks_of(network)["3"], masks["3"])
    assert list(masks_of(network)) == ["3"]


def test_masks_are_back_after_surgery_that_fails(network):
    set_masks(network, masks := half_masks(network))

    with pytest.raises(RuntimeError), baked(network):
        raise RuntimeError

    assert torch.equal(masks_of(network)["3"], masks["3"])


def test_a_watched_mask_knows_the_gradient_of_masked_weights(network):
    dense = copy.deepcopy(network)
    set_masks(network, masks := half_masks(network))
    with torch.no_grad():
        dense[0].weight.mul_(masks["0"])
        dense[3].weight.mul_(masks["3"])
    images = torch.randn(5, 1, 4, 4)
    dense(images).square().sum().backward()
    mask_of(network[0]).watch(True)

    network(images).square().sum().backward()

    torch.testing.assert_close(mask_of(network[0]).dense_gradient, dense[0].weight.grad)
    assert mask_of(network[3]).dense_gradient is None


def test_gradients_of_two_uses_add_up():
    layer = nn.Linear(2, 1, bias=False)
    set_masks(layer, {"": torch.tensor([[True, False]])})
    mask_of(layer).watch(True)

    layer(layer(torch.ones(2, 2)).T).sum().backward()

    once = layer.weight[0, 0].item()
    assert mask_of(layer).dense_gradient.tolist() == [[2 * once, 2 * once]]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_any_mask_comes_back_as_it_was_set(values):
    layer = nn.Linear(3, 2)
    mask = torch.tensor(values).view(2, 3)

    set_masks(layer, {"": mask})

    assert torch.equal(masks_of(layer)[""], mask)
    assert masks_of(layer)[""].dtype == torch.bool


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_mask_leaves_the_format_of_the_weight(dtype):
    layer = nn.Linear(3, 2).to(dtype)

    set_masks(layer, {"": torch.eye(2, 3) > 0})

    assert layer.weight.dtype == dtype
    assert layer.half().weight.dtype == torch.float16


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"fist": torch.ones(2, 3) > 0}, r"not 'fist'. Did you mean 'first'\?"),
        ({"first": torch.ones(3, 2) > 0}, r"shape \(2, 3\), not .* shape \(3, 2\)"),
        ({"first": torch.ones(2, 3)}, r"bool Tensor .* not one of torch.float32"),
    ],
)
def test_masks_that_fit_no_layer_are_refused_before_any_is_set(masks, message):
    network = nn.ModuleDict({"zeroth": nn.Linear(1, 1), "first": nn.Linear(3, 2)})

    with pytest.raises(ValueError, match=message):
        set_masks(network, {"zeroth": torch.ones(1, 1) > 0, **masks})

    assert masks_of(network) == {}


def test_a_mask_is_a_parametrization_of_a_copy_too(network):
    set_masks(network, masks := half_masks(network))

    twin = copy.deepcopy(network)

    assert torch.equal(masks_of(twin)["0"], masks["0"])
    assert isinstance(twin[0].parametrizations.weight[0], Mask)


@pytest.mark.parametrize("first", ["copy", "original"])
def test_a_copy_and_its_original_are_baked_each_on_its_own(network, first):
    set_masks(network, half_masks(network))
    twin, images = copy.deepcopy(network), torch.randn(5, 1, 4, 4)
    before = network(images)
    one, other = (twin, network) if first == "copy" else (network, twin)

    bake_masks(one)

    assert torch.equal(other(images), before)
    assert len(masks_of(other)) == 2
    bake_masks(other)
    assert torch.equal(one(images), before)
    assert torch.equal(other(images), before)
    assert [type(layer[0]) for layer in (one, other)] == [nn.Conv2d, nn.Conv2d]


def test_another_parametrization_of_a_copy_stays_when_the_mask_of_the_original_goes(network):
    parametrizations.weight_norm(network[3], "bias", dim=None)
    set_masks(network, {"3": half_masks(network)["3"]})
    twin, images = copy.deepcopy(network), torch.randn(5, 1, 4, 4)
    before = network(images)

    bake_masks(network)

    assert torch.equal(twin(images), before)
    assert torch.equal(network(images), before)
    assert parametrize.is_parametrized(network[3], "bias")


def test_a_baked_network_is_pickled_as_any_other(network):
    set_masks(network, half_masks(network))
    bake_masks(copy.deepcopy(network))
    bake_masks(network)

    again = pickle.loads(pickle.dumps(network))

    images = torch.randn(5, 1, 4, 4)
    assert torch.equal(again(images), network(images))
