from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skdeepopt import CNNClassifier, PrunedEstimator
from skdeepopt.pruning._report import PruningTrial
from skdeepopt.report._pruning_points import points_of, points_of_search

TRIALS = (
    PruningTrial(0.5, 0.99, 60_000, True),
    PruningTrial(0.75, 0.97, 30_000, False),
    PruningTrial(0.6, 0.98, 40_000, True),
)


def test_one_estimator_is_the_dense_point_and_the_pruned_one(make_report, make_pruned):
    points = points_of([make_pruned(make_report(0.75))], owner="here")

    assert points["ratios"] == [0.0, 0.75]
    assert points["scores"] == [0.99, 0.98]
    assert points["size_bytes"] == [100_000, 40_000]
    assert points["kept_shares"] == {0.75: {"features.0": 0.25, "features.1": 0.25}}
    assert points["deviations"] == [None, None]


def test_ratio_zero_is_one_point(make_report, make_pruned):
    points = points_of([make_pruned(make_report(0.0))], owner="here")

    assert points["ratios"] == [0.0]
    assert points["kept_shares"] == {0.0: {"features.0": 1.0, "features.1": 1.0}}


def test_a_budget_shows_every_ratio_tried_and_the_one_taken(make_report, make_pruned):
    report = make_report(0.6, trials=TRIALS)

    points = points_of([make_pruned(report, max_accuracy_drop=0.015)], owner="here")

    assert points["ratios"] == [0.0, 0.5, 0.6, 0.75]
    assert points["size_bytes"] == [100_000, 60_000, 40_000, 30_000]
    assert points["chosen"] == 0.6
    assert points["lowest_score"] == pytest.approx(0.975)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_estimators_of_one_ratio_are_averaged(make_report, make_pruned, scores):
    pruned = [make_pruned(make_report(0.5, scores=(0.9, score))) for score in scores]

    points = points_of(pruned, owner="here")

    assert points["scores"][1] == pytest.approx(math.fsum(scores) / len(scores))
    assert points["scores"][0] == pytest.approx(0.9)
    assert points["deviations"][0] == pytest.approx(0.0)


def test_the_order_of_the_estimators_does_not_matter(make_report, make_pruned):
    pruned = [make_pruned(make_report(ratio)) for ratio in (0.75, 0.25, 0.5)]

    points = points_of(pruned, owner="here")

    assert points == points_of(pruned[::-1], owner="here")
    assert points["ratios"] == [0.0, 0.25, 0.5, 0.75]
    assert list(points["kept_shares"]) == [0.25, 0.5, 0.75]


def test_what_is_unknown_stays_unknown(make_report, make_pruned):
    report = make_report(scores=(None, 0.98), sizes=(None, None))

    points = points_of([make_pruned(report)], owner="here")

    assert points["scores"] == [None, 0.98]
    assert points["size_bytes"] == [None, None]


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("global", "ratio of channels removed"),
        ("layer", "ratio of each layer's channels removed"),
        ("multiply_adds", "ratio of multiply-adds removed"),
        ("bytes", "ratio of bytes removed"),
    ],
)
def test_the_ratio_is_named_after_its_scope(make_report, make_pruned, scope, name):
    assert points_of([make_pruned(make_report(scope=scope))], owner="")["ratio_name"] == name


def test_a_pipeline_stands_for_its_last_step(make_report, make_pruned):
    pruned = make_pruned(make_report())

    points = points_of([SimpleNamespace(steps=[("scale", None), ("prune", pruned)])], owner="here")

    assert points == points_of([pruned], owner="here")


def test_the_best_candidate_at_a_ratio_stands_for_it(make_report, make_search):
    search = make_search(make_report(0.5), [0.5, 0.5, 0.25], [0.9, 0.95, 0.97])

    points = points_of_search(search, owner="here")

    assert points["ratios"] == [0.0, 0.25, 0.5]
    assert points["scores"] == [None, 0.97, 0.95]
    assert points["size_bytes"] == [100_000, None, 40_000]
    assert points["chosen"] == 0.5


def test_a_candidate_whose_fit_failed_is_left_out(make_report, make_search):
    search = make_search(make_report(0.5), [0.5, 0.25, 0.25], [0.9, math.nan, 0.8])

    assert points_of_search(search, owner="here")["scores"] == [None, 0.8, 0.9]


def test_the_ratio_of_a_step_is_found_by_its_longer_name(make_report, make_search):
    search = make_search(make_report(0.5), [0.5], [0.9], name="param_prune__pruning_ratio")

    assert points_of_search(search, owner="here")["scores"] == [None, 0.9]


def test_the_score_is_named_as_the_search_names_it(make_report, make_search):
    search = make_search(make_report(0.5), [0.5], [0.9])
    search.scoring = "balanced_accuracy"

    name = points_of_search(search, owner="here")["score_name"]

    assert name == "balanced accuracy on validation data"


def test_a_search_over_something_else_is_refused_by_its_parameters(make_report, make_search):
    search = make_search(make_report(0.5), [0.1], [0.9], name="param_lr")

    with pytest.raises(ValueError, match="a search over pruning_ratio, not over lr"):
        points_of_search(search, owner="here")


def test_a_search_without_a_best_estimator_is_refused():
    search = SimpleNamespace(cv_results_={}, refit=False)

    with pytest.raises(ValueError, match=r"refit=False. Did you mean refit=True"):
        points_of_search(search, owner="here")


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError, match="here takes a fitted estimator"):
        points_of([PrunedEstimator(CNNClassifier())], owner="here")


@pytest.mark.parametrize("other", [CNNClassifier(), make_pipeline(CNNClassifier()), None, "model"])
def test_another_estimator_is_refused(other):
    with pytest.raises(TypeError, match="here takes a fitted PrunedEstimator"):
        points_of([other], owner="here")


def test_no_estimator_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        points_of([], owner="here")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"granularity": "weight"}, "one granularity, not 'channel' and 'weight'"),
        ({"scope": "bytes"}, "one scope, not 'global' and 'bytes'"),
        ({"layers": ()}, "one layers"),
        ({"scored_on": "validation data"}, "one score"),
    ],
)
def test_estimators_that_do_not_compare_are_refused(make_report, make_pruned, change, named):
    one, other = make_report(0.25), dataclasses.replace(make_report(0.5), **change)

    with pytest.raises(ValueError, match=named):
        points_of([make_pruned(one), make_pruned(other)], owner="here")
