from __future__ import annotations

import pytest
from torch import nn

from skdeepopt.quantization._network import better_in_float


def network(inputs, outputs, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, groups=groups), nn.Conv2d(outputs, 16, 3)
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride"),
    [(1, 16, 1), (3, 48, 1), (1, 6, 1), (4, 24, 2), (1, 12, (2, 1))],
)
def test_a_first_convolution_of_few_channels_stays_in_float(inputs, outputs, stride):
    assert better_in_float(network(inputs, outputs, stride)) == ("0",)


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "groups"), [(8, 16, 1, 1), (1, 20, 1, 1), (2, 4, 1, 2)]
)
def test_one_that_gathers_much_or_writes_much_does_not(inputs, outputs, stride, groups):
    assert better_in_float(network(inputs, outputs, stride, groups)) == ()


def test_a_linear_layer_does_not():
    assert better_in_float(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))) == ()
