from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.quantization._scheme import SCHEMES, resolve_scheme
from skdeepopt.quantization._weights import quantize_weight

ROUNDING = [name for name in SCHEMES if name != "float32"]
UNIFORM = [f"int{bits}" for bits in range(2, 9)]
SCALED = [*UNIFORM, "ternary", "binary"]


def scheme(name):
    return resolve_scheme(name, owner="Test.scheme")


def random_weight(seed, shape=(6, 40)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator) * 0.05


def grid(name, seed, shape=(6, 40)):
    """Weight on the grid of a scheme, by a product in float32."""
    generator = torch.Generator().manual_seed(seed)
    kind, bits = scheme(name).kind, scheme(name).bits
    top = 2 ** (bits - 1) - 1 if kind == "uniform" else 1
    codes = torch.randint(-top, top + 1, shape, generator=generator)
    if kind == "binary":
        codes = codes | 1
    scale = torch.exp(torch.randn(shape[0], 1, generator=generator) * 3)
    return codes * scale


seeds = st.integers(0, 2**32)
shapes = st.sampled_from([(1, 1), (1, 7), (6, 40), (3, 2, 3, 3), (4, 1, 5), (5,), ()])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(ROUNDING), seeds, shapes, st.booleans())
def test_quantizing_twice_changes_nothing(name, seed, shape, per_channel):
    once = quantize_weight(random_weight(seed, shape), scheme(name), per_channel=per_channel)

    twice = quantize_weight(once.values(), scheme(name), per_channel=per_channel)

    torch.testing.assert_close(twice.values(), once.values(), rtol=1e-6, atol=0)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(SCALED), seeds, st.sampled_from([(1, 1), (6, 2), (6, 40), (2, 300)]))
def test_a_weight_on_a_grid_keeps_its_values(name, seed, shape):
    weight = grid(name, seed, shape)

    quantized = quantize_weight(weight, scheme(name))

    torch.testing.assert_close(quantized.values(), weight, rtol=1e-6, atol=0)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(SCALED), seeds, seeds)
def test_a_factor_for_each_channel_multiplies_scales_and_leaves_codes(name, seed, other):
    weight = grid(name, seed)
    before = quantize_weight(weight, scheme(name))
    generator = torch.Generator().manual_seed(other)
    factor = torch.exp(torch.randn(6, generator=generator) * 2) * (
        torch.randint(0, 2, (6,), generator=generator) * 2 - 1
    )

    after = quantize_weight(weight * factor[:, None], scheme(name))

    flips = torch.where(factor < 0, -1, 1).to(torch.int8)
    assert torch.equal(after.codes, before.codes * flips[:, None])
    alive = (weight != 0).any(1)
    wanted = before.scale * factor.abs()
    torch.testing.assert_close(after.scale[alive], wanted[alive], rtol=1e-6, atol=0)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["ternary", "binary"]), seeds)
def test_weights_of_one_size_have_that_size_for_scale_to_the_last_bit(name, seed):
    weight = grid(name, seed)

    assert torch.equal(quantize_weight(weight, scheme(name)).values(), weight)


def test_codes_that_only_count_in_twos_get_a_scale_twice_as_long():
    weight = torch.tensor([[0.2, -0.4, 0.6]])

    quantized = quantize_weight(weight, scheme("int8"))

    assert quantized.codes.tolist() == [[1, -2, 3]]


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(UNIFORM), seeds, st.floats(0.01, 1.0))
def test_no_other_scale_has_much_less_error(name, seed, factor):
    weight = random_weight(seed, (1, 200))
    found = (quantize_weight(weight, scheme(name)).values() - weight).square().sum()

    top = 2 ** (scheme(name).bits - 1) - 1
    scale = weight.abs().max() * factor / top
    other = ((weight / scale).round().clamp(-top, top) * scale - weight).square().sum()

    assert found <= other * 1.25


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(UNIFORM), seeds)
def test_the_error_is_at_most_that_without_clipping(name, seed):
    weight = random_weight(seed)
    top = 2 ** (scheme(name).bits - 1) - 1
    scale = weight.abs().amax(1, keepdim=True) / top
    unclipped = ((weight / scale).round() * scale - weight).square().sum(1)

    found = (quantize_weight(weight, scheme(name)).values() - weight).square().sum(1)

    assert (found <= unclipped * 1.0001).all()


def test_a_random_channel_is_not_taken_for_a_grid():
    weight = random_weight(0, (200, 30))

    error = (quantize_weight(weight, scheme("int8")).values() - weight).norm() / weight.norm()

    assert 1e-4 < error < 1e-2


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(ROUNDING), seeds, st.floats(0.0, 1.0), st.booleans())
def test_pruned_weights_stay_zero(name, seed, share, per_channel):
    weight = random_weight(seed)
    pruned = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) < share

    quantized = quantize_weight(weight * ~pruned, scheme(name), per_channel=per_channel)

    assert (quantized.values()[pruned] == 0).all()


def test_a_pruned_weight_is_binary_no_more():
    weight = torch.tensor([[1.0, 0.0, -3.0], [1.0, 2.0, 1.0]])

    quantized = quantize_weight(weight, scheme("binary"))

    assert (quantized.kind, quantized.bits) == ("ternary", 2)
    assert quantized.codes.tolist() == [[1, 0, -1], [1, 1, 1]]
    assert quantized.scale.tolist() == pytest.approx([2, 4 / 3])


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("tiny", [0.0, -0.0, 1e-40])
def test_channels_of_zeros_have_scale_1(name, tiny):
    weight = torch.tensor([[tiny, tiny], [0.5, -0.5]])

    quantized = quantize_weight(weight, scheme(name))

    assert quantized.codes.tolist()[0] == [0, 0]
    assert quantized.scale.tolist() == [1, 0.5]


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(SCALED), seeds)
def test_one_scale_for_a_whole_weight_is_that_of_its_only_channel(name, seed):
    weight = random_weight(seed, (5, 3, 2, 2))

    whole = quantize_weight(weight, scheme(name), per_channel=False)
    flat = quantize_weight(weight.reshape(1, -1), scheme(name))

    assert whole.scale.shape == ()
    assert torch.equal(whole.codes.view(1, -1), flat.codes)
    assert torch.equal(whole.scale.view(1), flat.scale)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(ROUNDING), seeds)
def test_memory_format_and_dtype_change_nothing(name, seed):
    weight = random_weight(seed, (5, 3, 2, 2))
    plain = quantize_weight(weight, scheme(name))

    for other in (weight.to(memory_format=torch.channels_last), weight.double()):
        assert torch.equal(quantize_weight(other, scheme(name)).values(), plain.values())


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_a_weight_of_nothing_is_quantized_to_nothing(name, shape):
    quantized = quantize_weight(torch.ones(shape), scheme(name))

    assert quantized.values().shape == shape


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_a_scale_depends_on_its_own_channel_only(seed):
    weight = random_weight(seed)
    swapped = weight.flip(0)

    one, other = (quantize_weight(w, scheme("int4")) for w in (weight, swapped))

    assert torch.equal(one.values(), other.values().flip(0))


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(-60, 60))
def test_powers_of_two_multiply_scales_only(seed, power):
    weight = random_weight(seed)

    one = quantize_weight(weight, scheme("int5"))
    other = quantize_weight(weight * 2.0**power, scheme("int5"))

    assert torch.equal(one.codes, other.codes)
    assert torch.equal(one.scale * 2.0**power, other.scale)


def test_ternary_keeps_what_is_above_seven_tenths_of_the_mean():
    weight = torch.tensor([[1.0, -2.0, 0.3, -0.7]])  # Mean 1, threshold 0.7.

    quantized = quantize_weight(weight, scheme("ternary"))

    assert quantized.codes.tolist() == [[1, -1, 0, 0]]
    assert quantized.scale.tolist() == [1.5]


def test_binary_is_the_sign_times_the_mean():
    quantized = quantize_weight(torch.tensor([[1.0, -2.0, 0.3, -0.7]]), scheme("binary"))

    assert quantized.codes.tolist() == [[1, -1, 1, -1]]
    assert quantized.scale.tolist() == [1]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8), seeds)
def test_codebook_values_are_the_means_of_their_weights(bits, seed):
    weight = random_weight(seed, (20, 50))

    quantized = quantize_weight(weight, scheme(f"codebook{bits}"))

    n_values = len(quantized.scale)
    assert 1 < n_values <= 2**bits
    distance = (weight[..., None] - quantized.scale).abs()
    torch.testing.assert_close(
        (quantized.values() - weight).abs(), distance.amin(-1), rtol=0, atol=1e-7
    )
    assume(bits < 6)  # Larger tables may end before the means stand still.
    for place in range(n_values):
        mean = weight[quantized.codes == place].mean()
        torch.testing.assert_close(quantized.scale[place], mean, rtol=1e-4, atol=1e-6)


def test_few_distinct_weights_are_their_own_codebook():
    weight = torch.tensor([[0.3, -0.1], [0.3, 7.0]])

    quantized = quantize_weight(weight, scheme("codebook2"))

    assert torch.equal(quantized.values(), weight)
    assert quantized.scale.tolist() == pytest.approx([-0.1, 0.3, 7.0])


def test_neighbouring_floats_are_told_apart_in_a_codebook():
    one = torch.tensor(1.0)
    weight = torch.stack([one, torch.nextafter(one, one * 2)])

    assert torch.equal(quantize_weight(weight, scheme("codebook1")).values(), weight)


@pytest.mark.parametrize("name", ROUNDING)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ValueError, match=r"quantize_weight\.weight is finite .* 1 of its 3"):
        quantize_weight(torch.tensor([[1.0, bad, 2.0]]), scheme(name))


def test_float32_is_no_rounding():
    with pytest.raises(ValueError, match=r"scheme is one that rounds weights, not 'float32'"):
        quantize_weight(torch.ones(1, 2), scheme("float32"))


@pytest.mark.parametrize("name", ROUNDING)
def test_the_weight_is_not_changed(name):
    layer = nn.Linear(4, 3)
    before = layer.weight.detach().clone()

    quantized = quantize_weight(layer.weight, scheme(name))

    assert torch.equal(layer.weight, before)
    assert not quantized.values().requires_grad
