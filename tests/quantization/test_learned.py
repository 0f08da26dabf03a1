from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from skdeepopt.layers._parametrizations import parametrizations_of
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets._blocks import Flatten
from skdeepopt.pruning._masks import Mask, bake_masks, masks_of, set_masks
from skdeepopt.quantization._learned import (
    Binary,
    Codebook,
    LearnedStep,
    Ternary,
    bake_weight_quantizers,
    clip_weights,
    quantization_for_training,
    set_weight_quantizers,
    weight_quantizer_of,
)
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight
from skdeepopt.training._chain import Chain

NAMES = ["int2", "int4", "int8", "ternary", "binary", "codebook1", "codebook4", "codebook6"]
KINDS = {
    "int4": LearnedStep,
    "ternary": Ternary,
    "binary": Binary,
    "codebook4": Codebook,
}


def scheme(name):
    return resolve_scheme(name, owner="Test.scheme")


def of(name, layers=("0", "3")):
    return {layer: scheme(name) for layer in layers}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), Flatten(), nn.Linear(16, 3))


def half_masks(network):
    return {
        name: torch.rand(layer.weight.shape) < 0.5 for name, layer in weight_layers(network).items()
    }


def trained(network, make=torch.optim.SGD, n_steps=3):
    optimizer = make(network.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(n_steps):
        optimizer.zero_grad()
        network(torch.randn(8, 1, 4, 4)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_on_their_grid_after_every_step(network, name):
    set_weight_quantizers(network, of(name))

    trained(network, torch.optim.AdamW)

    for layer in (network[0], network[3]):
        weight = layer.weight.detach()
        again = quantize_weight(weight, scheme(name)).values()
        torch.testing.assert_close(again, weight, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_training_changes_the_weights_below_and_above(network, name):
    set_weight_quantizers(network, of(name))
    below = parametrizations_of(network[3]).original
    before = below.detach().clone(), network[3].weight.detach()

    trained(network)

    assert not torch.equal(below, before[0])
    assert not torch.equal(network[3].weight, before[1])


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_on_their_grid_already_do_not_change(network, name):
    with torch.no_grad():
        for layer in (network[0], network[3]):
            layer.weight.copy_(quantize_weight(layer.weight, scheme(name)).values())
    before = network[3].weight.detach().clone()

    set_weight_quantizers(network, of(name))

    torch.testing.assert_close(network[3].weight.detach(), before, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_baking_changes_no_answer_and_leaves_plain_layers(network, name):
    set_weight_quantizers(network, of(name))
    trained(network)
    images = torch.randn(5, 1, 4, 4)
    before = network(images)

    bake_weight_quantizers(network)

    assert torch.equal(network(images), before)
    assert type(network[0]) is nn.Conv2d
    assert list(network.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert list(network[0]._parameters) == ["weight", "bias"]


@pytest.mark.parametrize(
    ("name", "order"),
    [
        *((name, "mask first") for name in NAMES),
        # A full table has no room for the zeros of a mask that comes later.
        *((name, "quantizer first") for name in NAMES if name != "codebook1"),
    ],
)
def test_masked_weights_are_zero_through_training_and_baking(network, name, order):
    masks = half_masks(network)
    if order == "mask first":
        set_masks(network, masks)
    set_weight_quantizers(network, of(name))
    if order == "quantizer first":
        set_masks(network, masks)

    trained(network, torch.optim.AdamW)
    in_training = network[0].weight.detach(), network[3].weight.detach()
    bake_weight_quantizers(network)
    with_masks = network[0].weight.detach(), network[3].weight.detach()
    masks_left = masks_of(network)
    bake_masks(network)

    for place, layer, weight, same in zip("03", network[::3], in_training, with_masks, strict=True):
        assert (weight[~masks[place]] == 0).all()
        assert torch.equal(weight, same)
        assert torch.equal(weight, layer.weight)
        assert torch.equal(masks_left[place], masks[place])
        assert not layer.weight[layer.weight == 0].signbit().any()
        again = quantize_weight(layer.weight, scheme(name)).values()
        torch.testing.assert_close(again, layer.weight.detach(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("order", ["mask first", "quantizer first"])
def test_a_mask_has_the_last_word(network, order):
    if order == "mask first":
        set_masks(network, half_masks(network))
    set_weight_quantizers(network, of("int4"))
    if order == "quantizer first":
        set_masks(network, half_masks(network))

    assert [type(part) for part in parametrizations_of(network[0])] == [LearnedStep, Mask]


@pytest.mark.parametrize("name", ["ternary", "binary"])
def test_masked_weights_have_no_part_in_the_scale_of_the_others(name):
    layer = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0, 100.0, -100.0]]))
    set_masks(layer, {"": torch.tensor([[True, True, False, False]])})

    set_weight_quantizers(layer, {"": scheme(name)})

    assert layer.weight.tolist() == [[1.5, -1.5, 0, 0]] or layer.weight.tolist() == [[0, -2, 0, 0]]


@pytest.mark.parametrize("name", NAMES)
def test_quantizers_leave_the_parameter_that_the_optimizer_knows(network, name):
    parameter = network[3].weight

    set_weight_quantizers(network, of(name))
    inside = parametrizations_of(network[3]).original
    bake_weight_quantizers(network)

    assert inside is parameter
    assert network[3].weight is parameter


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_each_scheme_has_its_parametrization(network, name, kind):
    weight = network[0].weight.detach().clone()

    part = quantization_for_training(network[0], scheme(name))

    assert type(part) is kind
    assert part.draws is False
    assert torch.equal(part.right_inverse(weight), weight)
    assert torch.equal(network[0].weight, weight)


def test_a_quantizer_takes_the_place_of_the_one_before(network):
    before = network[0].weight.detach().clone()
    set_masks(network, {"0": before > 0})
    set_weight_quantizers(network, of("binary", ["0"]))

    set_weight_quantizers(network, of("int4", ["0"]))

    assert [type(part) for part in parametrizations_of(network[0])] == [LearnedStep, Mask]
    wanted = quantize_weight(before * (before > 0), scheme("int4")).values()
    torch.testing.assert_close(network[0].weight.detach(), wanted, rtol=1e-6, atol=0)


def test_float32_takes_the_quantizer_away(network):
    before = network[0].weight.detach().clone()
    set_weight_quantizers(network, of("binary", ["0"]))

    set_weight_quantizers(network, of("float32", ["0"]))

    assert type(network[0]) is nn.Conv2d
    assert torch.equal(network[0].weight, before)


def autograds_steps(weight, step, top, factor):
    """Esser 2020, appendix A: the same in autograd's operations."""
    scaled = (step - step * factor).detach() + step * factor
    quotient = (weight / scaled.abs().view(-1, 1)).clamp(-top, top)
    rounded = (quotient.round() - quotient).detach() + quotient
    return rounded * scaled.abs().view(-1, 1)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 8), st.integers(0, 2**32), st.booleans())
def test_learned_steps_have_the_gradients_of_the_paper(bits, seed, negative):
    generator = torch.Generator().manual_seed(seed)
    weight, gradient = torch.randn(2, 5, 30, generator=generator, dtype=torch.float64)
    step = torch.rand(5, generator=generator, dtype=torch.float64) + 0.01
    part = LearnedStep(-step if negative else step, bits)
    one, other = weight.clone().requires_grad_(), weight.clone().requires_grad_()
    top = 2 ** (bits - 1) - 1
    twin = part.step.detach().clone().requires_grad_()
    assume(((weight / step[:, None]).abs() - top).abs().min() > 1e-3)  # Else it may differ.

    mine = part(one)
    mine.backward(gradient)
    theirs = autograds_steps(other, twin, top, (30 * top) ** -0.5)
    theirs.backward(gradient)

    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(one.grad, other.grad)
    torch.testing.assert_close(part.step.grad, twin.grad)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 8), st.integers(0, 2**32))
def test_values_are_exactly_codes_times_steps(bits, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(5, 3, 2, 2, generator=generator)
    part = LearnedStep(torch.rand(5, generator=generator) * 0.1, bits)
    top = 2 ** (bits - 1) - 1

    values = part(weight).detach()

    scale = part.scale.view(-1, 1, 1, 1)
    codes = (values / scale).round()
    assert codes.abs().max() <= top
    assert torch.equal(values, codes * scale)


@pytest.mark.parametrize("step", [0.0, -0.0, 1e-30])
def test_a_step_is_positive_whatever_an_optimizer_does(step):
    part = LearnedStep(torch.tensor([step]), 4)
    weight = torch.ones(1, 3, requires_grad=True)

    values = part(weight)
    values.sum().backward()

    assert (values > 0).all()
    assert (part.scale > 0).all()
    assert part.step.grad.item() > 0


def test_weights_at_the_end_of_the_grid_are_not_clipped_yet():
    weight = (torch.tensor([[0.1, 0.3, 0.7]]) * 7 / 7).requires_grad_()
    part = LearnedStep(torch.tensor([0.1]), 4)

    part(weight).sum().backward()

    assert weight.grad.tolist() == [[1, 1, 1]]


def test_clipped_weights_get_no_gradient():
    weight = torch.tensor([[0.1, 0.3, -0.8]], requires_grad=True)
    part = LearnedStep(torch.tensor([0.1]), 4)

    part(weight).sum().backward()

    assert weight.grad.tolist() == [[1, 1, 0]]


def test_a_channel_of_zeros_begins_with_the_step_of_its_neighbours():
    layer = nn.Linear(3, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [0, 0.3, 0]]))

    part = quantization_for_training(layer, scheme("int2"))

    assert part.step.tolist() == pytest.approx([0.2, 0.1, 0.3])


@pytest.mark.parametrize(("name", "expected"), [("ternary", [[1.5, -1.5, 0]]), ("binary", None)])
def test_gradients_pass_straight_through(name, expected):
    weight = torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True)
    part = quantization_for_training(nn.Linear(3, 1), scheme(name))
    gradient = torch.tensor([[0.3, 0.2, -0.1]])

    values = part(weight)
    values.backward(gradient)

    if name == "ternary":
        assert values.tolist() == expected
        assert torch.equal(weight.grad, gradient)
    else:
        torch.testing.assert_close(values, torch.tensor([[1.0, -1, 1]]) * 3.5 / 3)
        torch.testing.assert_close(weight.grad, torch.tensor([[0.3, 0, -0.1]]))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["ternary", "binary"]), st.integers(0, 2**32))
def test_values_are_those_of_quantization_after_training(name, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(5, 3, 2, 2, generator=generator)

    values = {"ternary": Ternary, "binary": Binary}[name]()(weight)

    torch.testing.assert_close(values, quantize_weight(weight, scheme(name)).values())


def test_binary_weights_without_a_scale_are_signs():
    weight = torch.tensor([[0.2, -0.01, 0.0]])

    assert Binary(scaled=False)(weight).tolist() == [[1, -1, 1]]


def test_clipped_binary_weights_still_learn(network):
    set_weight_quantizers(network, of("binary", ["0"]))
    below = parametrizations_of(network[0]).original
    with torch.no_grad():
        below[0], below[1] = 5, -5
        network[3].weight.fill_(5)

    clip_weights(network)
    network(torch.randn(8, 1, 4, 4)).square().mean().backward()

    assert below.detach().abs().max() == 1
    assert network[3].weight.max() == 5
    assert (below.grad[1] != 0).any()


def test_a_table_learns_from_the_mean_of_its_weights():
    part = Codebook(torch.tensor([1.0, -1.0, 0.0]))  # In any order.
    weight = torch.tensor([[0.9, 1.2, -3.0, 0.1]], requires_grad=True)
    gradient = torch.tensor([[1.0, 2.0, 5.0, 7.0]])

    values = part(weight)
    values.backward(gradient)

    assert values.tolist() == [[1, 1, -1, 0]]
    assert part.table.grad.tolist() == [1.5, 5, 0]
    assert torch.equal(weight.grad, gradient)


@pytest.mark.parametrize("n_values", [1, 2, 31, 32, 33, 256])
def test_each_weight_gets_the_value_nearest_to_it(n_values):
    torch.manual_seed(0)
    table, weight = torch.randn(n_values), torch.randn(20, 30)

    values = Codebook(table)(weight)

    distance = (weight[..., None] - table).abs().amin(-1)
    torch.testing.assert_close((values - weight).abs(), distance, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_chain_has_autograds_gradients(network, name):
    set_weight_quantizers(network, of(name))
    set_masks(network, half_masks(network))
    twin = copy.deepcopy(network)
    images = torch.randn(5, 1, 4, 4)
    chain = Chain.of(network)

    outputs = chain.forward(images, torch.float32)
    chain.backward(outputs * 2)
    twin(images).square().sum().backward()

    for (key, mine), theirs in zip(network.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_states_copies_and_pickled_parts_are_the_same_weights(network, name):
    set_weight_quantizers(network, of(name))
    trained(network)
    wanted = network[0].weight.detach()

    twin = copy.deepcopy(network)
    other = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), Flatten(), nn.Linear(16, 3))
    other.load_state_dict(
        {k: v for k, v in network.state_dict().items() if "weight" not in k}, strict=False
    )
    set_weight_quantizers(other, of(name))
    part = pickle.loads(pickle.dumps(weight_quantizer_of(network[0])))

    assert torch.equal(twin[0].weight, wanted)
    assert torch.equal(part(parametrizations_of(network[0]).original), wanted)
    assert set(other.state_dict()) == set(network.state_dict())
    other.load_state_dict(network.state_dict())
    assert torch.equal(other[0].weight, wanted)


@pytest.mark.parametrize("first", ["copy", "original"])
def test_a_copy_and_its_original_are_baked_each_on_its_own(network, first):
    set_weight_quantizers(network, of("int4"))
    set_masks(network, {"3": half_masks(network)["3"]})
    twin, images = copy.deepcopy(network), torch.randn(5, 1, 4, 4)
    before = network(images)
    one, other = (twin, network) if first == "copy" else (network, twin)

    bake_weight_quantizers(one)

    assert torch.equal(other(images), before)
    bake_weight_quantizers(other)
    assert torch.equal(one(images), before)
    assert torch.equal(other(images), before)
    assert parametrize.is_parametrized(one[3])
    assert type(one[0]) is nn.Conv2d


@pytest.mark.parametrize("name", NAMES)
def test_the_memory_format_of_a_weight_stays(name):
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    plain = copy.deepcopy(layer).to(memory_format=torch.contiguous_format)

    set_weight_quantizers(layer, {"": scheme(name)})
    set_weight_quantizers(plain, {"": scheme(name)})
    layer.weight.square().sum().backward()
    plain.weight.square().sum().backward()

    assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    for mine, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad)


def test_another_parametrization_stays_behind_the_quantizer(network):
    network.eval()
    parametrizations.spectral_norm(network[3])
    set_weight_quantizers(network, of("int4", ["3"]))
    before = network[3].weight.detach()

    bake_weight_quantizers(network)

    assert torch.equal(network[3].weight, before)
    assert parametrize.is_parametrized(network[3])


def test_weights_behind_weight_norm_are_refused_by_its_layers_name(network):
    parametrizations.weight_norm(network[3])

    with pytest.raises(ValueError, match=r"by _WeightNorm of layer '3'\. Did you mean to remove"):
        set_weight_quantizers(network, of("int4"))

    assert weight_quantizer_of(network[0]) is None


def test_a_quantizer_in_front_of_nothing_that_it_could_be_baked_through_is_refused(network):
    parametrize.register_parametrization(network[3], "weight", nn.Softplus(), unsafe=True)
    parametrize.register_parametrization(network[3], "weight", Ternary(), unsafe=True)

    with pytest.raises(ValueError, match=r"not below Softplus of layer '3'"):
        bake_weight_quantizers(network)


def test_a_name_of_no_layer_is_refused_before_any_is_set(network):
    with pytest.raises(ValueError, match=r"schemes has names of .*, not 'head'\."):
        set_weight_quantizers(network, of("int4", ["0", "head"]))

    assert weight_quantizer_of(network[0]) is None


def test_weights_that_are_not_finite_are_refused_by_their_layers_name(network):
    with torch.no_grad():
        network[3].weight[0, 0] = torch.nan

    with pytest.raises(ValueError, match=r"finite weights, not NaN or infinite as in layer '3'"):
        set_weight_quantizers(network, of("int4"))

    assert weight_quantizer_of(network[0]) is None


@pytest.mark.parametrize("name", NAMES)
def test_weights_lost_in_training_are_baked_as_they_are(network, name):
    set_weight_quantizers(network, of(name))
    with torch.no_grad():
        parametrizations_of(network[3]).original.fill_(torch.nan)

    bake_weight_quantizers(network)

    assert network[3].weight.isnan().all()
