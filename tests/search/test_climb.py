from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
from skopt.space import Real

from skdeepopt.journal._journal import Journal
from skdeepopt.search._brackets import hyperband_brackets
from skdeepopt.search._climb import run_at_once
from skdeepopt.search._contest import Contest
from skdeepopt.search._suggestions import Suggestions
from skdeepopt.search._trial import TrialResult
from skdeepopt.space._coordinates import Coordinates

SPACE = Coordinates({"a": Real(0, 1), "b": Real(0, 1)})
BRACKETS = hyperband_brackets(1, 9, 3)


def result(trial, score=None):
    """Better near a corner and with more resource."""
    if score is None:
        score = trial.parameters["a"] + trial.parameters["b"] - 0.2 / trial.resource
    none = np.zeros(1)
    return TrialResult(trial, {"score": np.array([score])}, None, none, none, None, False)


def contest(brackets=BRACKETS, *, patience=None, is_informed=False):
    noted = []
    made = Contest(
        brackets=brackets,
        coordinates=SPACE,
        suggestions=Suggestions(SPACE, seed=0, max_resources=9, is_informed=is_informed),
        judged=lambda r: r.mean("score"),
        note=noted.append,
        is_over=lambda: False,
        continues=lambda candidate: True,
        patience=patience,
    )
    return made, noted


def at_once(made, log=None, scored=result, n_workers=1):
    """Run on pretended workers, whose jobs end in the order in which they began."""

    def run(trials):
        running = list(islice(trials, n_workers))
        while running:
            yield scored(running.pop(0))
            running += islice(trials, n_workers - len(running))

    run_at_once(made, run, Journal(None, {}, owner="test") if log is None else log, 3)


def jobs(noted):
    return [(r.trial.number, r.trial.before, r.trial.resource) for r in noted]


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_as_many_get_to_the_top_as_when_waiting_or_more(n_workers):
    made, noted = contest(BRACKETS[:1])

    at_once(made, n_workers=n_workers)

    reached = [resource for *_, resource in jobs(noted)]
    assert reached.count(3) >= 3
    assert reached.count(9) >= 1


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_no_training_is_done_twice(n_workers):
    made, noted = contest()

    at_once(made, n_workers=n_workers)

    done = [(number, resource) for number, _, resource in jobs(noted)]
    assert len(set(done)) == len(done)


def test_a_promising_candidate_trains_on_before_the_others_have_begun():
    made, noted = contest()

    at_once(made)

    order = [resource for *_, resource in jobs(noted)]
    assert order.index(3) < len(order) - 1 - order[::-1].index(1)


def test_a_candidate_that_failed_is_never_promoted():
    made, noted = contest()

    at_once(made, scored=lambda t: result(t, math.nan if t.number % 2 else 0.5), n_workers=3)

    assert all(number % 2 == 0 for number, before, _ in jobs(noted) if before)


def test_no_candidate_begins_after_too_many_without_a_better_score():
    made, _ = contest(BRACKETS * 3, patience=5)

    at_once(made, scored=lambda t: result(t, 0.5))

    assert len(made.candidates) == 6


@pytest.mark.parametrize("is_informed", [False, True])
@pytest.mark.parametrize("n_done", [1, 5, 12, 19])
def test_an_interrupted_search_begins_the_same_again(n_done, is_informed):
    log = Journal(None, {}, owner="test")
    whole, noted = contest(is_informed=is_informed)
    at_once(whole)
    cut, _ = contest(is_informed=is_informed)

    with pytest.raises(ZeroDivisionError):
        at_once(cut, log, lambda t: result(t, None if len(log) <= n_done else 1 / 0))
    again, noted_again = contest(is_informed=is_informed)
    at_once(again, log)

    assert jobs(noted_again) == jobs(noted)
    assert [r.trial.parameters for r in noted_again] == [r.trial.parameters for r in noted]


@pytest.mark.parametrize("n_workers", [2, 5])
def test_what_had_begun_on_several_workers_begins_again_in_the_same_order(n_workers):
    log = Journal(None, {}, owner="test")
    cut, _ = contest()
    with pytest.raises(ZeroDivisionError):
        at_once(cut, log, lambda t: result(t, None if len(log) < 15 else 1 / 0), n_workers)
    begun = [log.find(f"job/{at}")["number"] for at in range(len(log))]

    again, noted = contest()
    at_once(again, log, n_workers=n_workers)

    assert [number for number, *_ in jobs(noted)][: len(begun)] == begun
    assert sorted(again.candidates) == list(range(17))
