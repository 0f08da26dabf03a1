from __future__ import annotations

import pytest
import torch

from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._histogram import Histogram
from skdeepopt.quantization._ranges import entropy_range, mse_range, percentile_range


def histogram_of(values):
    histogram = Histogram()
    histogram.add(values, values.min().item(), values.max().item())
    return histogram


def error_at(values, ends, bits):
    quantizer = ActivationQuantizer(bits)
    quantizer.set_range(*ends)
    return (quantizer(values) - values).square().mean().item()


@pytest.fixture
def gaussian():
    return torch.randn(20000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_no_range_on_a_coarse_raster_has_a_smaller_squared_error(gaussian, bits):
    low, high = gaussian.min().item(), gaussian.max().item()
    shares = [share / 10 for share in range(1, 11)]
    tried = [(low * one, high * other) for one in shares for other in shares]

    found = mse_range(histogram_of(gaussian), low, high, bits)

    best = min(error_at(gaussian, ends, bits) for ends in tried)
    assert error_at(gaussian, found, bits) <= best * 1.02


def test_a_lone_extreme_is_clipped_though_a_bin_is_wider_than_the_step(gaussian):
    values = torch.cat([gaussian.abs() / 100, torch.tensor([20.0])])

    low, high = mse_range(histogram_of(values), 0, 20, 2)

    assert low == 0
    assert error_at(values, (low, high), 2) < error_at(values, (0, 20), 2) * 1.01


def test_values_on_a_grid_already_keep_it():
    values = torch.arange(256) / 255

    assert mse_range(histogram_of(values), 0, 1, 8) == (0, 1)


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_zeros_do_not_move_the_ends(gaussian, share):
    zeros = torch.zeros(int(len(gaussian) * share / (1 - share)))
    bare, padded = histogram_of(gaussian), histogram_of(torch.cat([gaussian, zeros]))
    low, high = gaussian.min().item(), gaussian.max().item()

    assert mse_range(padded, low, high, 4) == mse_range(bare, low, high, 4)
    assert entropy_range(padded, 8) == entropy_range(bare, 8)


def test_a_percentile_leaves_out_that_share_on_either_side(gaussian):
    low, high = percentile_range(histogram_of(gaussian), 99.0)

    assert (gaussian < low).float().mean() == pytest.approx(0.01, abs=0.001)
    assert (gaussian > high).float().mean() == pytest.approx(0.01, abs=0.001)


def test_a_percentile_of_few_values_is_their_range():
    low, high = percentile_range(histogram_of(torch.tensor([-1.0, 0.5, 2.0])), 99.99)

    assert low == -1
    assert high == pytest.approx(2, abs=0.002)


def test_entropy_clips_a_long_tail_and_keeps_a_flat_one(gaussian):
    tail = torch.cat([gaussian.abs(), torch.tensor([50.0])])
    flat = torch.linspace(0, 1, 20000)

    assert entropy_range(histogram_of(tail), 8)[1] < 25
    assert entropy_range(histogram_of(flat), 8)[1] > 0.9


def test_entropy_is_the_same_for_mirrored_values(gaussian):
    left, right = (entropy_range(histogram_of(sign * gaussian.abs()), 8) for sign in (-1, 1))

    assert left == pytest.approx((-right[1], -right[0]), rel=0.01)
