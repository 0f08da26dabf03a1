from __future__ import annotations

import numpy as np

from skdeepopt.search._highest import highest_results, highest_rows, rank_by_resource
from skdeepopt.search._trial import Trial, TrialResult


def table():
    return {
        "params": [{"a": 0}, {"a": 1}, {"a": 2}, {"a": 3}],
        "resource": np.array([1, 9, 9, 9]),
        "failure": np.array(["", "", "", "ValueError: no"], dtype=object),
        "mean_test_score": np.array([0.9, 0.5, 0.6, np.nan]),
        "rank_test_score": np.array([1, 3, 2, 4], dtype=np.int32),
    }


def test_of_each_candidate_the_longest_training_counts():
    trials = [Trial(1, {}, 1), Trial(0, {}, 1), Trial(1, {}, 3, 1)]
    none = np.zeros(1)

    found = highest_results(TrialResult(t, {}, None, none, none, None, False) for t in trials)

    assert [(r.trial.number, r.trial.resource) for r in found] == [(0, 1), (1, 3)]


def test_the_highest_rows_neither_failed_nor_stopped_short():
    assert highest_rows(table()).tolist() == [1, 2]


def test_a_short_training_is_ranked_behind_a_long_one_and_a_failure_last():
    ranked = table()

    rank_by_resource(ranked, ["score"])

    assert ranked["rank_test_score"].tolist() == [3, 2, 1, 4]
    assert ranked["rank_test_score"].dtype == np.int32
