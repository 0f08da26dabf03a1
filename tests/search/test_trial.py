"""A trial has a name of its own, and a result a mean only where it did not fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skdeepopt.search._trial import Trial, TrialResult, guiding_metrics
from skdeepopt.workers._failure import Failure


def result(failure=None):
    times = np.zeros(2)
    return TrialResult(
        Trial(0, {}), {"score": np.array([0.25, 0.75])}, None, times, times, failure, False
    )


def test_trials_of_one_candidate_differ_in_their_keys():
    trials = [Trial(1, {}), Trial(1, {}, resource=1), Trial(1, {}, resource=3, before=1)]

    assert [trial.key for trial in trials] == ["1", "1@1", "1@3"]


@pytest.mark.parametrize("before", [-1, 3, 4])
def test_a_trial_cannot_go_back(before):
    with pytest.raises(ValueError, match="from before to more"):
        Trial(0, {}, resource=3, before=before)


def test_the_mean_is_over_the_splits():
    assert result().mean("score") == 0.5


def test_a_metric_that_is_not_there_has_the_mean_nan():
    assert math.isnan(result().mean("recall"))


def test_a_failed_trial_has_the_mean_nan_whatever_its_scores():
    assert math.isnan(result(Failure("timeout", "late")).mean("score"))


def test_a_named_metric_guides_alone_and_without_one_all_do():
    assert guiding_metrics("b", ("a", "b")) == ("b",)
    assert guiding_metrics(None, ("a", "b")) == ("a", "b")
    assert guiding_metrics("score that is none", ("score",)) == ("score",)
