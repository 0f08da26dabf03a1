"""What callbacks are told, and when a search has gone on for long enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skdeepopt.search._clock import SearchClock
from skdeepopt.search._progress import Progress, callbacks_of
from skdeepopt.search._trial import Trial, TrialResult
from skdeepopt.workers._failure import Failure


def result(number, failed=False, **scores):
    columns = {name: np.array([value]) for name, value in scores.items()}
    failure = Failure("exception", "ValueError: no") if failed else None
    trial = Trial(number, {"a": number})
    return TrialResult(trial, columns, None, np.zeros(1), np.zeros(1), failure, False)


def followed(results, guide=None, **rest):
    """What a callback was told of each result, and what `note` said."""
    told = []
    progress = Progress(SearchClock(), guide, [told.append], **rest)
    return told, [progress.note(one) for one in results]


def test_the_best_so_far_is_told():
    told, _ = followed([result(0, score=0.1), result(1, score=0.3), result(2, score=0.2)])

    assert [t.best_score for t in told] == [0.1, 0.3, 0.3]
    assert told[2].best_parameters == {"a": 1}


def test_a_failure_is_told_and_counted_and_never_the_best():
    told, _ = followed([result(0, failed=True, score=9.0), result(1, score=0.1)])

    assert (told[0].failure, told[0].n_failed, told[0].best_parameters) == (
        "ValueError: no",
        1,
        None,
    )
    assert math.isnan(told[0].best_score)
    assert (told[1].failure, told[1].n_failed, told[1].best_score) == ("", 1, 0.1)


def test_true_from_any_callback_ends_the_search():
    asked = []
    progress = Progress(SearchClock(), None, [lambda p: p.number == 1, asked.append])

    answers = [progress.note(result(number, score=0.0)) for number in range(2)]

    assert answers == [False, True]
    assert len(asked) == 2


def test_something_that_is_merely_true_ends_nothing():
    progress = Progress(SearchClock(), None, [lambda p: "kept on record"])

    assert not progress.note(result(0, score=0.0))


def test_a_spent_budget_ends_the_search_after_one_result():
    clock = SearchClock()
    progress = Progress(clock, None, time_budget=10)
    clock.advance_to(11)

    assert not progress.is_over
    assert progress.note(result(0, score=0.0))


def test_patience_ends_with_so_many_results_without_a_better_one():
    scores = [0.1, 0.1, 0.2, 0.2, 0.1, 0.3]

    _, over = followed([result(n, score=s) for n, s in enumerate(scores)], n_iter_no_change=3)

    assert over == [False, False, False, False, False, False]
    _, over = followed([result(n, score=s) for n, s in enumerate(scores)], n_iter_no_change=2)
    assert over == [False, False, False, False, True, False]


def test_with_several_metrics_joining_the_front_is_better():
    results = [result(0, a=1, b=0), result(1, a=0, b=1), result(2, a=0, b=1), result(3, a=0, b=0)]

    _, over = followed(results, n_iter_no_change=1)

    assert over == [False, False, True, True]


def test_a_named_metric_alone_says_what_is_better():
    results = [result(0, a=1, b=0), result(1, a=0, b=1)]

    told, over = followed(results, "a", n_iter_no_change=1)

    assert over == [False, True]
    assert (told[1].metric, told[1].best_score) == ("a", 1)


def test_callbacks_are_none_one_or_several():
    assert callbacks_of("x", None) == []
    assert callbacks_of("x", len) == [len]
    assert callbacks_of("x", (len, print)) == [len, print]


@pytest.mark.parametrize("callbacks", [1, "stop", [len, 1]])
def test_what_cannot_be_called_is_no_callback(callbacks):
    with pytest.raises(TypeError, match=r"BayesSearchCV.callbacks is a function"):
        callbacks_of("BayesSearchCV.callbacks", callbacks)
