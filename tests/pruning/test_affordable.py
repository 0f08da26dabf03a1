from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._cost import layer_costs
from skdeepopt.pruning._affordable import affordable, even_counts
from skdeepopt.pruning._channels import ChannelCut


class Weighed:
    """Costs as a sum over channels, a price each group."""

    def __init__(self, prices):
        self.prices = prices

    def without(self, marks):
        return sum(p * int((~m).sum()) for p, m in zip(self.prices, marks, strict=True))


@given(st.integers(1, 200))
def test_counts_fall_by_eights_and_then_by_pairs_and_end_at_one(n):
    counts = even_counts(n)

    assert (counts[0], counts[-1]) == (n, 1)
    assert counts == sorted(set(counts), reverse=True)
    assert all(count % (8 if count > 16 else 2) == 0 for count in counts[1:-1])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.floats(0.1, 1), st.integers(0, 99))
def test_what_is_left_is_affordable_even_and_never_nothing(sizes, share, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = [torch.rand(size, generator=generator).double() for size in sizes]
    costs = Weighed([index + 1 for index in range(len(sizes))])
    target = share * costs.without([torch.zeros(size, dtype=torch.bool) for size in sizes])

    kept, at_minimum = affordable(scores, costs, target)

    counts = [int(part.sum()) for part in kept]
    assert all(n in even_counts(size) for n, size in zip(counts, sizes, strict=True))
    assert costs.without([~part for part in kept]) <= target * (1 + 1e-9) or counts == [1] * len(
        sizes
    )
    assert not any(at_minimum) or counts == [1] * len(sizes)


@given(st.integers(0, 99))
def test_of_a_group_the_lowest_scores_go(seed):
    scores = torch.rand(24, generator=torch.Generator().manual_seed(seed)).double()

    (kept,), _ = affordable([scores], Weighed([1]), 8)

    assert scores[kept].min() >= scores[~kept].max()


@pytest.mark.parametrize("scope", ["multiply_adds", "bytes"])
def test_a_cut_by_cost_leaves_multiples_of_eight(scope):
    network = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 30), nn.Linear(30, 4))
    before = sum(c.multiply_adds for c in layer_costs(network, torch.zeros(1, 20)).values())

    ChannelCut(network, torch.zeros(1, 20), scope=scope).to(0.6)

    after = sum(c.multiply_adds for c in layer_costs(network, torch.zeros(1, 20)).values())
    assert network[0].out_features % 8 == network[2].out_features % 8 == 0
    assert 0.25 * before < after
