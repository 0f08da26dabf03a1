from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import parametrize

from skdeepopt.coding import code_lengths, coded_bits
from skdeepopt.packing._coded_weight import CodedWeight


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def priced(weight, price):
    coded = CodedWeight(weight, largest=7, first_step=1.0)
    coded.take_lengths(weight)
    coded.price = price
    return coded


def gradient(coded, weight, upstream):
    latent = weight.clone().requires_grad_()
    coded(latent).backward(upstream)
    return latent.grad


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(1, 20),
    st.floats(0.05, 3),
    st.floats(-12, 3),
    st.integers(0, 9),
)
def test_numbers_are_codes_times_a_step_that_two_bytes_hold(shape, largest, first, scale, seed):
    weight = numbers(*shape, seed=seed) * 10**scale
    coded = CodedWeight(weight, largest, first)

    codes, step = coded.codes(weight), coded.step

    assert torch.equal(coded(weight), codes * step)
    assert step > 0
    assert step == step.bfloat16().float()
    assert codes.abs().max() <= largest


@settings(deadline=None)
@given(st.lists(st.integers(-7, 7), min_size=16, max_size=16), st.integers(1, 255))
def test_numbers_that_lie_on_a_grid_stay_as_they_are(codes, mantissa):
    step = float(torch.tensor(mantissa * 2.0**-9).bfloat16())
    weight = torch.tensor([*codes, 1]) * step

    assert torch.equal(CodedWeight(weight, largest=7, first_step=1.0)(weight), weight)


def test_what_was_rounded_is_not_rounded_further():
    weight = numbers(12, 10)
    once = CodedWeight(weight, largest=15, first_step=0.4)(weight).detach()

    assert torch.equal(CodedWeight(once, largest=15, first_step=1.5)(once), once)


def test_zeros_are_positive():
    weight = torch.tensor([-0.01, 0.01, -5.0, 5.0])

    coded = CodedWeight(weight, largest=3, first_step=1.0)(weight)

    assert not coded[:2].signbit().any()


@pytest.mark.parametrize("shape", [(1,), (1, 1), (3, 1, 1, 1)])
@pytest.mark.parametrize("value", [0.0, 0.25])
def test_constant_numbers_have_a_grid_too(shape, value):
    weight = torch.full(shape, value)

    assert torch.equal(CodedWeight(weight, largest=7, first_step=1.0)(weight), weight)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 50), st.floats(0.2, 1.5))
def test_the_bits_are_those_of_the_coder(seed, first_step):
    weight = numbers(9, 14, seed=seed)
    coded = CodedWeight(weight, largest=15, first_step=first_step)

    assert coded.take_lengths(weight) == pytest.approx(coded_bits(coded.codes(weight).numpy()))


def test_without_a_price_the_gradient_goes_straight_through():
    weight, upstream = numbers(6, 5), numbers(6, 5, seed=1)

    assert torch.equal(gradient(priced(weight, 0.0), weight, upstream), upstream)


def test_a_price_adds_the_slope_of_the_bits():
    weight = 2.0 * numbers(40, 40)
    coded = priced(weight, 0.5)

    added = gradient(coded, weight, torch.zeros_like(weight))

    codes = coded.codes(weight)
    ones = weight.abs().div(coded.step).floor() == 0
    lengths = code_lengths(codes.numpy())
    first = torch.from_numpy(lengths.nonzero_bits - lengths.zero_bits)[ones]
    seen = len(lengths.value_bits) // 2
    first += (lengths.value_bits[seen + 1] + lengths.value_bits[seen - 1]) / 2
    expected = first.clamp(-12, 12) * weight[ones].sign() * 0.5 / coded.step
    torch.testing.assert_close(added[ones], expected.float(), rtol=1e-4, atol=1e-6)


def test_the_slope_grows_with_the_price():
    weight, nothing = numbers(6, 5), torch.zeros(6, 5)

    once, twice = (gradient(priced(weight, price), weight, nothing) for price in (0.1, 0.2))

    torch.testing.assert_close(twice, 2 * once)


def test_where_most_numbers_are_zero_all_are_pulled_to_zero():
    weight = torch.zeros(30, 30)
    weight[3, 4], weight[20, 7] = 1.0, -1.0
    weight[11, 11] = 0.2
    coded = priced(weight, 1.0)

    pull = gradient(coded, weight, torch.zeros_like(weight))

    assert (pull * weight.sign() >= 0).all()
    assert pull[3, 4] > 0 > pull[20, 7]


def test_a_number_is_dearer_among_zeros_than_among_others():
    weight = torch.zeros(40, 40)
    weight[:4] = 1.0
    weight[30, 5] = 1.0
    coded = priced(weight, 1.0)

    assert coded.first_bits[30, 5] > coded.first_bits[0, 5] + 3


def test_a_longer_step_is_learned_where_numbers_are_clipped():
    weight = torch.full((8, 8), 10.0)
    coded = CodedWeight(torch.ones(8, 8), largest=2, first_step=1.0)

    (coded(weight) - weight).square().sum().backward()

    assert coded.log_step.grad < 0


def test_parameters_of_an_optimizer_stay():
    layer = torch.nn.Linear(8, 4)
    weight = layer.weight

    parametrize.register_parametrization(layer, "weight", CodedWeight(weight, 7, 1.0))

    assert layer.parametrizations.weight.original is weight


def test_channels_that_have_gone_are_forgotten():
    weight = numbers(6, 5)
    coded = priced(weight, 1.0)

    before_a_look = gradient(coded, weight[:3], torch.zeros(3, 5))
    coded.take_lengths(weight[:3])
    after_it = gradient(coded, weight[:3], torch.zeros(3, 5))

    assert not before_a_look.any()
    assert after_it.any()


def test_numbers_that_training_has_lost_count_as_zeros():
    weight = numbers(6, 5)
    coded = CodedWeight(weight, largest=7, first_step=1.0)

    weight[0] = torch.nan

    assert not coded.codes(weight)[0].any()
    assert math.isfinite(coded.take_lengths(weight))
    coded.price = 1.0
    assert gradient(coded, weight, torch.zeros(6, 5))[1:].isfinite().all()
