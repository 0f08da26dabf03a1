from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepopt.nets import ResidualCNN
from skdeepopt.pruning._channels import ChannelCut
from skdeepopt.pruning._granularity import GRANULARITIES, check_granularity, cut_for
from skdeepopt.pruning._masks import bake_masks
from skdeepopt.pruning._residual import BlockCut
from skdeepopt.pruning._weights import WeightCut


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("granularity", [*GRANULARITIES, "2:4", "1:4", "7:8"])
def test_what_there_is_passes(granularity):
    check_granularity(granularity, owner="Owner")


@pytest.mark.parametrize(
    ("granularity", "told"),
    [
        ("chanel", "one of 'weight', 'channel', 'block'.*Did you mean 'channel'"),
        ("4:2", "Did you mean '2:4'"),
        ("0:4", "1 <= N < M"),
        ("4:4", "1 <= N < M"),
        ("-1:4", "1 <= N < M"),
        (":", "1 <= N < M"),
        ("", "one of"),
    ],
)
def test_what_there_is_not_is_refused_with_the_owners_name(granularity, told):
    with pytest.raises(ValueError, match=rf"^Owner\.granularity.*{told}"):
        check_granularity(granularity, owner="Owner")


@pytest.mark.parametrize("granularity", [None, 2, (2, 4), ["weight"]])
def test_what_is_no_word_is_refused_as_such(granularity):
    with pytest.raises(TypeError, match=r"^Owner\.granularity"):
        check_granularity(granularity, owner="Owner")


@pytest.mark.parametrize(
    ("granularity", "kind"), [("weight", WeightCut), ("channel", ChannelCut), ("2:4", WeightCut)]
)
def test_each_has_its_cut(network, granularity, kind):
    assert isinstance(cut_for(network, torch.zeros(1, 4), granularity=granularity), kind)


def test_blocks_have_their_cut():
    network = ResidualCNN((1, 8, 8), 3, widths=(4, 8), depth=2)

    assert isinstance(cut_for(network, torch.zeros(1, 1, 8, 8), granularity="block"), BlockCut)


@pytest.mark.parametrize("granularity", ["weight", "channel", "2:4"])
def test_a_ratio_of_zero_changes_no_answer(network, granularity):
    inputs = torch.randn(5, 4)
    before = network(inputs)

    cut_for(network, inputs, granularity=granularity).to(0)

    assert torch.equal(network(inputs), before)


@pytest.mark.parametrize(("pattern", "n_kept"), [("2:4", 2), ("1:4", 1), ("3:4", 3)])
def test_a_pattern_keeps_its_own_share_whatever_the_ratio(network, pattern, n_kept):
    cut_for(network, torch.zeros(1, 4), granularity=pattern).to(0.1)
    bake_masks(network)

    assert ((network[0].weight != 0).sum(1) == n_kept).all()


def test_multiply_adds_count_the_positions_of_a_convolution():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 4))
    cut = cut_for(
        network,
        torch.zeros(1, 1, 8, 8),
        granularity="weight",
        scope="multiply_adds",
        criterion=lambda weight, _: torch.full_like(weight, float(weight.ndim)),
    )

    cut.to(0.25)

    # The linear layer counts least: of 36 * 36 + 576 multiply-adds, 468 go there.
    assert [layer.kept for layer in cut.kept()] == [36, 576 - 468]


def test_the_seed_decides_what_goes_at_random(network):
    def kept(seed):
        copied, example = copy.deepcopy(network), torch.zeros(1, 4)
        cut_for(copied, example, granularity="weight", criterion="random", seed=seed).to(0.5)
        return (copied[0].weight != 0).tolist()

    assert kept(0) == kept(0) != kept(1)
