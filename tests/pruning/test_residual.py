from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._cost import layer_costs, total_bytes
from skdeepopt.nets import CompactCNN, ResidualCNN, Standardize
from skdeepopt.pruning._criteria import CRITERIA
from skdeepopt.pruning._residual import BLOCK_SCOPES, BlockCut, residual_blocks

IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
RATIO = st.floats(0.0, 0.999)


def make_network():
    """Six blocks, of which five keep the shape of their input."""
    torch.manual_seed(0)
    network = ResidualCNN((3, 8, 8), 10, widths=(4, 8), depth=3)
    network(IMAGES).square().sum().backward()
    return network.eval()


def multiply_adds(network):
    return sum(cost.multiply_adds for cost in layer_costs(network, IMAGES).values())


def n_left(cut):
    return sum(block.kept for block in cut.kept())


class Plain(nn.Module):
    """Keeps the shape of its input and passes none of it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, inputs):
        return self.layer(inputs).sigmoid()


class Skip(Plain):
    def forward(self, inputs):
        return inputs + self.layer(inputs)


class Stage(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Skip(), Skip())

    def forward(self, inputs):
        return self.blocks(inputs)


class Nested(Stage):
    def forward(self, inputs):
        return inputs + self.blocks(inputs)


def test_blocks_are_those_whose_input_is_passed_around_them():
    found = residual_blocks(make_network(), IMAGES)

    assert list(found) == ["blocks.0", "blocks.1", "blocks.2", "blocks.4", "blocks.5"]


def test_a_layer_that_keeps_the_shape_is_no_block():
    network = nn.Sequential(Standardize(torch.zeros(3), torch.ones(3)), Plain(), Skip())

    assert list(residual_blocks(network, IMAGES)) == ["2"]


def test_a_chain_of_blocks_is_no_block_itself():
    found = residual_blocks(nn.Sequential(Stage(), Plain()), IMAGES)

    assert list(found) == ["0.blocks.0", "0.blocks.1"]


def test_of_nested_blocks_the_outermost_counts():
    assert list(residual_blocks(nn.Sequential(Nested(), Plain()), IMAGES)) == ["0"]


def test_a_block_that_is_used_twice_is_none():
    block = Skip()

    assert residual_blocks(nn.Sequential(block, Plain(), block), IMAGES) == {}


def test_looking_leaves_the_network_as_it_was():
    network = make_network().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    BlockCut(network, IMAGES)

    assert all(part.training for part in network.modules())
    torch.testing.assert_close(dict(network.state_dict()), before, atol=0, rtol=0)


def test_ratio_zero_changes_no_answer():
    network = make_network()
    before = network(IMAGES)

    assert not BlockCut(network, IMAGES).to(0.0)

    assert torch.equal(network(IMAGES), before)


@settings(max_examples=15, deadline=None)
@given(RATIO, st.sampled_from(list(CRITERIA)))
def test_as_many_blocks_stay_as_asked(ratio, criterion):
    cut = BlockCut(make_network(), IMAGES, criterion)

    replaced = cut.to(ratio)

    assert n_left(cut) == 5 - round(5 * ratio)
    assert replaced == (n_left(cut) < 5)
    assert cut.module(IMAGES).shape == (2, 10)


def test_removing_a_block_that_adds_nothing_changes_no_answer():
    network = make_network()
    block = network.blocks[4]
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    before = network(IMAGES)

    BlockCut(network, IMAGES).to(0.2)

    assert isinstance(network.blocks[4], nn.Identity)
    torch.testing.assert_close(network(IMAGES), before)


@settings(max_examples=15, deadline=None)
@given(st.lists(RATIO, min_size=2, max_size=4))
def test_what_is_removed_stays_removed(ratios):
    cut = BlockCut(make_network(), IMAGES)

    for ratio in ratios:
        cut.to(ratio)

    assert n_left(cut) == 5 - round(5 * max(ratios))


@settings(max_examples=15, deadline=None)
@given(RATIO)
def test_blocks_go_until_multiply_adds_are_as_asked_or_none_is_left(ratio):
    network = make_network()
    at_first = multiply_adds(network)
    cut = BlockCut(network, IMAGES, scope="multiply_adds")

    cut.to(ratio)

    assert multiply_adds(network) <= (1 - ratio) * at_first or n_left(cut) == 0


@settings(max_examples=15, deadline=None)
@given(RATIO)
def test_blocks_go_until_bytes_are_as_asked_or_none_is_left(ratio):
    network = make_network()
    at_first = total_bytes(network)
    cut = BlockCut(network, IMAGES, scope="bytes")

    cut.to(ratio)

    assert total_bytes(network) <= (1 - ratio) * at_first or n_left(cut) == 0


def test_the_report_names_blocks_that_are_gone():
    cut = BlockCut(make_network(), IMAGES)

    cut.to(0.999)

    assert [(layer.name, layer.kind, layer.kept, layer.total) for layer in cut.kept()] == [
        (f"blocks.{i}", "ResidualBlock", 0, 1) for i in (0, 1, 2, 4, 5)
    ]


def test_a_network_without_residual_blocks_is_refused():
    with pytest.raises(ValueError, match=r"CompactCNN has none. Did you mean to prune channels"):
        BlockCut(CompactCNN((3, 8, 8), 10), IMAGES)


@pytest.mark.parametrize("ratio", [-0.1, 1.0])
@pytest.mark.parametrize("scope", BLOCK_SCOPES)
def test_a_ratio_outside_its_range_is_refused(ratio, scope):
    cut = BlockCut(make_network(), IMAGES, scope=scope)

    with pytest.raises(ValueError, match=r"BlockCut\.ratio is a ratio in \[0, 1\)"):
        cut.to(ratio)


def test_an_unknown_scope_is_refused():
    with pytest.raises(ValueError, match=r"BlockCut\.scope is one of"):
        BlockCut(make_network(), IMAGES, scope="layer")
