from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.quantization._activations import ActivationQuantizer, grid_gradients, on_grid

# A step near the smallest number that float32 holds cannot be halved.
ends = st.floats(-1e4, 1e4, width=32).map(lambda end: end if abs(end) > 1e-30 else 0.0)
bits = st.integers(2, 8)


def quantizer_for(low, high, n_bits=8):
    quantizer = ActivationQuantizer(n_bits).eval()
    quantizer.set_range(low, high)
    return quantizer


def assert_half_a_step_at_most(quantizer, values):
    slack = 1e-5 * float(values.abs().max())
    assert (quantizer(values) - values).abs().max() <= float(quantizer.scale) / 2 + slack


@settings(deadline=None)
@given(ends, ends, bits)
def test_inside_the_range_the_error_is_at_most_half_a_step(one, other, n_bits):
    low, high = sorted((one, other))

    quantizer = quantizer_for(low, high, n_bits)

    assert_half_a_step_at_most(quantizer, torch.linspace(min(low, 0), max(high, 0), 301))


@settings(deadline=None)
@given(ends, ends, bits)
def test_zero_is_exactly_on_the_grid(one, other, n_bits):
    quantizer = quantizer_for(*sorted((one, other)), n_bits)

    assert quantizer(torch.zeros(3)).tolist() == [0, 0, 0]
    assert 0 <= quantizer.zero_point <= 2**n_bits - 1


@settings(deadline=None)
@given(ends, ends, bits)
def test_what_is_on_the_grid_stays(one, other, n_bits):
    quantizer = quantizer_for(*sorted((one, other)), n_bits)
    once = quantizer(torch.randn(50) * 1e3)

    assert torch.equal(quantizer(once), once)


@settings(deadline=None)
@given(ends, ends, bits)
def test_a_grid_has_at_most_so_many_values_between_its_ends(one, other, n_bits):
    low, high = sorted((one, other))
    assume(high - low > 1e-3)
    quantizer = quantizer_for(low, high, n_bits)

    values = quantizer(torch.linspace(-3e4, 3e4, 2000)).unique()

    assert len(values) <= 2**n_bits
    assert (values[0].item(), values[-1].item()) == pytest.approx(quantizer.range)


def test_halves_are_rounded_to_even_as_onnx_does():
    quantizer = quantizer_for(0, 255)

    values = quantizer(torch.tensor([0.5, 1.5, 2.5, 254.5, 255.5, -0.5, 1e30]))

    assert values.tolist() == [0, 2, 2, 254, 255, 0, 255]


@pytest.mark.parametrize("low_and_high", [(0, 0), (-0.0, 0.0), (1e-60, 1e-60)])
def test_a_range_that_is_a_point_has_scale_one(low_and_high):
    quantizer = quantizer_for(*low_and_high)

    assert (float(quantizer.scale), int(quantizer.zero_point)) == (1, 0)


def test_a_grid_is_taken_over_as_it_is():
    one, other = quantizer_for(-1.3, 2.9), ActivationQuantizer()

    other.set_grid(float(one.scale), int(one.zero_point))

    assert torch.equal(other.scale, one.scale)
    assert other.range == one.range


@pytest.mark.parametrize("grid", [(0.0, 3), (math.nan, 3), (1.0, -1), (1.0, 256)])
def test_numbers_that_make_no_grid_are_refused(grid):
    with pytest.raises(ValueError, match=r"set_grid takes a finite scale above 0 and a zero_point"):
        ActivationQuantizer().set_grid(*grid)


@pytest.mark.parametrize("constant", [3.0, -3.0])
def test_a_constant_keeps_its_value(constant):
    quantizer = quantizer_for(constant, constant)

    assert quantizer(torch.tensor(constant)).item() == pytest.approx(constant, rel=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (2, -1, r"lower one first, not \(2, -1\). Did you mean \(-1, 2\)\?"),
        (math.nan, 1, r"not \(nan, 1\)"),
        (0, math.inf, r"not \(0, inf\)"),
    ],
)
def test_impossible_ranges_are_refused(low, high, message):
    with pytest.raises(ValueError, match=message):
        ActivationQuantizer().set_range(low, high)


@pytest.mark.parametrize(("n_bits", "error"), [(1, ValueError), (9, ValueError), (2.5, TypeError)])
def test_bits_are_from_two_to_eight(n_bits, error):
    with pytest.raises(error, match=r"ActivationQuantizer.bits is an integer"):
        ActivationQuantizer(n_bits)


@pytest.mark.parametrize("act", [lambda q: q(torch.ones(1)), lambda q: q.learn(True)])
def test_without_a_range_the_tensor_is_named(act):
    quantizer = ActivationQuantizer()
    quantizer.name = "features_0"

    with pytest.raises(RuntimeError, match="'features_0' has no range yet"):
        act(quantizer)


def test_values_that_are_not_numbers_stay_visible():
    assert quantizer_for(-1, 1)(torch.tensor([math.nan])).isnan().all()


def test_while_observed_inputs_pass_unchanged():
    class Kept:
        def observe(self, values):
            self.values = values

    quantizer, inputs = ActivationQuantizer(), torch.randn(5, requires_grad=True)
    quantizer.observer = Kept()

    assert quantizer(inputs) is inputs
    assert torch.equal(quantizer.observer.values, inputs)
    assert not quantizer.observer.values.requires_grad


def test_the_input_is_left_as_it_was():
    inputs = torch.randn(50)
    before = inputs.clone()

    quantizer_for(-1, 1)(inputs)

    assert torch.equal(inputs, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_the_format_of_the_input_is_kept(dtype):
    assert quantizer_for(-1, 1)(torch.ones(2, dtype=dtype)).dtype == dtype


def test_training_and_evaluation_give_the_same_values():
    quantizer, inputs = quantizer_for(-1, 2, 4), torch.randn(100)
    before = quantizer(inputs)
    quantizer.train().learn(True)

    assert torch.equal(quantizer(inputs.clone().requires_grad_()), before)


def test_the_gradient_passes_where_nothing_is_clipped():
    quantizer = quantizer_for(-1, 2)
    inputs = torch.tensor([-1.5, -0.5, 0.0, 1.9, 2.5], requires_grad=True)

    quantizer(inputs).sum().backward()

    assert inputs.grad.tolist() == [0, 1, 1, 1, 0]


def test_the_gradient_of_the_scale_is_that_of_the_paper():
    quantizer = quantizer_for(0, 3, 2)
    quantizer.learn(True)
    inputs = torch.tensor([[0.25, 1.75], [5.0, -4.0]])

    (quantizer(inputs) * torch.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()

    by_hand = 1 * (0 - 0.25) + 10 * (2 - 1.75) + 100 * 3 + 1000 * 0
    assert quantizer.scale.grad.item() == pytest.approx(by_hand / math.sqrt(2 * 3))


def by_autograd(quantizer, inputs, gradient):
    """Esser 2020, appendix A: the same in autograd's operations, in double precision."""
    step = quantizer.scale.detach().double().requires_grad_()
    zero, inputs = int(quantizer.zero_point), inputs.double().requires_grad_()
    ratio = (inputs / step).clamp(-zero, quantizer.top - zero)
    values = ((ratio.round() - ratio).detach() + ratio) * step
    values.backward(gradient.double())
    return inputs.grad, step.grad / math.sqrt(inputs[0].numel() * quantizer.top)


@settings(deadline=None)
@given(ends, ends, bits, st.integers(0, 2**32))
def test_the_gradients_are_those_of_the_paper(one, other, n_bits, seed):
    torch.manual_seed(seed)
    low, high = sorted((one, other))
    assume(high - low > 1e-3)
    quantizer = quantizer_for(low, high, n_bits)
    # Neither halfway between two values nor at an end, where the format would decide.
    codes, parts = torch.randint(-300, 300, (8, 30)), torch.rand(8, 30) * 0.4 + 0.05
    inputs, gradient = (codes + parts) * quantizer.scale, torch.randn(8, 30)
    wanted = by_autograd(quantizer, inputs, gradient)
    quantizer.learn(True)
    inputs.requires_grad_()

    quantizer(inputs).backward(gradient)

    assert torch.equal(inputs.grad, wanted[0].float())
    torch.testing.assert_close(quantizer.scale.grad, wanted[1].float(), rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(ends, ends, bits, st.integers(0, 2**32))
def test_in_bfloat16_only_the_result_is_rounded_further(one, other, n_bits, seed):
    quantizer = quantizer_for(*sorted((one, other)), n_bits)
    inputs = torch.randn(300, generator=torch.Generator().manual_seed(seed)) * one

    values, _ = on_grid(inputs.bfloat16(), quantizer.grid(), learns=False)

    assert torch.equal(values, quantizer(inputs.bfloat16().float()).bfloat16())


def test_in_bfloat16_the_gradient_of_the_scale_is_nearly_that_of_double_precision():
    torch.manual_seed(0)
    quantizer = quantizer_for(-100, 155)
    inputs, gradient = torch.randn(2, 16, 400).bfloat16()
    inputs = inputs * 60
    _, wanted = by_autograd(quantizer, inputs, gradient)
    quantizer.learn(True)

    quantizer(inputs).backward(gradient)

    assert quantizer.scale.grad.item() == pytest.approx(wanted.item(), rel=0.02)


@pytest.mark.parametrize("low", [0.0, -0.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_rectified_grid_does_what_a_relu_before_it_does(low, dtype):
    torch.manual_seed(0)
    quantizer = quantizer_for(low, 1.0)
    quantizer.learn(True)
    inputs, gradient = torch.randn(2, 8, 30).to(dtype)
    followed = inputs.clone().requires_grad_()
    grid = quantizer.grid(rectified=True)

    wanted = quantizer(torch.relu(followed))
    wanted.backward(gradient)
    values, slopes = on_grid(inputs, grid, learns=True)
    of_inputs, of_step = grid_gradients(gradient, inputs, slopes, grid)

    assert torch.equal(values, wanted)
    assert torch.equal(of_inputs, followed.grad)
    assert torch.equal(of_step, quantizer.scale.grad)


@pytest.mark.parametrize("learns", [False, True])
def test_the_memory_format_stays_in_both_passes(learns):
    quantizer = quantizer_for(-1, 1)
    quantizer.learn(learns)
    inputs = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()

    values = quantizer(inputs)
    values.backward(torch.ones_like(values))

    assert values.stride() == inputs.grad.stride() == inputs.stride()


def test_a_learned_scale_moves_towards_less_error():
    torch.manual_seed(0)
    quantizer, inputs = quantizer_for(0, 10, 3), torch.rand(64, 16)
    quantizer.learn(True)
    before = (quantizer(inputs) - inputs).square().mean().item()
    for _ in range(100):
        quantizer.scale.grad = None
        (quantizer(inputs) - inputs).square().mean().backward()
        quantizer.scale.data -= 10 * quantizer.scale.grad

    assert (quantizer(inputs) - inputs).square().mean() < before / 10


def test_a_scale_that_training_drives_below_zero_stays_a_grid():
    quantizer = quantizer_for(-1, 1)
    quantizer.learn(True)
    with torch.no_grad():
        quantizer.scale.fill_(-1)

    outputs = quantizer(torch.ones(3, requires_grad=True))
    outputs.sum().backward()
    quantizer.learn(False)

    assert outputs.isfinite().all()
    assert quantizer.scale > 0
    assert torch.equal(quantizer(torch.ones(3)), outputs)


def test_a_scale_is_a_parameter_while_it_is_learned_and_a_buffer_else():
    quantizer = quantizer_for(-1, 1)
    state = quantizer.state_dict()

    quantizer.learn(True)
    learning = dict(quantizer.named_parameters())
    quantizer.learn(False)

    assert list(learning) == ["scale"]
    assert not list(quantizer.parameters())
    assert {k: v.item() for k, v in quantizer.state_dict().items()} == {
        k: v.item() for k, v in state.items()
    }


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda quantizer: pickle.loads(pickle.dumps(quantizer))]
)
def test_a_copy_gives_the_same_values(duplicate, learns):
    quantizer, inputs = quantizer_for(-1, 2, 5), torch.randn(20)
    quantizer.learn(learns)

    twin = duplicate(quantizer)

    assert torch.equal(twin(inputs), quantizer(inputs))
    assert isinstance(twin.scale, nn.Parameter) == learns


@pytest.mark.parametrize("learns", [False, True])
def test_a_range_is_part_of_the_state(learns):
    quantizer, inputs = quantizer_for(-1, 2), torch.randn(20)
    quantizer.learn(learns)
    fresh = ActivationQuantizer()

    fresh.load_state_dict(quantizer.state_dict())

    assert torch.equal(fresh(inputs), quantizer(inputs))


def test_the_state_of_one_without_a_range_has_none():
    quantizer = quantizer_for(-1, 2)

    quantizer.load_state_dict(ActivationQuantizer().state_dict())

    with pytest.raises(RuntimeError, match="no range"):
        quantizer(torch.ones(1))


def test_an_empty_batch_has_a_gradient():
    quantizer = quantizer_for(-1, 1)
    quantizer.learn(True)

    quantizer(torch.zeros(0, 4, requires_grad=True)).sum().backward()

    assert quantizer.scale.grad.item() == 0


def test_its_description_has_the_range():
    assert repr(ActivationQuantizer(4)) == "ActivationQuantizer(bits=4)"
    quantizer = quantizer_for(0, 15, 4)
    assert repr(quantizer) == "ActivationQuantizer(bits=4, range=(0, 15))"
    quantizer.learn(True)
    assert repr(quantizer) == "ActivationQuantizer(bits=4, range=(0, 15))"
