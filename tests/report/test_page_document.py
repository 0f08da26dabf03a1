from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.measurement._record import Measurement, MeasurementRecord
from skdeepopt.report._page_document import candidate, figures, paired_difference, readable

ROW = {
    "name": "base, int8",
    "recipe": "base -> int8",
    "accuracy": np.float64(0.9),
    "file_bytes": 100,
    "latency_ms": 0.1,
    "train_seconds": 2.0,
    "within_drop": np.True_,
    "on_front": True,
    "chosen": False,
    "failure": "",
}


def test_a_row_is_plain_values_that_json_holds():
    found = candidate(ROW, "base")

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["accuracy"] == 0.9
    assert found["within_drop"] is True
    assert found["is_reference"] is False


def test_the_reference_knows_that_it_is_one():
    assert candidate(ROW, "base, int8")["is_reference"] is True


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_not_known(value):
    found = candidate({**ROW, "accuracy": value, "file_bytes": value}, "base")

    assert found["accuracy"] is None
    assert found["file_bytes"] is None


def test_half_a_character_of_a_damaged_name_can_be_written():
    assert readable("a\udcffb").encode("utf-8") == b"a?b"
    assert candidate({**ROW, "name": "\udcff"}, "base")["name"] == "?"


def _record():
    exact = Measurement.exact
    return MeasurementRecord(
        estimator="CNNClassifier",
        metric="accuracy",
        accuracy=Measurement(0.9, "ratio", (0.8, 0.95), "Wilson 95 % interval", 50),
        file_bytes=exact(100, "B"),
        file_format="skdeepopt",
        latency_ms=Measurement(0.1, "ms", (0.09, 0.2), "interquartile range", 100),
        latency_p95_ms=exact(0.3, "ms"),
        throughput=exact(1e4, "samples/s"),
        batch_size=50,
        peak_memory_bytes=exact(1e6, "B"),
        n_parameters=None,
        multiply_adds=None,
        training_seconds=exact(1.0, "s"),
        machine={},
        seed=0,
    )


def test_every_figure_has_unit_spread_and_count():
    found = figures(_record(), 3.5)

    parts = {"value", "unit", "spread", "spread_kind", "n"}
    assert all(figure.keys() == parts for figure in found.values())
    assert found["train_seconds"]["value"] == 3.5
    assert "training_seconds" not in found
    assert json.loads(json.dumps(found)) == found


def test_a_training_that_nobody_timed_is_left_out():
    assert "train_seconds" not in figures(_record(), None)


ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(ANSWERS)
def test_turning_the_models_round_turns_the_change_round(pairs):
    before, after = zip(*pairs, strict=True)

    there, back = paired_difference(before, after), paired_difference(after, before)

    assert there["value"] == -back["value"]
    assert there["low"] == pytest.approx(-back["high"])
    assert (there["n_gained"], there["n_lost"]) == (back["n_lost"], back["n_gained"])
    assert -1 <= there["low"] < there["high"] <= 1


def test_two_models_that_agree_differ_by_nothing_but_are_not_proven_equal():
    found = paired_difference([True, False] * 50, [True, False] * 50)

    assert found["value"] == 0
    assert found["low"] < 0 < found["high"]


def test_the_interval_is_that_of_the_text_book():
    # Approval ratings of Agresti (1990), "Categorical data analysis", section 10.1: -0.04 +- 0.019;
    # with so many answers half of one more hardly counts.
    before = [True] * 944 + [False] * 656
    after = [True] * 794 + [False] * 150 + [True] * 86 + [False] * 570

    found = paired_difference(before, after)

    assert found["value"] == pytest.approx(-0.04)
    assert (found["low"], found["high"]) == pytest.approx((-0.0587, -0.0212), abs=2e-4)
