from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from skdeepopt.nets import ARCHITECTURES, TransferNetwork, build_network
from skdeepopt.training._hook import Hooks
from skdeepopt.transfer import GradualUnfreezing, RatesByDepth, rates_by_depth, stages
from tests.transfer.conftest import Interrupts, changed, values


class Backwards(nn.Module):
    """Runs its layers in another order than it defines them in."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Linear(3, 2), nn.Linear(4, 3)
        self.offset = nn.Parameter(torch.zeros(3))

    def forward(self, inputs):
        return self.last(self.first(inputs) + self.offset)


class Unfollowable(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, inputs):
        return self.other(self.one(inputs)) if inputs.sum() > 0 else inputs


BODIES = {
    **{name: lambda name=name: build_network(name, (1, 28, 28), 3) for name in ARCHITECTURES},
    "backwards": Backwards,
    "unfollowable": Unfollowable,
    "a layer": lambda: nn.Linear(2, 2),
    "nothing": nn.Identity,
    "norms first": lambda: nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3), nn.Linear(3, 1)),
    "parametrized": lambda: parametrized(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))),
    "shared": lambda: nn.Sequential(*[nn.Linear(2, 2)] * 2),
}


def parametrized(network):
    parametrize.register_parametrization(network[0], "weight", nn.Identity())
    return network


@pytest.mark.parametrize("name", BODIES)
def test_every_parameter_is_in_one_stage(name):
    body = BODIES[name]()

    found = [parameter for stage in stages(body) for parameter in stage]

    assert len(found) == len({id(p) for p in found})
    assert {id(p) for p in found} == {id(p) for p in body.parameters()}


@pytest.mark.parametrize("name", BODIES)
def test_every_stage_has_a_weight(name):
    assert all(any(p.ndim > 1 for p in stage) for stage in stages(BODIES[name]()))


def test_stages_come_in_the_order_in_which_layers_run():
    body = Backwards()

    assert [[id(p) for p in stage] for stage in stages(body)] == [
        [id(body.first.weight), id(body.first.bias), id(body.offset)],
        [id(body.last.weight), id(body.last.bias)],
    ]


def test_a_norm_belongs_to_the_layer_before_it():
    body = build_network("compact", (1, 28, 28), 3)

    first = stages(body)[0]

    norm = body.features[1]
    assert [id(p) for p in first] == [id(body.features[0].weight), id(norm.weight), id(norm.bias)]


def test_looking_at_the_stages_changes_no_number_and_draws_none():
    body = build_network("residual", (3, 8, 8), 3)
    before, state = values(body), torch.random.get_rng_state()

    stages(body)

    assert changed(before, values(body)) == set()
    assert torch.equal(torch.random.get_rng_state(), state)


@given(decay=st.floats(0.01, 3), architecture=st.sampled_from(list(ARCHITECTURES)))
@settings(max_examples=15, deadline=None)
def test_rates_fall_by_one_factor_from_a_stage_to_the_one_before(decay, architecture):
    network = TransferNetwork((1, 28, 28), 3, body=architecture)

    rates = rates_by_depth(network, decay)

    assert rates.keys() == set(network.parameters())
    assert {rates[p] for p in network.head.parameters()} == {1.0}
    for distance, stage in enumerate(reversed(stages(network.body)), start=1):
        assert [rates[p] for p in stage] == pytest.approx([decay**distance] * len(stage))


def test_a_decay_of_one_trains_as_without(network, train):
    twin = copy.deepcopy(network)

    train(network)
    train(twin, RatesByDepth(twin, 1.0))

    assert changed(values(network), values(twin)) == set()


def test_with_a_tiny_decay_the_body_hardly_moves(network, train):
    before = {name: p.detach().clone() for name, p in network.named_parameters()}

    train(network, RatesByDepth(network, 1e-9))

    moved = {n: (p - before[n]).abs().max().item() for n, p in network.named_parameters()}
    assert moved["head.weight"] > 1e-3
    assert max(size for name, size in moved.items() if "body" in name) < 1e-6


@pytest.mark.parametrize("decay", [0, -1.0, float("nan"), "half"])
def test_a_decay_that_is_none_is_refused_by_name(network, decay):
    with pytest.raises((TypeError, ValueError), match=r"RatesByDepth\.decay is a finite number"):
        RatesByDepth(network, decay)


def test_stages_join_from_the_head_on_at_equal_distances(network):
    hook = GradualUnfreezing(network, share=0.5)
    hook.before_training(8)

    joined = [(hook.after_step(step / 8), n_learning(network)) for step in range(1, 9)]

    sizes = [2, 2 + 3, 2 + 3 + 3]  # head; a convolution with its norm; another
    assert joined == [
        (False, sizes[0]), (True, sizes[1]), (False, sizes[1]), (True, sizes[2]),
        *[(False, sizes[2])] * 4,
    ]  # fmt: skip


def n_learning(network):
    return sum(p.requires_grad for p in network.parameters())


@given(share=st.floats(0, 0.99), n_steps=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_all_learn_after_the_share_and_at_the_end_at_the_latest(share, n_steps):
    network = TransferNetwork((1, 6, 6), 3, body="mlp", widths=(4, 4, 4))
    hook = GradualUnfreezing(network, share=share)
    hook.before_training(n_steps)

    seen = []
    for step in range(1, n_steps + 1):
        hook.after_step(step / n_steps)
        seen.append(n_learning(network))

    assert seen == sorted(seen)
    n_parameters = len(list(network.parameters()))
    late = [n for step, n in enumerate(seen, start=1) if step / n_steps >= share]
    assert set(late) == {n_parameters}


def test_what_has_not_joined_does_not_move(network, train):
    before = values(network)
    hook = Hooks(GradualUnfreezing(network, share=0.99), Interrupts(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        train(network, hook, epochs=4)

    moved = {n for n, _ in network.named_parameters()} & changed(before, values(network))
    assert moved == {"head.weight", "head.bias"}


def test_in_a_whole_training_every_parameter_learns_and_can_learn_later(network, train):
    before = values(network)

    train(network, GradualUnfreezing(network), epochs=4)

    assert {n for n, _ in network.named_parameters()} <= changed(before, values(network))
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
def test_restored_after_an_early_end_all_can_learn_again(network, train, error):
    hook = Hooks(GradualUnfreezing(network), RatesByDepth(network), Interrupts(error))

    with pytest.raises(type(error)):
        train(network, hook)
    hook.restore()

    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("share", [1.0, -0.1, 50])
def test_a_share_that_is_none_is_refused_by_name(network, share):
    with pytest.raises(ValueError, match=r"GradualUnfreezing.share is a ratio in \[0, 1\)"):
        GradualUnfreezing(network, share=share)
