from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from skdeepopt.layers._trace import traced
from skdeepopt.nets import ARCHITECTURES, TransferNetwork, build_network
from skdeepopt.transfer import split_head
from tests.transfer.conftest import changed, values


class Unfollowable(nn.Module):
    """Its operations depend on the numbers it is given; its head is not what it defines last."""

    def __init__(self):
        super().__init__()
        self.head, self.flatten, self.hidden = nn.Linear(3, 2), nn.Flatten(), nn.Linear(16, 3)

    def forward(self, inputs):
        inputs = inputs if inputs.sum() > -1 else -inputs
        return self.head(torch.relu(self.hidden(self.flatten(inputs))))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs):
        return self.layer(self.layer(inputs))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_body_then_head_is_the_network(architecture):
    network = build_network(architecture, (1, 28, 28), 10, dropout=0.1).eval()
    images = torch.rand(3, 1, 28, 28)

    body, head = split_head(network, owner="test")

    assert torch.equal(head(body(images)), network(images))
    assert head.out_features == 10


def test_a_transfer_network_gives_its_head_and_keeps_the_match_in_the_body():
    network = TransferNetwork((3, 8, 8), 4).eval()
    images = torch.rand(3, 3, 8, 8)

    body, head = split_head(network, owner="test")

    assert torch.equal(head(body(images)), network(images))
    assert torch.equal(body(images), network.body(network.match(images)))


def test_the_network_is_only_looked_at():
    network = build_network("compact", (1, 28, 28), 10).train()
    before, layers = values(network), [id(part) for part in network.modules()]

    body, head = split_head(network, owner="test")
    with torch.no_grad():
        head.weight.zero_()
        next(body.parameters()).zero_()

    assert changed(before, values(network)) == set()
    assert [id(part) for part in network.modules()] == layers
    assert network.training
    assert body.training


def test_a_traced_network_can_be_split_too():
    network = build_network("mlp", (1, 4, 4), 3, widths=(5,)).eval()
    inputs = torch.rand(2, 1, 4, 4)

    body, head = split_head(traced(network, owner="test"), owner="test")

    assert torch.equal(head(body(inputs)), network(inputs))


def test_a_parametrized_head_comes_back_with_the_weight_it_computes():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    parametrize.register_parametrization(network[1], "weight", nn.Softplus())

    _, head = split_head(network, owner="test")

    assert type(head) is nn.Linear
    assert torch.equal(head.weight, network[1].weight)
    assert torch.equal(head.bias, network[1].bias)


def test_a_network_that_cannot_be_followed_is_run_on_a_sample():
    network, inputs = Unfollowable(), torch.rand(3, 1, 4, 4)
    network.hidden.eval()
    modes = [part.training for part in network.modules()]

    body, head = split_head(network, owner="test", sample_shape=(1, 4, 4))

    assert torch.equal(head(body(inputs)), network(inputs))
    assert [part.training for part in network.modules()] == modes
    assert not any(part._forward_hooks for part in network.modules())


def test_without_a_sample_it_is_refused():
    with pytest.raises(ValueError, match="test takes a network whose operations"):
        split_head(Unfollowable(), owner="test")


@pytest.mark.parametrize(
    ("network", "end"),
    [
        (nn.Sequential(nn.Linear(4, 2), nn.Softmax(1)), r"'1' \(Softmax\)"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "'2'"),
        (nn.Sequential(nn.ReLU()), "'0'"),
        (Twice(), "'layer'"),
    ],
)
def test_what_does_not_answer_with_a_linear_layer_is_refused_with_what_it_ends_in(network, end):
    with pytest.raises(ValueError, match=f"test takes a network whose answers .* ends in {end}"):
        split_head(network, owner="test")


def test_what_is_not_the_answer_of_the_last_linear_layer_is_refused_when_run():
    class Ends(Unfollowable):
        def forward(self, inputs):
            return super().forward(inputs).softmax(1)

    with pytest.raises(ValueError, match="whose answers are those of a linear layer"):
        split_head(Ends(), owner="test", sample_shape=(1, 4, 4))


def test_a_copy_splits_alike():
    network = build_network("compact", (1, 8, 8), 3)

    first, second = (split_head(copy.deepcopy(network), owner="test") for _ in range(2))

    assert changed(values(first[0]), values(second[0])) == set()
