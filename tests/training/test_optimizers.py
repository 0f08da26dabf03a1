from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.training._optimizers import OPTIMIZERS, optimizer_arguments, parameter_groups


def test_each_parameter_is_in_one_group_and_only_matrices_decay():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))

    decayed, kept = parameter_groups(module, 0.3)

    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in kept["params"]} == {1}
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.3, 0)
    assert len(decayed["params"]) + len(kept["params"]) == len(list(module.parameters()))


def test_frozen_parameters_are_in_no_group():
    module = nn.Linear(2, 3)
    module.weight.requires_grad_(False)

    assert [len(group["params"]) for group in parameter_groups(module, 0.3)] == [1]


@given(factors=st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0]), min_size=6, max_size=6))
def test_each_parameter_is_in_the_group_of_its_factor_and_decay(factors):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))
    rates = dict(zip(module.parameters(), factors, strict=True))

    groups = parameter_groups(module, 0.3, rates)

    for group in groups:
        assert {rates[p] for p in group["params"]} == {group.get("rate_factor", 1.0)}
        assert {0.3 if p.ndim > 1 else 0.0 for p in group["params"]} == {group["weight_decay"]}
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(map(id, rates))


@pytest.mark.parametrize("factors", [{}, dict.fromkeys(range(6), 1.0)])
def test_without_factors_or_with_those_of_one_the_groups_are_the_same(factors):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))
    rates = {p: factors[i] for i, p in enumerate(module.parameters()) if i in factors}

    plain, rated = parameter_groups(module, 0.3), parameter_groups(module, 0.3, rates)

    assert [group.keys() for group in plain] == [group.keys() for group in rated]
    assert [[id(p) for p in g["params"]] for g in plain] == [
        [id(p) for p in g["params"]] for g in rated
    ]


def test_a_module_without_parameters_has_no_group():
    assert parameter_groups(nn.ReLU(), 0.3) == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_named_optimizer_makes_a_step(name):
    kind, arguments = optimizer_arguments(name)
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    optimizer = kind(parameter_groups(module, 0.1), lr=0.1, **arguments)

    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()

    assert not torch.equal(module.weight, before)


def test_an_optimizer_class_is_itself():
    assert optimizer_arguments(torch.optim.NAdam) == (torch.optim.NAdam, {})
