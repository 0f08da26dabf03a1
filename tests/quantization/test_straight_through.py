from __future__ import annotations

import pytest
import torch

from skdeepopt.quantization._straight_through import (
    Tape,
    to_signs,
    to_steps,
    to_table,
    to_three_values,
)

ROUNDINGS = {
    "steps": lambda weight: to_steps(weight, torch.full((len(weight),), 0.3), 7, 0.1),
    "three values": to_three_values,
    "signs": lambda weight: to_signs(weight, False),
    "scaled signs": lambda weight: to_signs(weight, True),
    "small table": lambda weight: to_table(weight, torch.linspace(-1, 1, 5), torch.ones(5)),
    "large table": lambda weight: to_table(weight, torch.linspace(-1, 1, 65), torch.ones(65)),
}


@pytest.mark.parametrize("name", ROUNDINGS)
def test_rounding_twice_changes_nothing(name):
    torch.manual_seed(0)
    once = ROUNDINGS[name](torch.randn(4, 5, 3, 3))

    torch.testing.assert_close(ROUNDINGS[name](once), once)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_the_memory_format_changes_neither_values_nor_gradients(name):
    torch.manual_seed(0)
    plain = torch.randn(4, 5, 3, 3).requires_grad_()
    last = plain.detach().clone(memory_format=torch.preserve_format)
    last = last.to(memory_format=torch.channels_last).requires_grad_()
    gradient = torch.randn(4, 5, 3, 3)

    values = [ROUNDINGS[name](weight) for weight in (plain, last)]
    values[0].backward(gradient)
    values[1].backward(gradient)

    assert values[1].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(plain.grad, last.grad)


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("shape", [(4, 1, 5, 5), (4, 3, 1, 1), (1, 3, 2, 2), (4, 1, 1, 1)])
def test_strides_stay_where_an_axis_is_of_length_1(name, shape):
    last = torch.randn(shape).to(memory_format=torch.channels_last)

    assert ROUNDINGS[name](last).stride() == last.stride()


@pytest.mark.parametrize("name", ROUNDINGS)
def test_a_weight_that_is_no_number_does_not_become_one(name):
    weight = torch.tensor([[0.5, torch.nan, -0.5]])

    assert ROUNDINGS[name](weight)[0, 1].isnan()


@pytest.mark.parametrize("name", ROUNDINGS)
def test_one_weight_far_away_moves_no_other_channel(name):
    torch.manual_seed(0)
    weight = torch.randn(3, 20)
    before = ROUNDINGS[name](weight)
    weight[0, 0] = 1e6

    assert torch.equal(ROUNDINGS[name](weight)[1:], before[1:])


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3, 1, 1, 1)])
def test_shapes_stay(name, shape):
    weight = torch.ones(shape, requires_grad=True)

    values = ROUNDINGS[name](weight)
    values.sum().backward()

    assert values.shape == weight.grad.shape == shape


LEARNING = {
    "steps": lambda weight, learned, tape: to_steps(weight, learned, 7, 0.1, tape),
    "three values": lambda weight, learned, tape: to_three_values(weight, tape),
    "scaled signs": lambda weight, learned, tape: to_signs(weight, True, tape),
    "table": lambda weight, learned, tape: to_table(weight, learned, torch.ones(4), tape),
}


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_tape_gives_autograds_values_and_gradients(name, memory_format):
    torch.manual_seed(0)
    weight, gradient = (torch.randn(4, 5, 3, 3).to(memory_format=memory_format) for _ in range(2))
    one, other = (torch.tensor([-0.4, 0.1, 0.2, 0.3], requires_grad=True) for _ in range(2))
    tape, followed = Tape(), weight.clone().requires_grad_()

    values = LEARNING[name](followed, one, None)
    values.backward(gradient)
    mine = LEARNING[name](weight, other, tape)
    by_weight = tape.backward(gradient)

    assert torch.equal(mine, values)
    assert torch.equal(by_weight, followed.grad)
    assert by_weight.stride() == weight.stride()
    assert (one.grad is None) == (other.grad is None)
    assert one.grad is None or torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("name", ROUNDINGS)
def test_autocast_changes_no_value(name):
    weight = torch.randn(4, 5, 3, 3)
    wanted = ROUNDINGS[name](weight)

    with torch.autocast("cpu", torch.bfloat16):
        values = ROUNDINGS[name](weight)

    assert torch.equal(values, wanted)


def test_a_step_that_does_not_learn_costs_no_gradient():
    weight, step = torch.randn(3, 4, requires_grad=True), torch.ones(3)

    to_steps(weight, step, 7, 0.1).sum().backward()

    assert step.grad is None
    assert weight.grad is not None


@pytest.mark.parametrize("edge", [-1.0, 1.0])
def test_signs_have_a_gradient_at_the_ends(edge):
    weight = torch.tensor([[edge, edge * 1.1]], requires_grad=True)

    to_signs(weight, True).sum().backward()

    assert weight.grad.tolist() == [[1, 0]]
