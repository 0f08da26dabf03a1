from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.measurement._multiply_adds import count_multiply_adds, multiply_adds_by_layer

CASES = [
    (nn.Linear(7, 5), (1, 7), 35),
    (nn.Conv2d(3, 8, 3, padding=1), (1, 3, 10, 10), 8 * 100 * 3 * 9),
    (nn.Conv2d(4, 8, 3, padding=1, groups=2), (1, 4, 10, 10), 8 * 100 * 2 * 9),
    (nn.Conv2d(1, 2, 3, stride=2), (1, 1, 7, 7), 2 * 9 * 9),
    (nn.ConvTranspose2d(3, 8, 2, stride=2), (1, 3, 5, 5), 3 * 25 * 8 * 4),
]


@pytest.mark.parametrize(("layer", "shape", "expected"), CASES)
def test_the_count_is_the_product_of_the_shapes(layer, shape, expected):
    inputs = torch.zeros(shape)

    assert count_multiply_adds(layer, lambda: layer(inputs)) == expected


def test_counts_add_up_over_layers_and_over_samples():
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    inputs = torch.zeros(6, 4)

    assert count_multiply_adds(network, lambda: network(inputs)) == 6 * (4 * 8 + 8 * 3)


def test_a_transposed_convolution_costs_as_much_as_the_convolution_it_transposes():
    there, back = nn.Conv2d(3, 6, 4, stride=4), nn.ConvTranspose2d(6, 3, 4, stride=4)
    images = torch.zeros(1, 3, 16, 16)
    maps = there(images)

    forward = count_multiply_adds(there, lambda: there(images))

    assert forward == count_multiply_adds(back, lambda: back(maps))


def test_no_hook_stays_behind_when_the_run_raises():
    layer = nn.Linear(4, 2)

    with pytest.raises(RuntimeError):
        count_multiply_adds(layer, lambda: layer(torch.zeros(1, 5)))

    assert not layer._forward_hooks


def test_a_run_that_never_reaches_the_module_counts_nothing():
    assert count_multiply_adds(nn.Linear(4, 2), lambda: None) == 0


def test_counts_by_layer_add_up_to_the_count_of_the_network():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3), nn.ReLU())
    inputs = torch.zeros(1, 1, 4, 4)

    counts = multiply_adds_by_layer(network, lambda: network(inputs))

    assert counts == {"0": 2 * 4 * 9, "2": 24}
    assert sum(counts.values()) == count_multiply_adds(network, lambda: network(inputs))


def test_a_layer_that_is_used_twice_counts_twice():
    layer = nn.Linear(4, 4)

    counts = multiply_adds_by_layer(layer, lambda: layer(layer(torch.zeros(1, 4))))

    assert counts == {"": 32}


def test_a_layer_that_is_never_reached_counts_nothing():
    network = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])

    counts = multiply_adds_by_layer(network, lambda: network[1](torch.zeros(1, 4)))

    assert counts == {"0": 0, "1": 8}
