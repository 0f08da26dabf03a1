from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skdeepopt import CNNClassifier, PackedEstimator
from skdeepopt.packing._report import PackingTrial
from skdeepopt.report._packing_points import points_of, points_of_search

TRIALS = (
    PackingTrial(3_000, 2_900, 0.985, True),
    PackingTrial(1_500, 1_400, 0.95, False),
    PackingTrial(2_000, 1_980, 0.98, True),
)


def test_one_estimator_is_the_packed_point_and_the_dense_one(make_packed):
    points = points_of([make_packed()], owner="here")

    assert points["targets"] == [3_000, None]
    assert points["size_bytes"] == [2_900, 88_000]
    assert points["scores"] == [0.98, 0.99]
    assert points["deviations"] == [None, None]
    assert points["layer_bytes"] == {"3,000 bytes": {"features.0": 50.0, "features.1": 50.0}}
    assert points["layer_bits"] == {"3,000 bytes": {"features.0": 2.0, "features.1": 2.0}}


def test_a_budget_shows_every_size_tried_and_the_one_taken(make_packed, make_packing_report):
    report = make_packing_report(1_980, sizes=(88_000, 1_980), trials=TRIALS)

    points = points_of([make_packed(report, max_accuracy_drop=0.01)], owner="here")

    assert points["targets"] == [1_500, 2_000, 3_000, None]
    assert points["size_bytes"] == [1_400, 1_980, 2_900, 88_000]
    assert points["chosen"] == 1
    assert points["lowest_score"] == pytest.approx(0.98)


def test_where_no_size_fits_the_dense_network_is_the_one_taken(make_packed, make_packing_report):
    trials = [dataclasses.replace(trial, fits=False) for trial in TRIALS]
    report = make_packing_report(88_000, sizes=(88_000, 88_000), trials=tuple(trials))

    points = points_of([make_packed(report, max_accuracy_drop=0.0)], owner="here")

    assert points["targets"][points["chosen"]] is None


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 10**6)), min_size=2, max_size=4))
def test_estimators_of_one_target_are_averaged(make_packed, ends):
    packed = [make_packed(scores=(0.9, score), sizes=(10**6, size)) for score, size in ends]

    points = points_of(packed, owner="here")

    assert points["scores"][0] == pytest.approx(math.fsum(score for score, _ in ends) / len(ends))
    assert points["size_bytes"][0] == pytest.approx(sum(size for _, size in ends) / len(ends))
    assert points["deviations"][1] == pytest.approx(0.0)


def test_the_order_of_the_estimators_does_not_matter(make_packed):
    packed = [make_packed(target=target) for target in (3_000, 1_000, 2_000)]

    points = points_of(packed, owner="here")

    assert points == points_of(packed[::-1], owner="here")
    assert points["targets"] == [1_000, 2_000, 3_000, None]
    assert list(points["layer_bits"]) == ["1,000 bytes", "2,000 bytes", "3,000 bytes"]


def test_a_network_that_no_file_holds_has_no_place(make_packed):
    points = points_of([make_packed(sizes=(None, 2_900))], owner="here")

    assert points["targets"] == [3_000]


def test_a_pipeline_stands_for_its_last_step(make_packed):
    packed = make_packed()

    points = points_of([SimpleNamespace(steps=[("scale", None), ("pack", packed)])], owner="here")

    assert points == points_of([packed], owner="here")


def test_the_best_candidate_of_a_target_stands_for_it(make_packed, make_target_search):
    search = make_target_search(make_packed(), [3_000, 3_000, 1_000], [0.9, 0.97, 0.95])

    points = points_of_search(search, owner="here")

    assert points["targets"] == points["size_bytes"] == [1_000, 3_000]
    assert points["scores"] == [0.95, 0.97]
    assert points["chosen"] == 1
    assert points["size_name"] == "model file asked for"


def test_a_search_that_prefers_no_target_shows_the_one_that_was_taken(
    make_packed, make_target_search
):
    best = make_packed(target=3_280)
    best.target_bytes = None
    search = make_target_search(best, [None, 1_000], [0.97, 0.95])

    points = points_of_search(search, owner="here")

    assert points["targets"] == [1_000, 3_280]
    assert points["chosen"] == 1


def test_a_candidate_that_failed_or_has_no_target_is_left_out(make_packed, make_target_search):
    search = make_target_search(make_packed(), [3_000, 1_000, None], [0.9, math.nan, 0.8])

    assert points_of_search(search, owner="here")["targets"] == [3_000]


def test_the_target_of_a_step_is_found_by_its_longer_name(make_packed, make_target_search):
    search = make_target_search(make_packed(), [3_000], [0.9], name="param_pack__target_bytes")

    assert points_of_search(search, owner="here")["scores"] == [0.9]


def test_a_search_over_something_else_is_refused_by_its_parameters(make_packed, make_target_search):
    search = make_target_search(make_packed(), [0.1], [0.9], name="param_lr")

    with pytest.raises(ValueError, match="a search over target_bytes, not over lr"):
        points_of_search(search, owner="here")


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError, match="here takes a fitted estimator"):
        points_of([PackedEstimator(CNNClassifier())], owner="here")


@pytest.mark.parametrize("other", [CNNClassifier(), make_pipeline(CNNClassifier()), None, "model"])
def test_another_estimator_is_refused(other):
    with pytest.raises(TypeError, match="here takes a fitted PackedEstimator"):
        points_of([other], owner="here")


def test_no_estimator_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        points_of([], owner="here")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"layers": ()}, "one layers"),
        ({"scored_on": "validation data"}, "one score"),
    ],
)
def test_estimators_that_do_not_compare_are_refused(
    make_packed, make_packing_report, change, named
):
    other = make_packed(make_packing_report(**change))

    with pytest.raises(ValueError, match=named):
        points_of([make_packed(), other], owner="here")


def test_networks_of_different_sizes_are_refused(make_packed, make_packing_report):
    report = make_packing_report()
    larger = dataclasses.replace(report.before, n_parameters=2000)
    other = make_packed(dataclasses.replace(report, before=larger))

    with pytest.raises(ValueError, match="one number of parameters, not 1000 and 2000"):
        points_of([make_packed(report), other], owner="here")
