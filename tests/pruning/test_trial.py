from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepopt.pruning._coupling import coupled_channels
from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice
from skdeepopt.pruning._masks import masks_of, set_masks
from skdeepopt.pruning._trial import check_removable, trial_copy

EXAMPLE = torch.zeros(5, 4)


def make_network():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def wrong_group():
    """Reads each channel at the place of its neighbour."""
    emitted = ChannelSlice("0", "out", torch.arange(6))
    read = ChannelSlice("2", "in", torch.arange(6).roll(1))
    return ChannelGroup("0", 6, (emitted, read))


def test_a_copy_to_experiment_on_is_precise_and_of_other_weights():
    network = make_network().train()

    trial, sample = trial_copy(network, EXAMPLE)

    assert not trial.training
    assert network.training
    assert (sample.shape, sample.dtype) == ((2, 4), torch.float64)
    assert trial[0].weight.dtype == torch.float64
    assert not torch.equal(trial[0].weight.float(), network[0].weight)


def test_the_copy_of_a_masked_network_has_no_masks_and_the_network_keeps_its_own():
    network = make_network()
    set_masks(network, {"0": torch.eye(6, 4, dtype=torch.bool)})

    trial, _ = trial_copy(network, EXAMPLE)

    assert masks_of(trial) == {}
    assert torch.equal(network[0].weight != 0, torch.eye(6, 4, dtype=torch.bool))


def test_right_groups_pass_and_leave_the_copy_alone():
    trial, sample = trial_copy(make_network(), EXAMPLE)
    before = copy.deepcopy(trial.state_dict())

    check_removable(trial, sample, coupled_channels(trial, sample), "Test")

    torch.testing.assert_close(trial.state_dict(), before, atol=0, rtol=0)


def test_a_group_that_mixes_up_its_channels_is_found_out():
    trial, sample = trial_copy(make_network(), EXAMPLE)

    with pytest.raises(ValueError, match=r"Test\.module .* the answer changes .* of '0'"):
        check_removable(trial, sample, [wrong_group()], "Test")


def test_a_group_that_misses_a_reader_is_found_out_with_the_reader_named():
    trial, sample = trial_copy(make_network(), EXAMPLE)
    group = ChannelGroup("0", 6, wrong_group().slices[:1])

    with pytest.raises(ValueError, match=r"where '2' fails .* without some channels of '0'"):
        check_removable(trial, sample, [group], "Test")
