from __future__ import annotations

import pytest
from torch import nn
from torch.nn.utils import parametrize

from skdeepopt.training._hook import Hooks
from skdeepopt.transfer import Frozen
from tests.transfer.conftest import Interrupts, changed, values


def test_frozen_parameters_are_neither_stepped_nor_decayed(network, train):
    before = values(network)

    train(network, Frozen(network.body))

    moved = {n for n, _ in network.named_parameters()} & changed(before, values(network))
    assert moved == {"head.weight", "head.bias"}


def test_what_was_frozen_before_stays_so(network, train):
    first = next(network.body.parameters())
    first.requires_grad_(False)

    train(network, Frozen(network.body))

    assert [p for p in network.parameters() if not p.requires_grad] == [first]


def test_frozen_parameters_learn_in_the_next_training(network, train, data):
    net = train(network, Frozen(network.body))
    before = values(network)

    net.train(data, epochs=1, lr=0.01, schedule="constant")

    assert {name for name, _ in network.named_parameters()} <= changed(before, values(network))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
def test_restored_after_an_early_end_all_can_learn_again(network, train, error):
    hook = Hooks(Frozen(network.body), Interrupts(error))

    with pytest.raises(type(error)):
        train(network, hook)
    hook.restore()

    assert all(p.requires_grad for p in network.parameters())


def test_parameters_that_took_the_place_of_frozen_ones_can_learn_again(network):
    first, second = network.body.network.features[0], network.body.network.features[3]
    second.weight.requires_grad_(False)
    hook = Frozen(network.body)
    hook.before_training(1)
    first.weight = nn.Parameter(first.weight.detach()[:2], requires_grad=False)
    second.weight = nn.Parameter(second.weight.detach()[:2], requires_grad=False)
    parametrize.register_parametrization(first, "weight", nn.Identity())

    hook.restore()

    assert first.parametrizations.weight.original.requires_grad
    assert not second.weight.requires_grad
    assert network.body.network.features[1].weight.requires_grad


def test_nothing_is_replaced_where_nothing_can_be_frozen():
    assert Frozen(nn.ReLU()).before_training(1) is False
