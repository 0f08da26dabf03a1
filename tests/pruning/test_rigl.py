from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.pruning._masks import masks_of, set_masks
from skdeepopt.pruning._rigl import RigL, erdos_renyi_kernel_counts

SHAPES = st.lists(st.lists(st.integers(1, 12), min_size=2, max_size=4), min_size=1, max_size=5)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 2))


def step(network, optimizer):
    optimizer.zero_grad()
    network(torch.randn(16, 8)).square().mean().backward()
    optimizer.step()


def trained(network, hook, n_steps):
    """Masks after each step."""
    hook.before_training(n_steps)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    masks = []
    for count in range(n_steps):
        step(network, optimizer)
        hook.after_step((count + 1) / n_steps)
        masks.append(masks_of(network))
    return masks


@settings(deadline=None)
@given(SHAPES, st.data())
def test_counts_are_whole_and_possible_and_add_up(shapes, data):
    at_most = [torch.Size(shape).numel() for shape in shapes]
    n_kept = data.draw(st.integers(len(shapes), sum(at_most)))

    counts = erdos_renyi_kernel_counts(shapes, n_kept, at_most=at_most)

    assert sum(counts) == n_kept
    assert all(1 <= count <= most for count, most in zip(counts, at_most, strict=True))


def test_counts_are_in_proportion_to_the_sums_of_the_sides():
    counts = erdos_renyi_kernel_counts([(10, 20), (40, 20)], 90, at_most=[200, 800])

    assert counts == [30, 60]


def test_a_layer_that_is_too_small_for_its_part_keeps_everything():
    counts = erdos_renyi_kernel_counts([(4, 1), (20, 20)], 154, at_most=[4, 400])

    assert counts == [4, 150]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 0.98))
def test_the_network_is_as_sparse_as_asked_from_the_first_step(ratio):
    network = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 2))

    RigL(network, ratio).before_training(10)

    assert sum(int((network[i].weight != 0).sum()) for i in (0, 2)) == 200 - round(200 * ratio)


def test_each_layers_count_stays_while_its_weights_move(network):
    masks = trained(network, RigL(network, 0.8, update_every=2), 20)

    assert len({(int(mask["0"].sum()), int(mask["2"].sum())) for mask in masks}) == 1
    assert not torch.equal(masks[0]["0"], masks[-1]["0"])


def test_nothing_moves_after_the_end(network):
    masks = trained(network, RigL(network, 0.8, update_every=1, end=0.5), 10)

    assert not torch.equal(masks[0]["0"], masks[3]["0"])
    assert torch.equal(masks[4]["0"], masks[-1]["0"])


def test_a_move_drops_the_smallest_and_grows_where_the_dense_gradient_is_largest(network):
    hook = RigL(network, 0.5, drop_fraction=0.5, update_every=1, end=0.9)
    hook.before_training(1000)
    before = masks_of(network)["0"]
    weight = network[0].weight.detach().abs()
    inputs = torch.randn(16, 8)
    dense = copy.deepcopy(network)
    network(inputs).square().mean().backward()
    dense_gradient = _dense_gradient(dense, inputs).abs()

    hook.after_step(1 / 1000)

    after = masks_of(network)["0"]
    grown, dropped = after & ~before, before & ~after
    assert grown.any()
    assert weight[dropped].max() <= weight[before & after].median()
    assert dense_gradient[grown].min() >= dense_gradient[~after].max()


def _dense_gradient(network, inputs):
    plain = nn.Linear(8, 20)
    plain.load_state_dict({"weight": network[0].weight.detach(), "bias": network[0].bias.detach()})
    network[2](plain(inputs).relu()).square().mean().backward()
    return plain.weight.grad


def test_grown_weights_start_at_zero(network):
    hook = RigL(network, 0.5, update_every=1)
    hook.before_training(1000)
    before = masks_of(network)["0"]
    network(torch.randn(16, 8)).square().mean().backward()

    hook.after_step(1 / 1000)

    grown = masks_of(network)["0"] & ~before
    assert grown.any()
    assert not network[0].weight[grown].any()


def test_masks_that_were_there_are_never_grown_into(network):
    held = torch.rand(20, 8) < 0.5
    set_masks(network, {"0": held})
    hook = RigL(network, 0.8, update_every=1)

    trained(network, hook, 20)

    assert not (masks_of(network)["0"] & ~held).any()


def test_gradients_of_masked_weights_are_kept_only_for_steps_that_move(network):
    hook = RigL(network, 0.8, update_every=3, end=1.0)
    hook.before_training(9)
    masks = network[0].parametrizations.weight[0]

    watched = [masks.watched] + [hook.after_step(n / 9) or masks.watched for n in (1, 2, 3)]

    assert watched == [False, False, True, False]


def test_after_training_the_zeros_are_in_plain_weights(network):
    hook = RigL(network, 0.8, update_every=2)
    trained(network, hook, 10)
    masks = masks_of(network)

    hook.after_training()

    assert type(network[0]) is nn.Linear
    assert not network[0].weight[~masks["0"]].any()


def test_the_first_masks_depend_on_the_seed_alone(network):
    twin = copy.deepcopy(network)
    state = torch.get_rng_state()

    RigL(network, 0.8, seed=3).before_training(10)
    RigL(twin, 0.8, seed=3).before_training(10)

    assert torch.equal(masks_of(network)["0"], masks_of(twin)["0"])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 80}, "RigL.ratio is a ratio"),
        ({"drop_fraction": 1.5}, "RigL.drop_fraction is a ratio"),
        ({"update_every": 0}, "RigL.update_every is an integer"),
        ({"end": 75}, "RigL.end is a share of the training in .0, 1., not 75. Did you mean 0.75"),
    ],
)
def test_options_are_checked_at_the_door(network, options, message):
    with pytest.raises(ValueError, match=message):
        RigL(network, **{"ratio": 0.8, **options})
