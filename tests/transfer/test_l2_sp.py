from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.nets import TransferNetwork
from skdeepopt.transfer import L2SP, Frozen
from tests.transfer.conftest import changed, values

SMALL = TransferNetwork((1, 2, 2), 3, body="mlp", widths=(2,), source_shape=(1, 2, 2))


@given(strength=st.floats(0.01, 100), distance=st.floats(-3, 3))
def test_the_pull_is_half_the_strength_times_the_squared_distance(strength, distance):
    network = copy.deepcopy(SMALL)
    hook = L2SP(network, strength)
    hook.before_training(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(distance)

    penalty = hook.penalty()

    n_body = sum(parameter.numel() for parameter in network.body.parameters())
    assert penalty.item() == pytest.approx(
        0.5 * strength * n_body * distance**2, rel=1e-3, abs=1e-9
    )


def test_its_slope_is_the_strength_times_the_distance_and_none_in_the_head():
    network = copy.deepcopy(SMALL)
    hook = L2SP(network, 0.5)
    hook.before_training(1)
    before = [parameter.detach().clone() for parameter in network.body.parameters()]
    with torch.no_grad():
        for parameter in network.body.parameters():
            parameter.add_(torch.randn_like(parameter))

    hook.penalty().backward()

    for parameter, start in zip(network.body.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, 0.5 * (parameter - start).detach())
    assert network.head.weight.grad is None


def test_no_strength_trains_as_without(network, train):
    twin = copy.deepcopy(network)

    train(network)
    train(twin, L2SP(twin, 0.0))

    assert changed(values(network), values(twin)) == set()


def test_the_stronger_the_pull_the_nearer_the_body_stays(network, train):
    distances = []
    for strength in (0.0, 1.0, 100.0):
        twin = copy.deepcopy(network)
        train(twin, L2SP(twin, strength), epochs=5)
        pairs = zip(twin.body.parameters(), network.body.parameters(), strict=True)
        distances.append(sum((p - q).square().sum().item() for p, q in pairs))

    assert distances == sorted(distances, reverse=True)
    assert distances[2] < distances[0] / 2


def test_frozen_parameters_are_not_pulled():
    network = copy.deepcopy(SMALL)
    hook = L2SP(network)
    hook.before_training(1)
    Frozen(network.body).before_training(1)

    assert hook.penalty() is None


def test_parameters_that_were_replaced_are_free():
    network = copy.deepcopy(SMALL)
    hook = L2SP(network, 1.0)
    hook.before_training(1)
    layer = network.body.network.features[0]
    layer.weight = nn.Parameter(torch.full((1, 4), 7.0))

    assert hook.penalty().item() == 0


@pytest.mark.parametrize("strength", [-1, float("inf"), "strong"])
def test_a_strength_that_is_none_is_refused_by_name(network, strength):
    with pytest.raises((TypeError, ValueError), match=r"L2SP\.strength is a finite number"):
        L2SP(network, strength)
