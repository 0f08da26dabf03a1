from __future__ import annotations

import operator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skdeepopt.lowering._onnx import to_onnx
from tests.lowering.conftest import assert_same_answers, assert_simulated, operators, prepared


class Between(nn.Module):
    """A function between two linear layers."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.function, self.last = nn.Linear(4, 6), function, nn.Linear(6, 3)

    def forward(self, inputs):
        return self.last(self.function(self.first(inputs)))


FUNCTIONS = {
    "relu": nn.ReLU(inplace=True),
    "relu6": nn.ReLU6(),
    "hardtanh": nn.Hardtanh(-0.3, 0.4),
    "F.hardtanh": lambda x: F.hardtanh(x, -0.3, max_val=0.4),
    "clamp": lambda x: x.clamp(-0.1, 0.4),
    "clamp below": lambda x: torch.clamp(x, min=0.1),
    "sigmoid": nn.Sigmoid(),
    "tanh": torch.tanh,
    "gelu": nn.GELU(),
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": nn.SiLU(),
    "elu": nn.ELU(0.5),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "hardswish": nn.Hardswish(),
    "softplus": nn.Softplus(),
    "softplus 2": lambda x: F.softplus(x, beta=2.0),
    "add": lambda x: x + x.sigmoid(),
    "subtract": lambda x: 1 - x,
    "multiply": lambda x: x * torch.sigmoid(x),
    "divide": lambda x: torch.div(x, 3),
    "by a size": lambda x: x / x.size(1),
    "in place": lambda x: operator.iadd(x, 1).mul_(2),
    "dropout": nn.Dropout(),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_of_each_number_gives_its_answers(function):
    assert_same_answers(Between(function), torch.randn(5, 4))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_of_each_number_gives_the_simulated_answers(function, bits):
    assert_simulated(Between(function), torch.randn(64, 4), bits=bits, tolerance=0.16 / bits)


@pytest.mark.parametrize("name", ["relu", "relu6"])
def test_clipping_that_the_codes_do_anyway_is_not_written(name):
    model = assert_simulated(Between(FUNCTIONS[name]), torch.randn(64, 4))

    assert not {"Relu", "Clip"} & set(operators(model))


def test_a_rectifier_behind_a_pool_clips_codes():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)
    )

    model = assert_simulated(network, torch.randn(32, 1, 8, 8))

    assert "Relu" not in operators(model)
    assert "Clip" in operators(model)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.add(x, x, alpha=2), "alpha or rounding_mode of operation 'add'"),
        (lambda x: x.div(2, rounding_mode="floor"), "alpha or rounding_mode of operation 'div'"),
        (lambda x: x.clamp(max=x), "a bound that is a tensor of operation 'clamp'"),
    ],
)
def test_what_cannot_be_written_is_refused(function, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(prepared(Between(function)), (4,))
