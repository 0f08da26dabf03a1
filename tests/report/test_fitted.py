from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._fitted import averaged, best_tried, check_alike, metric_name, searched

POINTS = st.tuples(st.none() | st.floats(0, 1), st.none() | st.integers(1, 10**9))


def search(keys, means, **changes):
    results = {
        "param_step__ratio": keys,
        "mean_test_score": means,
        "std_test_score": [0.1] * len(means),
        "mean_test_f1": means[::-1],
        "std_test_f1": [0.2] * len(means),
    }
    given = {"cv_results_": results, "best_params_": {"step__ratio": 1}, "refit": True}
    return SimpleNamespace(**{**given, "scoring": None, **changes})


@given(POINTS)
def test_a_point_is_its_own_mean(point):
    means = averaged([[point]])

    assert means["scores"] == [point[0]]
    assert means["size_bytes"] == [point[1]]
    assert means["deviations"] == [None]


@given(st.lists(POINTS, min_size=1, max_size=5))
def test_what_is_unknown_does_not_count(points):
    extra = [*points, (None, None)]

    assert averaged([extra]) == averaged([points])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=8))
def test_of_candidates_with_one_key_the_best_counts(candidates):
    keys, means = (list(column) for column in zip(*candidates, strict=True))

    tried = best_tried(search(keys, means), keys)

    assert tried == {
        key: (max(mean for other, mean in candidates if other == key), 0.1) for key in keys
    }


def test_a_search_with_several_scores_counts_by_the_one_that_it_refits():
    several = search(["a", "b"], [0.1, 0.9], refit="f1")

    assert best_tried(several, ["a", "b"]) == {"a": (0.9, 0.2), "b": (0.1, 0.2)}


def test_a_failed_candidate_has_no_score():
    assert best_tried(search(["a", "b"], [math.nan, 0.9]), ["a", "b"]) == {"b": (0.9, 0.1)}


def test_a_parameter_is_found_by_the_name_after_its_steps():
    assert searched(search([1, 2], [0.1, 0.2]), "ratio", owner="here") == ("step__ratio", [1, 2])


def test_a_parameter_whose_name_only_ends_alike_is_not_found():
    with pytest.raises(ValueError, match="here takes a search over tio, not over step__ratio"):
        searched(search([1], [0.1]), "tio", owner="here")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "R2"),
        ({"refit": "top_3"}, "top 3"),
        ({"scoring": "balanced_accuracy"}, "balanced accuracy"),
        ({"scoring": max}, "score"),
    ],
)
def test_a_score_is_named_as_the_search_names_it(changes, name):
    assert metric_name(search([1], [0.1], **changes), "R2") == name


@given(st.lists(st.integers(0, 2), max_size=4))
def test_estimators_are_alike_only_if_all_are(values):
    ways = [{"scope": value} for value in values]

    if len(set(values)) < 2:
        check_alike(ways, owner="here")
    else:
        with pytest.raises(ValueError, match="here takes estimators with one scope"):
            check_alike(ways, owner="here")
