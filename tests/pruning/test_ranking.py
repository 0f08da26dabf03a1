from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.pruning._ranking import cheapest_removed, highest, n_kept_of, one_each

SCORES = st.lists(st.sampled_from([-torch.inf, 0.0, 1.0, 1.5, 7.0, torch.inf]), min_size=1)
COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 0.999))
def test_what_is_kept_and_what_is_removed_add_up(total, ratio):
    assert n_kept_of(total, ratio) == total - round(ratio * total)


@settings(deadline=None)
@given(SCORES, st.data())
def test_the_count_is_exact_whatever_the_ties(scores, data):
    n_kept = data.draw(st.integers(0, len(scores)))
    ranked = torch.tensor(scores)

    kept = highest(ranked, n_kept)

    assert kept.sum() == n_kept
    assert n_kept in (0, len(scores)) or ranked[kept].min() >= ranked[~kept].max()


def test_the_earlier_of_equals_stay():
    assert highest(torch.ones(4), 2).tolist() == [True, True, False, False]


@settings(deadline=None)
@given(COUNTS, st.floats(0.01, 0.99))
def test_no_unit_more_goes_than_the_target_needs(costs, ratio):
    scores = torch.arange(len(costs), dtype=torch.float32)
    target = ratio * sum(costs)

    kept = cheapest_removed(scores, torch.tensor(costs), target)

    removed = [cost for cost, is_kept in zip(costs, kept.tolist(), strict=True) if not is_kept]
    assert sum(removed) >= target * (1 - 1e-9)
    assert sum(removed[:-1]) < target


def test_units_at_infinity_stay_whatever_the_target():
    kept = cheapest_removed(torch.tensor([torch.inf, 1.0]), torch.tensor([9, 1]), 10)

    assert kept.tolist() == [True, False]


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_every_layer_keeps_one_and_the_count_in_all_is_exact(sizes, data):
    n_kept = data.draw(st.integers(len(sizes), sum(sizes)))
    scores = [float(rank) + torch.rand(size) for rank, size in enumerate(sizes)]

    kept, _ = one_each(scores, lambda ranked: highest(ranked, n_kept))

    assert all(part.any() for part in kept)
    assert sum(int(part.sum()) for part in kept) == n_kept


def test_a_layer_that_the_ranking_would_empty_keeps_its_best_and_is_told():
    scores = [torch.tensor([1.0, 2.0]), torch.tensor([8.0, 9.0, 7.0])]

    kept, at_minimum = one_each(scores, lambda ranked: highest(ranked, 2))

    assert [part.tolist() for part in kept] == [[False, True], [False, True, False]]
    assert at_minimum == [True, False]


def test_scores_are_left_as_they_are():
    scores = [torch.tensor([1.0, 2.0]), torch.tensor([8.0, 9.0])]

    one_each(scores, lambda ranked: highest(ranked, 2))

    assert scores[0].tolist() == [1, 2]
