from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from skdeepopt import CNNClassifier, QuantizedEstimator
from skdeepopt.quantization._report import QuantizationTrial
from skdeepopt.quantization._scheme import SCHEMES, resolve_scheme
from skdeepopt.report._quantization_points import mean_bits, points_of, points_of_search

LAYERS = ("features.0", "features.1")
TRIALS = (
    QuantizationTrial((), 0.90, False),
    QuantizationTrial(LAYERS, 0.99, True),
    QuantizationTrial(LAYERS[:1], 0.985, True),
)


@given(st.sampled_from(SCHEMES))
def test_layers_of_one_scheme_have_its_bits(make_quantization_report, scheme):
    report = make_quantization_report(scheme)

    assert mean_bits(report) == resolve_scheme(scheme, owner="test").bits


def test_a_layer_counts_by_its_weights(make_quantization_report):
    report = make_quantization_report("int4", in_float=LAYERS[:1])
    large = dataclasses.replace(report.layers[1], n_weights=900)

    bits = mean_bits(dataclasses.replace(report, layers=(report.layers[0], large)))

    assert bits == (300 * 32 + 900 * 4) / 1200


def test_a_trial_has_the_bits_of_the_layers_that_it_left_in_float(make_quantization_report):
    report = make_quantization_report("int4", in_float=LAYERS)

    assert mean_bits(report) == 32
    assert [mean_bits(report, trial.in_float) for trial in TRIALS] == [4, 32, 18]


def test_a_network_without_layers_has_the_bits_of_its_scheme(make_quantization_report):
    assert mean_bits(make_quantization_report("int4", n_layers=0)) == 4


def test_one_estimator_is_the_quantized_point_and_the_dense_one(make_quantized):
    points = points_of([make_quantized()], owner="here")

    assert points["bits"] == [8, 32]
    assert points["schemes"] == ["int8", "float32"]
    assert points["scores"] == [0.98, 0.99]
    assert points["size_bytes"] == [26_000, 100_000]
    assert points["errors"] == {"int8": {"features.0": 0.01, "features.1": 0.01}}
    assert points["layer_schemes"] == {"features.0": "int8", "features.1": "int8"}


def test_the_scheme_float32_is_the_dense_point(make_quantized):
    points = points_of([make_quantized(scheme="float32")], owner="here")

    assert points["bits"] == [32]
    assert points["scores"] == [0.99]


def test_a_budget_shows_every_trial_and_the_one_taken(make_quantized):
    quantized = make_quantized(
        scheme="int4",
        in_float=LAYERS[:1],
        scores=(0.99, 0.985),
        trials=TRIALS,
        max_accuracy_drop=0.015,
    )

    points = points_of([quantized], owner="here")

    assert points["bits"] == [4, 18, 32, 32]
    assert points["scores"] == [0.90, 0.985, 0.99, 0.99]
    assert points["size_bytes"] == [None, 26_000, 100_000, None]
    assert points["chosen"] == 1
    assert points["lowest_score"] == pytest.approx(0.975)
    assert points["layer_schemes"] == {"features.0": "float32", "features.1": "int4"}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_estimators_of_one_scheme_are_averaged(make_quantized, scores):
    quantized = [make_quantized(scores=(0.9, score)) for score in scores]

    points = points_of(quantized, owner="here")

    assert points["scores"][0] == pytest.approx(math.fsum(scores) / len(scores))
    assert points["scores"][1] == pytest.approx(0.9)
    assert points["deviations"][1] == pytest.approx(0.0)


@given(st.permutations(["int2", "int8", "ternary", "codebook8"]))
def test_the_order_of_the_estimators_does_not_matter(make_quantized, schemes):
    quantized = [make_quantized(scheme=scheme) for scheme in schemes]

    points = points_of(quantized, owner="here")

    assert points["schemes"] == ["int2", "ternary", "codebook8", "int8", "float32"]
    assert list(points["errors"]) == ["int2", "ternary", "codebook8", "int8"]


def test_networks_of_one_scheme_are_told_apart_by_method_and_bits(make_quantized):
    quantized = [
        make_quantized(scheme="int4"),
        make_quantized(scheme="int4", method="weight_only"),
        make_quantized(scheme="int4", in_float=LAYERS[:1]),
        make_quantized(scheme="int8", method="training"),
    ]

    points = points_of(quantized, owner="here")

    assert list(points["errors"]) == [
        "int4, static, 4 bits",
        "int4, weight only",
        "int8",
        "int4, static, 18 bits",
    ]


def test_what_is_unknown_stays_unknown(make_quantized):
    points = points_of([make_quantized(scores=(None, 0.98), sizes=(None, None))], owner="here")

    assert points["scores"] == [0.98, None]
    assert points["size_bytes"] == [None, None]


def test_a_pipeline_stands_for_its_last_step(make_quantized):
    quantized = make_quantized()

    points = points_of([SimpleNamespace(steps=[("scale", None), ("q", quantized)])], owner="here")

    assert points == points_of([quantized], owner="here")


def test_the_best_candidate_with_a_scheme_stands_for_it(make_quantized, make_scheme_search):
    search = make_scheme_search(
        make_quantized(scheme="int4"), ["int4", "int8", "int4", "binary"], [0.9, 0.97, 0.95, 0.8]
    )

    points = points_of_search(search, owner="here")

    assert points["schemes"] == ["binary", "int4", "int8", "float32"]
    assert points["scores"] == [0.8, 0.95, 0.97, None]
    assert points["size_bytes"] == [None, 26_000, None, 100_000]
    assert points["chosen"] == 1
    assert points["score_name"] == "accuracy on validation data"


def test_the_candidate_chosen_stands_at_the_bits_that_it_took(make_quantized, make_scheme_search):
    best = make_quantized(scheme="int4", in_float=LAYERS[:1])

    points = points_of_search(make_scheme_search(best, ["int4", "int8"], [0.9, 0.8]), owner="here")

    assert points["bits"] == [8, 18, 32]
    assert points["scores"] == [0.8, 0.9, None]
    assert points["chosen"] == 1


def test_methods_that_were_searched_are_told_apart(make_quantized, make_scheme_search):
    search = make_scheme_search(
        make_quantized(scheme="int4", method="training"),
        ["int4", "int4", "int8"],
        [0.9, 0.95, 0.96],
        name="param_q__scheme",
        param_q__method=["static", "training", "static"],
        param_other__method=["yeo-johnson"] * 3,
    )

    points = points_of_search(search, owner="here")

    assert points["methods"] == ["static", "training", "static", ""]
    assert points["scores"] == [0.9, 0.95, 0.96, None]
    assert points["chosen"] == 1


def test_a_parameter_that_a_candidate_left_alone_is_the_estimators(
    make_quantized, make_scheme_search
):
    methods = np.ma.array(["training", ""], mask=[False, True], dtype=object)
    search = make_scheme_search(
        make_quantized(scheme="int4"), ["int4", "int4"], [0.9, 0.95], param_method=methods
    )
    search.estimator = QuantizedEstimator(CNNClassifier(), method="static")

    points = points_of_search(search, owner="here")

    assert points["methods"] == ["static", "training", ""]
    assert points["scores"] == [0.95, 0.9, None]


def test_the_dense_network_that_was_searched_has_a_score(make_quantized, make_scheme_search):
    search = make_scheme_search(make_quantized(), ["int8", "float32"], [0.9, 0.92])

    assert points_of_search(search, owner="here")["scores"] == [0.9, 0.92]


def test_a_candidate_whose_fit_failed_is_left_out(make_quantized, make_scheme_search):
    search = make_scheme_search(make_quantized(), ["int8", "int99"], [0.9, math.nan])

    assert points_of_search(search, owner="here")["schemes"] == ["int8", "float32"]


def test_a_search_over_something_else_is_refused(make_quantized, make_scheme_search):
    search = make_scheme_search(make_quantized(), [0.1], [0.9], name="param_lr")

    with pytest.raises(ValueError, match="a search over scheme, not over lr"):
        points_of_search(search, owner="here")


def test_a_search_without_a_best_estimator_is_refused():
    with pytest.raises(ValueError, match=r"refit=False. Did you mean refit=True"):
        points_of_search(SimpleNamespace(cv_results_={}, refit=False), owner="here")


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError, match="here takes a fitted estimator"):
        points_of([QuantizedEstimator(CNNClassifier())], owner="here")


@pytest.mark.parametrize("other", [CNNClassifier(), None, "model"])
def test_another_estimator_is_refused(other):
    with pytest.raises(TypeError, match="here takes a fitted QuantizedEstimator"):
        points_of([other], owner="here")


def test_no_estimator_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        points_of([], owner="here")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"n_layers": 3}, "one layers"),
        ({"scored_on": "validation data"}, "one score, not 'accuracy on training data'"),
    ],
)
def test_estimators_that_do_not_compare_are_refused(make_quantized, changes, named):
    with pytest.raises(ValueError, match=named):
        points_of([make_quantized(), make_quantized(**changes)], owner="here")


def test_networks_of_different_sizes_are_refused(make_quantization_report, make_quantized):
    report = make_quantization_report()
    layers = tuple(dataclasses.replace(layer, n_weights=7) for layer in report.layers)
    cut = dataclasses.replace(report, layers=layers)

    with pytest.raises(ValueError, match="one number of weights, not 600 and 14"):
        points_of([make_quantized(report), make_quantized(cut)], owner="here")
