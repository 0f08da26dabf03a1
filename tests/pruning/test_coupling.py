from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.pruning._coupling import coupled_channels
from skdeepopt.pruning._trace import UntraceableError


def test_a_channel_is_in_all_layers_from_its_first_to_its_readers():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)
    )

    (group,) = coupled_channels(network, torch.zeros(1, 1, 5, 5))

    assert [(part.name, part.side) for part in group.slices] == [
        ("0", "out"), ("1", "both"), ("4", "in"),
    ]  # fmt: skip
    assert group.slices[2].channel.tolist() == [i // 9 for i in range(36)]


def test_groups_come_in_the_order_of_their_layers():
    network = nn.Sequential(*[nn.Linear(4, 4) for _ in range(5)])

    groups = coupled_channels(network, torch.zeros(1, 4))

    assert [group.root for group in groups] == ["0", "1", "2", "3"]


def test_a_layer_that_is_never_run_is_in_no_group():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].unused = nn.Linear(4, 4)

    (group,) = coupled_channels(network, torch.zeros(1, 4))

    assert [part.name for part in group.slices] == ["0", "1"]


def test_a_layer_that_gets_more_channels_than_it_has_is_named():
    # Pooling over features: a reader has half as many as are emitted.
    network = nn.Sequential(nn.Linear(4, 6), nn.MaxPool1d(2), nn.Linear(3, 2))

    with pytest.raises(UntraceableError, match="'2' does not have the channels"):
        coupled_channels(network, torch.zeros(1, 4))
