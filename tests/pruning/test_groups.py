from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice, remove_marked, silence_marked

MARKS = st.lists(st.booleans(), min_size=4, max_size=4).filter(lambda marks: not all(marks))


def make_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(6, 2))


def make_group():
    """Four channels, that the second layer reads from its second input on, one of them twice."""
    emitted = ChannelSlice("0", "out", torch.arange(4))
    read = ChannelSlice("2", "in", torch.tensor([-1, 0, 1, 1, 2, 3]))
    return ChannelGroup("0", 4, (emitted, read))


def test_marked_channels_take_all_their_positions_and_no_others():
    read = make_group().slices[1]

    taken = read.positions(torch.tensor([False, True, False, True]))

    assert taken.tolist() == [False, False, True, True, False, True]


@given(MARKS)
def test_what_is_removed_is_what_is_silenced(marks):
    network, marked = make_network(), torch.tensor(marks)
    silent = make_network()
    silence_marked(silent, [make_group()], [marked])
    taken = make_group().slices[1].positions(marked)

    remove_marked(network, [make_group()], [marked])

    assert not silent[2].weight[:, taken].any()
    assert torch.equal(network[2].weight, silent[2].weight[:, ~taken])
    assert torch.equal(network[0].weight, silent[0].weight[~marked])


@given(MARKS)
def test_what_is_left_of_a_group_is_numbered_anew(marks):
    marked = torch.tensor(marks)

    (left,) = remove_marked(make_network(), [make_group()], [marked])

    n_left = int((~marked).sum())
    assert left.n_channels == n_left
    assert left.slices[0].channel.tolist() == list(range(n_left))
    assert sorted(set(left.slices[1].channel.tolist())) == list(range(-1, n_left))


def test_two_groups_that_one_layer_reads_shrink_together():
    network = nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2), "c": nn.Linear(4, 1)})
    weight = network["c"].weight.detach().clone()
    groups = [
        ChannelGroup(name, 2, (
            ChannelSlice(name, "out", torch.arange(2)),
            ChannelSlice("c", "in", torch.tensor(read)),
        ))
        for name, read in [("a", [0, 1, -1, -1]), ("b", [-1, -1, 0, 1])]
    ]  # fmt: skip

    left = remove_marked(
        network, groups, [torch.tensor([True, False]), torch.tensor([False, True])]
    )

    assert torch.equal(network["c"].weight, weight[:, 1:3])
    assert [part.slices[1].channel.tolist() for part in left] == [[0, -1], [-1, 0]]


def test_a_parameter_of_the_module_itself_shrinks_along_its_axis():
    module = nn.Module()
    module.gain = nn.Parameter(torch.arange(4.0).reshape(1, 4, 1), requires_grad=False)
    group = ChannelGroup("gain", 4, (ChannelSlice("gain", "both", torch.arange(4), axis=1),))

    remove_marked(module, [group], [torch.tensor([True, False, False, True])])

    assert module.gain.flatten().tolist() == [1.0, 2.0]
    assert not module.gain.requires_grad
