from __future__ import annotations

import math

import numpy as np
import pytest
from skopt.space import Real

from skdeepopt.journal._journal import Journal
from skdeepopt.search._brackets import hyperband_brackets
from skdeepopt.search._climb import run_at_once
from skdeepopt.search._contest import Contest, run_together
from skdeepopt.search._suggestions import Suggestions
from skdeepopt.search._trial import TrialResult
from skdeepopt.space._coordinates import Coordinates

SPACE = Coordinates({"a": Real(0, 1), "b": Real(0, 1)})
BRACKETS = hyperband_brackets(1, 9, 3)


def result(trial, score=None):
    """Better near a corner and with more resource."""
    if score is None:
        score = trial.parameters["a"] + trial.parameters["b"] - 0.2 / trial.resource
    return TrialResult(
        trial, {"score": np.array([score])}, None, np.zeros(1), np.zeros(1), None, False
    )


def contest(brackets=BRACKETS, *, is_over=lambda: False, patience=None):
    noted = []
    drawn = Suggestions(SPACE, seed=0, max_resources=9, is_informed=False)
    made = Contest(
        brackets=brackets,
        coordinates=SPACE,
        suggestions=drawn,
        judged=lambda r: r.mean("score"),
        note=noted.append,
        is_over=is_over,
        continues=lambda candidate: True,
        patience=patience,
    )
    return made, noted


def together(made, scored=result):
    forgotten = []
    run_together(made, lambda trials: map(scored, trials), forgotten.append)
    return forgotten


def at_once(made, scored=result):
    run_at_once(made, lambda trials: map(scored, trials), Journal(None, {}, owner="test"), 3)


def jobs(noted):
    return [(r.trial.number, r.trial.before, r.trial.resource) for r in noted]


def test_together_every_rung_has_as_many_candidates_as_its_bracket_says():
    made, noted = contest()

    together(made)

    at = [r.trial.resource for r in noted]
    assert at == [1] * 9 + [3] * 3 + [9] + [3] * 5 + [9] + [9] * 3


@pytest.mark.parametrize("run", [together, at_once])
def test_whoever_goes_on_has_been_where_it_goes_on_from(run):
    made, noted = contest()

    run(made)

    seen = set()
    for number, before, resource in jobs(noted):
        assert before == 0 or (number, before) in seen
        seen.add((number, resource))
    assert len(seen) == len(noted), "no training is done twice"


@pytest.mark.parametrize("run", [together, at_once])
def test_all_candidates_of_all_brackets_begin(run):
    made, _ = contest()

    run(made)

    assert sorted(made.candidates) == list(range(9 + 5 + 3))
    assert [c.bracket for _, c in sorted(made.candidates.items())] == [0] * 9 + [1] * 5 + [2] * 3


def test_who_was_left_behind_competes_again_when_a_bracket_comes_by():
    made, noted = contest(BRACKETS[:2])
    scores = [0.9, 0.8, 0.7, *[0.1] * 11]

    together(made, lambda t: result(t, scores[t.number] + 0.01 * t.resource))

    # The second bracket promotes one of its own five, or of those that the first one left at 3.
    assert jobs(noted)[-1] == (1, 3, 9)


def test_the_weights_of_those_who_cannot_come_back_are_dropped():
    made, noted = contest(BRACKETS[:2])

    forgotten = together(made)

    first = {n for n, before, resource in jobs(noted) if resource == 1}
    promoted = {n for n, before, resource in jobs(noted) if before == 1}
    kept = first - promoted - {c.number for c in forgotten}
    assert len(kept) == BRACKETS[0].rungs[1].n_candidates
    worst_kept = min(made.candidates[n].score for n in kept)
    assert all(c.score <= worst_kept for c in forgotten if c.resource == 1)


@pytest.mark.parametrize("run", [together, at_once])
def test_a_candidate_that_failed_is_never_promoted(run):
    made, noted = contest()

    run(made, scored=lambda t: result(t, math.nan if t.number % 2 else 0.5))

    assert all(number % 2 == 0 for number, before, _ in jobs(noted) if before)


@pytest.mark.parametrize("run", [together, at_once])
def test_a_search_whose_candidates_all_fail_ends(run):
    made, noted = contest()

    run(made, scored=lambda t: result(t, math.nan))

    assert len(noted) == 17


@pytest.mark.parametrize("run", [together, at_once])
def test_a_search_that_is_over_at_once_has_tried_one_candidate(run):
    made, noted = contest(is_over=lambda: True)

    run(made)

    assert jobs(noted) == [(0, 0, 1)]


def test_no_bracket_begins_after_too_many_candidates_without_a_better_score():
    made, _ = contest(BRACKETS * 3, patience=5)

    together(made, lambda t: result(t, 0.5))

    assert len(made.candidates) == 14


def test_a_rung_begins_anew_where_nothing_was_kept():
    made, noted = contest(BRACKETS[:1])
    made.continues = lambda candidate: False

    together(made)

    assert {before for _, before, _ in jobs(noted)} == {0}
