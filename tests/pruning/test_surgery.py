from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.pruning._surgery import (
    BOTH,
    IN,
    OUT,
    in_format_of,
    keep_positions,
    match_sizes,
    relative_period,
    side_size,
)

CASES = {
    "linear, out": (nn.Linear(6, 8), OUT, nn.Linear(6, 3)),
    "linear, in": (nn.Linear(8, 6), IN, nn.Linear(3, 6)),
    "convolution, out": (nn.Conv2d(2, 8, 3), OUT, nn.Conv2d(2, 3, 3)),
    "convolution, in": (nn.Conv1d(8, 2, 3, bias=False), IN, nn.Conv1d(3, 2, 3, bias=False)),
    "transposed, out": (nn.ConvTranspose2d(2, 8, 3), OUT, nn.ConvTranspose2d(2, 3, 3)),
    "transposed, in": (nn.ConvTranspose2d(8, 2, 3), IN, nn.ConvTranspose2d(3, 2, 3)),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), BOTH, nn.Conv2d(3, 3, 3, groups=3)),
    "depthwise, transposed": (
        nn.ConvTranspose2d(8, 8, 3, groups=8), BOTH, nn.ConvTranspose2d(3, 3, 3, groups=3),
    ),
    "batch norm": (nn.BatchNorm2d(8), BOTH, nn.BatchNorm2d(3)),
    "bare batch norm": (
        nn.BatchNorm2d(8, affine=False, track_running_stats=False), BOTH,
        nn.BatchNorm2d(3, affine=False, track_running_stats=False),
    ),
    "instance norm": (nn.InstanceNorm1d(8), BOTH, nn.InstanceNorm1d(3)),
    "layer norm": (nn.LayerNorm(8), BOTH, nn.LayerNorm(3)),
    "group norm of single channels": (nn.GroupNorm(8, 8), BOTH, nn.GroupNorm(3, 3)),
    "slopes": (nn.PReLU(8), BOTH, nn.PReLU(3)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_layer_shrinks_to_what_a_small_one_is_in_case_of(case):
    layer, side, small = CASES[case]

    keep_positions(layer, side, torch.tensor([0, 4, 7]))

    assert repr(layer) == repr(small)
    assert [tensor.shape for tensor in layer.state_dict().values()] == [
        tensor.shape for tensor in small.state_dict().values()
    ]


def test_the_entries_that_are_kept_are_those_that_were_asked_for():
    layer = nn.Conv2d(2, 8, 3)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    kept = torch.tensor([1, 2, 6])

    keep_positions(layer, OUT, kept)

    assert torch.equal(layer.weight, weight[kept])
    assert torch.equal(layer.bias, bias[kept])


@pytest.mark.parametrize(
    ("layer", "side", "shape"),
    [
        (nn.Conv2d(8, 12, 3, groups=4), IN, (12, 1, 3, 3)),
        (nn.Conv2d(6, 8, 3, groups=2), OUT, (4, 3, 3, 3)),
        (nn.ConvTranspose2d(8, 12, 3, groups=4), IN, (4, 3, 3, 3)),
        (nn.ConvTranspose2d(6, 8, 3, groups=2), OUT, (6, 2, 3, 3)),
    ],
)
def test_the_groups_of_a_grouped_convolution_lose_the_same_place(layer, side, shape):
    period = relative_period(layer, side, side_size(layer, side))
    places = torch.arange(side_size(layer, side))
    n_groups = layer.groups

    keep_positions(layer, side, places[places % period < period // 2])

    assert tuple(layer.weight.shape) == shape
    assert (layer.groups, side_size(layer, side)) == (n_groups, len(places) // 2)
    assert layer(torch.zeros(1, layer.in_channels, 5, 5)).shape[1] == layer.out_channels


def test_a_layer_norm_over_several_axes_has_no_channels_that_are_known():
    assert side_size(nn.LayerNorm((4, 5)), BOTH) == 0


def test_channels_last_stays_and_shares_no_storage():
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)

    copied = in_format_of(weight, weight[:2])

    assert copied.is_contiguous(memory_format=torch.channels_last)
    assert copied.data_ptr() != weight.data_ptr()


def test_sizes_follow_the_tensors():
    layer = nn.Linear(4, 6)
    layer.weight = nn.Parameter(torch.zeros(2, 3))

    match_sizes(layer)

    assert (layer.in_features, layer.out_features) == (3, 2)
