from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from skdeepopt.search._brackets import Ladder, hyperband_brackets, survivors

RESOURCES = st.integers(1, 5), st.integers(1, 400), st.integers(2, 5)
SCORES = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=40)


def test_the_brackets_are_those_of_the_paper():
    brackets = hyperband_brackets(1, 81, 3)

    assert [[(r.n_candidates, r.resource) for r in b.rungs] for b in brackets] == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


@given(*RESOURCES)
def test_every_bracket_ends_at_the_most_and_begins_at_no_less_than_the_least(least, most, factor):
    assume(least <= most)

    brackets = hyperband_brackets(least, most, factor)

    assert {bracket.rungs[-1].resource for bracket in brackets} == {most}
    assert all(bracket.rungs[0].resource >= least for bracket in brackets)


@given(*RESOURCES, st.integers(1, 6))
def test_as_many_finalists_as_asked_for_where_so_many_began(least, most, factor, n_finalists):
    assume(least <= most)

    brackets = hyperband_brackets(least, most, factor, n_finalists=n_finalists)

    usual = hyperband_brackets(least, most, factor)
    for bracket, own in zip(brackets, usual, strict=True):
        wanted = min(n_finalists, own.rungs[0].n_candidates)
        assert bracket.rungs[0] == own.rungs[0]
        assert bracket.resources == own.resources
        assert [r.n_candidates for r in bracket.rungs] == [
            max(r.n_candidates, wanted) for r in own.rungs
        ]


@given(*RESOURCES)
def test_every_bracket_cuts_once_less_than_the_one_before(least, most, factor):
    assume(least <= most)

    brackets = hyperband_brackets(least, most, factor)

    assert [bracket.halvings for bracket in brackets] == list(range(len(brackets)))[::-1]
    assert all(len(bracket.rungs) == bracket.halvings + 1 for bracket in brackets)


@given(*RESOURCES)
def test_going_on_never_costs_more_than_starting_anew(least, most, factor):
    assume(least <= most)

    brackets = hyperband_brackets(least, most, factor)

    anew = [sum(r.n_candidates * r.resource for r in b.rungs) for b in brackets]
    assert all(b.cost <= whole for b, whole in zip(brackets, anew, strict=True))


@given(SCORES, st.integers(0, 50))
def test_no_survivor_is_worse_than_one_that_went(scores, n_kept):
    kept = survivors(scores, n_kept)

    gone = [s for at, s in enumerate(scores) if at not in kept and not math.isnan(s)]
    assert all(scores[at] >= score for at in kept for score in gone)
    assert len(kept) == min(n_kept, sum(not math.isnan(score) for score in scores))


@given(SCORES)
def test_a_candidate_that_failed_never_survives(scores):
    assert not any(math.isnan(scores[at]) for at in survivors(scores, len(scores)))


def climbed(scores, n_rungs, factor, order):
    """Ladder on which each candidate scores the same at every rung, jobs ending in some order."""
    ladder, running, entered = Ladder(n_rungs, factor), [], [set() for _ in range(n_rungs)]
    for turn, number in enumerate(range(len(scores))):
        running.append((number, 0))
        entered[0].add(number)
        while running and (len(running) > order[turn % len(order)] or number == len(scores) - 1):
            done = running.pop(order[turn % len(order)] % len(running))
            ladder.finished(*done, scores[done[0]])
            while (job := ladder.promote()) is not None:
                assert job[0] not in entered[job[1]], "nobody is promoted twice"
                entered[job[1]].add(job[0])
                running.append(job)
    return entered


@given(
    SCORES.filter(bool),
    st.integers(1, 4),
    st.integers(2, 4),
    st.lists(st.integers(0, 5), min_size=1),
)
def test_whoever_waits_for_all_gets_no_further_than_who_does_not_wait(scores, n, factor, order):
    entered = climbed(scores, n, factor, order)

    best = survivors(scores, len(scores))
    for rung in range(n - 1):
        kept = [at for at in best if at in entered[rung]][: len(entered[rung]) // factor]
        assert set(kept) <= entered[rung + 1]


@given(
    SCORES.filter(bool),
    st.integers(2, 4),
    st.integers(2, 4),
    st.lists(st.integers(0, 5), min_size=1),
)
def test_the_ladder_promotes_no_candidate_that_failed(scores, n, factor, order):
    entered = climbed(scores, n, factor, order)

    failed = {at for at, score in enumerate(scores) if math.isnan(score)}
    assert not any(failed & rung for rung in entered[1:])


def test_a_candidate_whose_training_is_under_way_again_is_not_promoted_again():
    ladder = Ladder(n_rungs=2, factor=2)
    ladder.entered(0, 1)

    ladder.finished(0, 0, 0.9)
    ladder.finished(1, 0, 0.1)

    assert ladder.promote() is None
