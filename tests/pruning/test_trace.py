from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.pruning._trace import Trace, UntraceableError, is_cuttable, is_passed_through


class Detach(nn.Module):
    def forward(self, inputs):
        return inputs.detach()


def make_network():
    return nn.Sequential(nn.Conv2d(3, 8, 1, groups=1), nn.PReLU(), nn.Conv2d(8, 4, 1, groups=2))


def test_a_layer_that_is_run_has_a_place_where_it_emits():
    network = make_network()
    trace = Trace(network, torch.zeros(1, 3, 2, 2))

    node, handler, size = trace.out_side(network[0])

    assert (trace.name(node), trace.side(node, handler), size) == ("0", "out", 8)
    assert (trace.size(node, handler), trace.period(node, handler)) == (8, 8)
    assert is_cuttable(node)


def test_channels_of_a_grouped_convolution_go_one_of_each_group_at_a_time():
    network = make_network()
    trace = Trace(network, torch.zeros(1, 3, 2, 2))

    node, handler, size = trace.out_side(network[2])

    assert (size, trace.period(node, handler)) == (4, 2)


def test_only_the_last_layer_emits_the_answer():
    network = make_network()
    trace = Trace(network, torch.zeros(1, 3, 2, 2))

    ends = [trace.is_end(*trace.out_side(network[i])[:2]) for i in (0, 2)]

    assert ends == [False, True]


def test_a_slope_for_all_channels_has_nothing_to_cut():
    network = make_network()

    node = Trace(network, torch.zeros(1, 3, 2, 2)).nodes[network[1]]

    assert is_passed_through(node)
    assert not is_cuttable(node)


def test_a_layer_whose_answer_is_cut_off_is_named():
    network = nn.Sequential(nn.Linear(4, 4), Detach(), nn.Linear(4, 2))

    with pytest.raises(UntraceableError, match="answer of '0'"):
        Trace(network, torch.zeros(1, 4))


def test_no_hook_stays_behind():
    network = make_network()

    Trace(network, torch.zeros(1, 3, 2, 2))

    assert not any(part._forward_hooks for part in network.modules())
