"""Trials in, results out, and nothing finished done twice."""

from __future__ import annotations

import math
import threading

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring

from skdeepopt.journal._journal import Journal
from skdeepopt.search._clock import SearchClock
from skdeepopt.search._evaluation import Evaluator, Trial
from skdeepopt.search._split import SplitData

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6)
SPLITS = [(np.arange(3), np.arange(3, 6)), (np.arange(3, 6), np.arange(3))]
FITS: list[tuple[float, int]] = []


class Answers(BaseEstimator):
    """Scores what it is told to, and fails on the split it is told to."""

    def __init__(self, answer=0.0, fails_on=None):
        self.answer = answer
        self.fails_on = fails_on

    def fit(self, X, y):
        split = int(y[0] == 3)
        FITS.append((self.answer, split))
        if self.fails_on in (split, "both"):
            raise ValueError(f"no {split}")
        self.split_ = split
        return self

    def score(self, X, y):
        return self.answer + self.split_


@pytest.fixture(autouse=True)
def _no_fits_yet():
    FITS.clear()


def evaluator(journal=None, clock=None, guide=None, scorer=None, **rest):
    shared = ("with_train_scores", "passes_errors")
    settings = {name: rest.pop(name) for name in shared if name in rest}
    common = SplitData(SPLITS, scorer or check_scoring(Answers()), {}, {}, **settings)
    return Evaluator(
        *(Answers(), X, Y, common),
        journal=Journal(None, {}, owner="test") if journal is None else journal,
        clock=clock or SearchClock(),
        guide=guide,
        **rest,
    )


def trials(*answers, **rest):
    return [Trial(n, {"answer": float(answer), **rest}) for n, answer in enumerate(answers)]


def test_each_trial_is_scored_on_every_split():
    with evaluator() as ours:
        results = ours.all(trials(1, 2))

    assert [r.test_scores["score"].tolist() for r in results] == [[1, 2], [2, 3]]
    assert [r.mean("score") for r in results] == [1.5, 2.5]
    assert not any(r.resumed or r.failure for r in results)
    assert ours.score_names == ("score",)


def test_results_are_in_the_order_of_the_trials_on_threads_too():
    with joblib.parallel_config("threading"), evaluator(n_jobs=3) as ours:
        results = ours.all(trials(*range(9)))

    assert [r.trial.number for r in results] == list(range(9))


def test_trials_are_read_no_further_ahead_than_results_are_taken():
    read = []

    def source():
        for trial in trials(*range(5)):
            read.append(trial.number)
            yield trial

    with evaluator() as ours:
        results = ours.run(source())
        next(results)
        assert max(read) <= 2
        results.close()


def test_the_next_trial_may_depend_on_the_last_result():
    found = []

    def source():
        yield Trial(0, {"answer": 1.0})
        while found[-1] < 20:
            yield Trial(len(found), {"answer": 2 * found[-1]})

    with evaluator() as ours:
        # Not extend: the source reads the list meanwhile.
        for result in ours.run(source()):
            found += [result.mean("score")]

    assert found == [1.5, 3.5, 7.5, 15.5, 31.5]


def test_a_failure_is_told_and_the_splits_that_remain_are_left_out():
    with evaluator() as ours:
        failed, sound = ours.all([*trials(1, fails_on=0), Trial(1, {"answer": 5.0})])

    assert failed.failure.reason == "ValueError: no 0"
    assert math.isnan(failed.mean("score"))
    assert FITS == [(1.0, 0), (5.0, 0), (5.0, 1)]
    assert np.isnan(failed.fit_time).tolist() == [False, True]
    assert sound.mean("score") == 5.5


def test_a_trial_that_fails_on_a_late_split_has_failed_on_all():
    with evaluator() as ours:
        (failed,) = ours.all(trials(1, fails_on=1))

    assert np.isnan(failed.fit_time).tolist() == [False, False]
    assert failed.failure.reason == "ValueError: no 1"


def test_a_score_that_is_not_finite_is_a_failure():
    with evaluator() as ours:
        (failed,) = ours.all(trials(math.inf))

    assert failed.failure.kind == "not finite"
    assert failed.failure.reason == "the metric 'score' is inf on a split"


def test_only_the_metric_that_guides_has_to_be_finite():
    def scorer(estimator, X, y):
        return {"a": 1.0, "b": math.nan}

    with evaluator(guide="a", scorer=scorer) as ours:
        (sound,) = ours.all(trials(1))
    with evaluator(scorer=scorer) as ours:
        (failed,) = ours.all(trials(1))

    assert sound.failure is None
    assert math.isnan(sound.mean("b"))
    assert failed.failure.reason == "the metric 'b' is nan on a split"


def test_errors_pass_where_they_are_to():
    with evaluator(passes_errors=True) as ours, pytest.raises(ValueError, match="no 0"):
        ours.all(trials(1, fails_on="both"))


def test_what_the_journal_has_is_not_fitted_again():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        first = ours.all(trials(1, 2))
    FITS.clear()

    with evaluator(journal) as ours:
        second = ours.all(trials(1, 2, 3))

    assert FITS == [(3.0, 0), (3.0, 1)]
    assert [r.resumed for r in second] == [True, True, False]
    for one, other in zip(first, second, strict=False):
        np.testing.assert_array_equal(one.test_scores["score"], other.test_scores["score"])
        np.testing.assert_array_equal(one.fit_time, other.fit_time)


def test_what_the_journal_has_after_something_new_is_not_fitted_again_either():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        ours.all(trials(1, 2, 3)[1:])
    FITS.clear()

    with evaluator(journal) as ours:
        results = ours.all(trials(1, 2, 3))

    assert FITS == [(1.0, 0), (1.0, 1)]
    assert [r.mean("score") for r in results] == [1.5, 2.5, 3.5]


def test_a_trial_of_which_one_split_is_known_is_finished():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        results = ours.run(trials(1, 2))
        next(results)  # the task after it has not begun
        results.close()
        journal_of_first = journal.find("0/0")
    half = Journal(None, {}, owner="test")
    half.add("0/0", journal_of_first)
    FITS.clear()

    with evaluator(half) as ours:
        (result,) = ours.all(trials(1))

    assert FITS == [(1.0, 1)]
    assert result.test_scores["score"].tolist() == [1, 2]
    assert not result.resumed


def test_a_failure_in_the_journal_is_not_tried_again():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        ours.all(trials(1, fails_on=0))
    FITS.clear()

    with evaluator(journal) as ours:
        (result,) = ours.all(trials(1, fails_on=0))

    assert FITS == []
    assert result.failure.reason == "ValueError: no 0"


def test_another_candidate_under_the_same_number_is_refused():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        ours.all(trials(1))

    with evaluator(journal) as ours, pytest.raises(ValueError, match="candidate 0 is another one"):
        ours.all(trials(2))


def test_the_clock_goes_on_from_the_journal():
    journal, clock = Journal(None, {}, owner="test"), SearchClock()
    clock.advance_to(1000)
    with evaluator(journal, clock) as ours:
        ours.all(trials(1))

    later = SearchClock()
    with evaluator(journal, later) as ours:
        ours.all(trials(1))

    assert later.seconds() > 1000


def continued(estimator, X, y, fit_params, trial, state):
    """Fits, and tells in its state what came before."""
    estimator.fit(X, y)
    return estimator, (state or b"") + str(trial.resource).encode()


def test_a_state_is_handed_to_the_trial_that_goes_on_and_then_dropped():
    journal = Journal(None, {}, owner="test")
    stages = [Trial(7, {}, 1), Trial(7, {}, 3, before=1), Trial(7, {}, 9, before=3)]

    with evaluator(journal) as ours:
        for stage in stages:
            ours.all([stage], continued)

    assert journal.get("7@9/0") == journal.get("7@9/1") == b"139"
    assert journal.get("7@3/0") is None


def test_forgetting_drops_the_states():
    journal = Journal(None, {}, owner="test")
    with evaluator(journal) as ours:
        ours.all([Trial(7, {}, 1)], continued)
        ours.forget(Trial(7, {}, 1))

    assert journal.get("7@1/0") is None
    assert journal.find("7@1/0") is not None


def test_an_evaluation_that_never_ended_twice_gets_a_process_of_its_own():
    journal = Journal(None, {}, owner="test")
    journal.begin("0/0"), journal.begin("0/0"), journal.begin("0/1")
    ours = evaluator(journal)

    tasks = list(ours._tasks_of(ours._looked_up(Trial(0, {})), continued))

    assert [task.isolated for task in tasks] == [True, False]


def test_train_scores_are_kept():
    with evaluator(with_train_scores=True) as ours:
        (result,) = ours.all(trials(1))

    assert result.train_scores["score"].tolist() == [1, 2]


def test_results_arrive_while_others_are_under_way():
    gate = threading.Event()

    def waiting(estimator, X, y, fit_params, trial, state):
        if trial.number == 0:
            assert gate.wait(60)
        return estimator.fit(X, y), None

    with joblib.parallel_config("threading"), evaluator(n_jobs=2) as ours:
        results = ours.run(trials(0, 1, 2), waiting)
        # Trial 0 holds both workers' tasks at first: one split each.
        gate.set()
        assert {r.trial.number for r in results} == {0, 1, 2}
