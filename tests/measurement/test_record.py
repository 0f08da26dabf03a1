from __future__ import annotations

import dataclasses
import json

import pytest

from skdeepopt.measurement._record import Measurement, MeasurementRecord


@pytest.fixture
def record() -> MeasurementRecord:
    number = Measurement(2.0, "ms", (1.0, 3.0), "interquartile range", 10)
    return MeasurementRecord(
        estimator="CNNClassifier",
        metric="accuracy",
        accuracy=Measurement(0.9, "ratio", (0.8, 0.95), "Wilson 95 % interval", 100),
        file_bytes=Measurement.exact(1234, "B"),
        file_format="skdeepopt",
        latency_ms=number,
        latency_p95_ms=number,
        throughput=Measurement(5000.0, "samples/s", (4000.0, 6000.0), "interquartile range", 5),
        batch_size=100,
        peak_memory_bytes=Measurement(1e6, "B", (1e6, 1e6), "range", 3),
        n_parameters=Measurement.exact(25_000, "parameters"),
        multiply_adds=None,
        training_seconds=None,
        machine={"cpu": "a processor", "torch_threads": 1},
        seed=0,
    )


@pytest.mark.parametrize(
    "parts",
    [
        {"value": float("nan")},
        {"spread": (0.0, float("inf"))},
        {"spread": (2.0, 1.0)},
        {"unit": ""},
        {"spread_kind": ""},
        {"n": 0},
    ],
)
def test_a_number_without_one_of_its_parts_cannot_be_built(parts):
    good = {"value": 1.5, "unit": "s", "spread": (1.0, 2.0), "spread_kind": "range", "n": 2}

    with pytest.raises(ValueError, match="Measurement"):
        Measurement(**{**good, **parts})


def test_a_measurement_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Measurement.exact(1, "B").value = 2  # type: ignore[misc]


def test_a_record_survives_json(record):
    plain = record.to_dict()

    assert json.loads(json.dumps(plain)) == plain
    assert Measurement(**{**plain["accuracy"], "spread": (0.8, 0.95)}) == record.accuracy
    assert plain["multiply_adds"] is None


def test_a_record_shows_each_figure_with_unit_spread_and_count(record):
    shown = repr(record)

    assert "CNNClassifier on a processor, 1 threads, seed 0" in shown
    assert "0.9 ratio (Wilson 95 % interval 0.8 to 0.95, n=100)" in shown
    assert "1,234 B (exact)" in shown
    assert "multiply_adds" not in shown


def test_a_frame_has_a_row_for_each_figure_that_is_known(record):
    frame = record.to_frame()

    assert frame.loc["accuracy", "value"] == 0.9
    assert frame.loc["file_bytes", "unit"] == "B"
    assert "multiply_adds" not in frame.index
