"""Several networks that answer as one teacher."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.meta._teacher_module import Committee

INPUTS = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(name="members")
def untrained():
    torch.manual_seed(0)
    return [nn.Linear(4, 3) for _ in range(5)]


def committee(members, weights=(1, 2, 3, 4, 5), **options):
    return Committee(members, [(4,)] * len(members), weights, is_classifier=True, **options)


def chances(module):
    with torch.no_grad():
        return module(INPUTS).softmax(1)


@pytest.mark.parametrize("n_members", [None, 5, 9])
def test_all_answer_where_none_are_left_out(members, n_members):
    drawn = committee(members).drawing(n_members, seed=0)

    assert torch.equal(chances(drawn), chances(committee(members)))


def test_one_at_a_time_answers_and_each_has_its_turn(members):
    drawn = committee(members).drawing(1, seed=0)
    single = [chances(member) for member in members]

    heard = [
        [number for number, answer in enumerate(single) if torch.allclose(found, answer)]
        for found in (chances(drawn) for _ in range(60))
    ]

    assert {len(numbers) for numbers in heard} == {1}
    assert {number for (number,) in heard} == set(range(5))


def test_those_that_answer_keep_their_weights(members):
    drawn = committee(members[:3], weights=(1, 3, 0)).drawing(2, seed=0)

    wanted = chances(members[0]) / 4 + 3 * chances(members[1]) / 4

    for _ in range(10):  # Who has no weight is never asked.
        torch.testing.assert_close(chances(drawn), wanted)


def test_the_same_seed_asks_the_same_members(members):
    one, other = (committee(members).drawing(2, seed=7) for _ in range(2))

    assert all(torch.equal(chances(one), chances(other)) for _ in range(10))


def test_the_mean_over_batches_is_that_of_all(members):
    equal = [1] * 5
    drawn = committee(members, equal).drawing(2, seed=0)

    mean = torch.stack([chances(drawn) for _ in range(2000)]).mean(0)

    torch.testing.assert_close(mean, chances(committee(members, equal)), atol=0.01, rtol=0)


def test_numbers_of_the_drawn_come_in_targets():
    members = [nn.Linear(4, 1) for _ in range(2)]
    options = {
        "is_classifier": False,
        "scales": [torch.tensor(2.0)] * 2,
        "means": [torch.ones(())] * 2,
    }
    drawn = Committee(members, [(4,)] * 2, [1, 1], **options).drawing(1, seed=0)
    with torch.no_grad():
        wanted = [2 * member(INPUTS) + 1 for member in members]

        found = [drawn(INPUTS) for _ in range(20)]

    assert all(any(torch.allclose(f, each) for each in wanted) for f in found)
