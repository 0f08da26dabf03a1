from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.pruning._masks import bake_masks
from skdeepopt.pruning._rewinding import EarlyWeights, Rewound, rewinding_ratios
from skdeepopt.pruning._weights import WeightCut

RATIO = st.floats(0, 0.999)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))


@settings(deadline=None)
@given(RATIO)
def test_the_rounds_rise_and_end_at_the_ratio(ratio):
    ratios = rewinding_ratios(ratio)

    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(ratio, abs=1e-12)


@settings(deadline=None)
@given(RATIO)
def test_every_round_keeps_the_same_share_and_at_least_four_fifths(ratio):
    kept = [1.0, *(1 - r for r in rewinding_ratios(ratio))]

    shares = [after / before for before, after in pairwise(kept)]
    assert shares == pytest.approx([shares[0]] * len(shares), rel=1e-6)
    assert min(shares) >= 0.8 - 1e-6


@settings(deadline=None)
@given(RATIO)
def test_there_are_no_more_rounds_than_needed(ratio):
    n_rounds = len(rewinding_ratios(ratio))

    assert n_rounds == 1 or 0.8 ** (n_rounds - 1) > 1 - ratio - 1e-6


def test_the_weights_of_one_moment_are_remembered_and_no_later_ones(network):
    hook = EarlyWeights(network, at=0.5)
    hook.before_training(4)

    def stepped(step):
        nn.init.constant_(network[0].weight, step)
        hook.after_step(step / 4)
        return hook.weights.get("0.weight", torch.zeros(1)).max().item()

    assert [stepped(step) for step in (1, 2, 3, 4)] == [0, 2, 2, 2]


def test_statistics_of_batch_norms_are_remembered_too(network):
    hook = EarlyWeights(network, at=0.0)
    hook.after_step(0.1)

    assert hook.weights.keys() == network.state_dict().keys()


def cut_and_rewound(network, ratio):
    early = {name: value + 1 for name, value in network.state_dict().items()}
    trained = network[0].weight.detach().clone()
    cut = WeightCut(network, "magnitude", scope="layer")
    Rewound(cut, ratio, network, early).before_training(1)
    return early, trained


def test_what_is_left_is_as_it_was_early_and_chosen_by_what_it_became(network):
    early, trained = cut_and_rewound(network, 0.5)

    kept = network[0].weight != 0
    assert trained.abs()[kept].min() >= trained.abs()[~kept].max()
    assert torch.equal(network[0].weight[kept], early["0.weight"][kept])
    assert torch.equal(network[1].running_mean, early["1.running_mean"])
    assert torch.equal(network[0].bias, early["0.bias"])


def test_what_was_removed_stays_zero_when_the_masks_are_baked(network):
    cut_and_rewound(network, 0.5)
    bake_masks(network)

    assert int((network[0].weight == 0).sum()) == 16


def test_a_ratio_of_zero_rewinds_alone(network):
    early, _ = cut_and_rewound(network, 0.0)

    assert all(torch.equal(early[n], value) for n, value in network.state_dict().items())


def test_parameters_stay_the_ones_that_an_optimizer_knows(network):
    before = list(network.parameters())

    cut_and_rewound(network, 0.5)

    assert {id(p) for p in before} == {id(p) for p in network.parameters()}
