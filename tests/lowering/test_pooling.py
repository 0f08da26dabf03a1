from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from skdeepopt.lowering._onnx import to_onnx
from tests.lowering.conftest import assert_same_answers, assert_simulated, operators, prepared


class Pooled(nn.Module):
    """A function of images between a convolution and a linear layer."""

    def __init__(self, function, side=9):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.function = nn.Conv2d(2, 4, 1), function
        n_numbers = function(torch.zeros(1, 4, side, side)).numel()
        self.last = nn.Linear(n_numbers, 3)

    def forward(self, images):
        return self.last(self.function(self.first(images)).flatten(1))


FUNCTIONS = {
    "max": nn.MaxPool2d(2),
    "max, padded": nn.MaxPool2d(3, 2, 1),
    "max, dilated": lambda x: F.max_pool2d(x, 2, stride=1, dilation=3),
    "max, rounded up": nn.MaxPool2d(2, ceil_mode=True),
    "max, padded and rounded up": nn.MaxPool2d(3, (3, 2), 1, ceil_mode=True),
    "average": nn.AvgPool2d(2),
    "average, padded": nn.AvgPool2d(3, 2, 1),
    "average, without padding in it": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "average, rounded up": lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
    "adaptive to one": nn.AdaptiveAvgPool2d(1),
    "adaptive to its own size": nn.AdaptiveAvgPool2d((None, 9)),
    "adaptive, even": nn.AdaptiveAvgPool2d(3),
    "adaptive, overlapping": nn.AdaptiveAvgPool2d((2, 8)),
    "adaptive, uneven": nn.AdaptiveAvgPool2d((4, 5)),
    "mean": lambda x: x.mean((2, 3)),
    "mean, kept": lambda x: x.mean((-1, -2), keepdim=True),
    "mean of channels": lambda x: x.mean(1),
    "mean of rows": lambda x: torch.mean(x, dim=2),
    "mean along an axis": lambda x: torch.mean(x, axis=3),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_pool_gives_its_answers(function):
    assert_same_answers(Pooled(function), torch.randn(5, 2, 9, 9))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_pool_gives_the_simulated_answers(function):
    assert_simulated(Pooled(function), torch.randn(32, 2, 9, 9))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_adaptive_pools_of_any_size_give_their_answers(side, height, width):
    network = Pooled(nn.AdaptiveAvgPool2d((height, width)), side)

    assert_same_answers(network, torch.randn(2, 2, side, side))


@settings(deadline=None, max_examples=20)
@given(st.data(), st.booleans(), st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
def test_pools_of_any_window_give_their_answers(data, rounds_up, pool):
    kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    padding = data.draw(st.integers(0, kernel // 2))
    settings = {"count_include_pad": False} if pool is nn.AvgPool2d else {}
    layer = pool(kernel, stride, padding, ceil_mode=rounds_up, **settings)

    assert_same_answers(Pooled(layer), torch.randn(2, 2, 9, 9))


def test_the_largest_of_codes_is_taken_without_floats():
    model = assert_simulated(Pooled(nn.MaxPool2d(2)), torch.randn(32, 2, 9, 9))

    run = operators(model)
    assert run.index("QuantizeLinear") < run.index("MaxPool")
    assert run[run.index("MaxPool") - 1] == "QuantizeLinear"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override of layer 'function'"),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), "ceil_mode together with count_include_pad"),
    ],
)
def test_what_cannot_be_written_is_refused(function, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(prepared(Pooled(function, 10)), (2, 10, 10))


def test_uneven_windows_in_three_dimensions_are_refused():
    network = nn.Sequential(nn.AdaptiveAvgPool3d(3), nn.Flatten())

    with pytest.raises(ValueError, match="windows of several sizes in three dimensions"):
        to_onnx(prepared(network), (1, 5, 5, 5))


def test_indices_are_refused():
    class Indexed(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)

        def forward(self, images):
            return self.pool(images)[0]

    with pytest.raises(ValueError, match="the indices of layer 'pool'"):
        to_onnx(prepared(Indexed()), (1, 4, 4))
