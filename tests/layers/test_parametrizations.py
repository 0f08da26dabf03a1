from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.layers._parametrizations import (
    add_parametrization,
    drop_parametrization,
    parametrizations_of,
)


class Double(nn.Module):
    """Parametrization by half of a number."""

    def forward(self, half):
        return 2 * half

    def right_inverse(self, whole):
        return whole / 2


class Same(nn.Module):
    """Parametrization by the number itself."""

    def forward(self, number):
        return number

    def right_inverse(self, number):
        return number


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_one_that_was_added_and_dropped_leaves_the_layer_as_it_was(layer, name):
    before, kind = copy.deepcopy(layer.state_dict()), type(layer)

    add_parametrization(layer, name, Same())
    drop_parametrization(layer, Same, name)

    assert type(layer) is kind
    assert list(layer.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[key]) for key, tensor in layer.state_dict().items())


@pytest.mark.parametrize("order", [("weight", "bias"), ("bias", "weight")])
def test_weight_and_bias_can_both_have_one(layer, order):
    before = copy.deepcopy(layer.state_dict())
    for name in order:
        add_parametrization(layer, name, Same())

    drop_parametrization(layer, Same, order[0])
    assert not is_parametrized(layer, order[0])
    assert is_parametrized(layer, order[1])
    drop_parametrization(layer, Same, order[1])

    assert list(layer.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[key]) for key, tensor in layer.state_dict().items())


def test_the_others_of_the_same_parameter_stay(layer):
    add_parametrization(layer, "bias", Double())
    add_parametrization(layer, "bias", Same())
    bias = layer.bias.detach().clone()

    drop_parametrization(layer, Same, "bias")

    assert [type(part) for part in parametrizations_of(layer, "bias")] == [Double]
    assert torch.equal(layer.bias, bias)


def test_those_of_the_other_parameter_stay(layer):
    add_parametrization(layer, "weight", Same())
    add_parametrization(layer, "bias", Same())

    drop_parametrization(layer, Same)

    assert not is_parametrized(layer, "weight")
    assert is_parametrized(layer, "bias")


def test_dropping_what_is_not_there_changes_nothing(layer):
    add_parametrization(layer, "bias", Double())

    drop_parametrization(layer, Same, "bias")

    assert [type(part) for part in parametrizations_of(layer, "bias")] == [Double]


def test_a_copy_does_not_notice_that_another_parameter_gets_one(layer):
    add_parametrization(layer, "weight", Same())
    twin, inputs = copy.deepcopy(layer), torch.randn(4, 3)
    before = twin(inputs)

    add_parametrization(layer, "bias", Double())

    assert torch.equal(twin(inputs), before)
    assert not is_parametrized(twin, "bias")


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_copy_keeps_what_the_layer_drops(layer, name):
    add_parametrization(layer, name, Double())
    twin, inputs = copy.deepcopy(layer), torch.randn(4, 3)
    before = twin(inputs)

    drop_parametrization(layer, Double, name)

    assert torch.equal(twin(inputs), before)
    assert is_parametrized(twin, name)
