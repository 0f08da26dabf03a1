from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import pytest

from skdeepopt.measurement._record import Measurement
from skdeepopt.packing._report import PackedLayer, PackingReport
from skdeepopt.pruning._report import NetworkFigures, PrunedLayer, PruningReport
from skdeepopt.quantization._report import QuantizationReport, QuantizedFigures, QuantizedLayer
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.report._cells import Cell


@pytest.fixture
def closed_figures():
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    plt.close("all")
    matplotlib.use(before)


def _cell(
    technique,
    seed,
    accuracy=0.9,
    fit_seconds=2.0,
    file_bytes=1000.0,
    latency_ms=0.5,
    throughput=1e4,
):
    units = {
        "accuracy": "ratio",
        "fit_seconds": "s",
        "file_bytes": "B",
        "latency_ms": "ms",
        "throughput": "samples/s",
    }
    values = dict(
        zip(units, (accuracy, fit_seconds, file_bytes, latency_ms, throughput), strict=True)
    )
    figures = {
        name: Measurement(value, units[name], (value, value), "one run", 1)
        for name, value in values.items()
    }
    return Cell(technique, seed, figures, f"cells/{technique}-seed{seed}.skdo")


@pytest.fixture(scope="session")
def make_cell():
    return _cell


@pytest.fixture(scope="session")
def make_timed():
    """Cell that knows how long its model was trained, as those of a study do."""

    def make(technique, seed, accuracy=0.9, seconds=2.0, fit_seconds=None):
        cell = _cell(technique, seed, accuracy, seconds if fit_seconds is None else fit_seconds)
        time = Measurement(seconds, "s", (seconds, seconds), "one run", 1)
        return dataclasses.replace(cell, figures={**cell.figures, "model_seconds": time})

    return make


def _report(ratio=0.5, n_layers=2, scores=(0.99, 0.98), sizes=(100_000, 40_000), **changes):
    kept = max(1, round(100 * (1 - ratio)))
    layers = tuple(
        PrunedLayer(
            f"features.{index}", "Conv2d", kept, 100, "channels", (100, 3), (kept, 3), 300, 3 * kept
        )
        for index in range(n_layers)
    )
    before, after = (
        NetworkFigures(1000, 1000, 5000, size, 1.0, score)
        for size, score in zip(sizes, scores, strict=True)
    )
    report = PruningReport(
        "channel", ratio, "global", layers, before, after, "accuracy", "training data", 64
    )
    return dataclasses.replace(report, **changes)


@pytest.fixture(scope="session")
def make_report():
    """Report of a pruning that never happened."""
    return _report


@pytest.fixture(scope="session")
def make_pruned():
    """What a display reads of a fitted PrunedEstimator."""

    def make(report, max_accuracy_drop=None):
        return SimpleNamespace(
            pruning_report_=report,
            pruning_ratio_=report.ratio,
            max_accuracy_drop=max_accuracy_drop,
        )

    return make


@pytest.fixture(scope="session")
def make_search(make_pruned):
    """What a display reads of a fitted search."""

    def make(report, ratios, means, name="param_pruning_ratio"):
        results = {name: ratios, "mean_test_score": means, "std_test_score": [0.01] * len(means)}
        return SimpleNamespace(
            best_estimator_=make_pruned(report),
            best_params_={name.removeprefix("param_"): report.ratio},
            cv_results_=results,
            refit=True,
            scoring=None,
        )

    return make


def _quantization_report(
    scheme="int8",
    method="static",
    n_layers=2,
    in_float=(),
    scores=(0.99, 0.98),
    sizes=(100_000, 26_000),
    **changes,
):
    bits = resolve_scheme(scheme, owner="test").bits
    names = [f"features.{index}" for index in range(n_layers)]
    taken = [("float32", 32, 0.0) if n in in_float else (scheme, bits, 0.01) for n in names]
    layers = tuple(
        QuantizedLayer(name, "Conv2d", scheme, bits, 300, (-1.0, 1.0), (0.0, 4.0), error)
        for name, (scheme, bits, error) in zip(names, taken, strict=True)
    )
    before, after = (
        QuantizedFigures("onnxruntime", size, ((1, 0.1),), score)
        for size, score in zip(sizes, scores, strict=True)
    )
    in_engine = dataclasses.replace(before, size_bytes=None, score=None)
    report = QuantizationReport(
        scheme, method, layers, before, in_engine, after, 1.0, "accuracy", "training data"
    )
    return dataclasses.replace(report, **changes)


@pytest.fixture(scope="session")
def make_quantization_report():
    """Report of a quantization that never happened."""
    return _quantization_report


@pytest.fixture(scope="session")
def make_quantized():
    """What a display reads of a fitted QuantizedEstimator."""

    def make(report=None, max_accuracy_drop=None, **changes):
        report = _quantization_report(**changes) if report is None else report
        return SimpleNamespace(
            quantization_report_=report,
            scheme=report.scheme,
            method=report.method,
            max_accuracy_drop=max_accuracy_drop,
        )

    return make


@pytest.fixture(scope="session")
def make_scheme_search(make_quantized):
    """What a display reads of a fitted search over ``scheme``."""

    def make(best, schemes, means, name="param_scheme", **columns):
        scores = {"mean_test_score": means, "std_test_score": [0.01] * len(means)}
        return SimpleNamespace(
            best_estimator_=best,
            best_params_={name.removeprefix("param_"): best.scheme},
            cv_results_={name: schemes, **scores, **columns},
            refit=True,
            scoring=None,
        )

    return make


def _packing_report(
    target=3_000, n_layers=2, scores=(0.99, 0.98), sizes=(88_000, 2_900), **changes
):
    layers = tuple(
        PackedLayer(f"features.{index}", "Conv2d", (20, 10), (10, 10), 40, 3, 0.125, 400.0)
        for index in range(n_layers)
    )
    before, after = (
        NetworkFigures(1000, 100, 5000, size, 1.0, score)
        for size, score in zip(sizes, scores, strict=True)
    )
    report = PackingReport(target, layers, before, after, "accuracy", "training data", 64)
    return dataclasses.replace(report, **changes)


@pytest.fixture(scope="session")
def make_packing_report():
    """Report of a packing that never happened."""
    return _packing_report


@pytest.fixture(scope="session")
def make_packed():
    """What a display reads of a fitted PackedEstimator."""

    def make(report=None, max_accuracy_drop=None, **changes):
        report = _packing_report(**changes) if report is None else report
        return SimpleNamespace(
            packing_report_=report,
            target_bytes=report.target_bytes,
            max_accuracy_drop=max_accuracy_drop,
        )

    return make


@pytest.fixture(scope="session")
def make_target_search():
    """What a display reads of a fitted search over ``target_bytes``."""

    def make(best, targets, means, name="param_target_bytes"):
        scores = {"mean_test_score": means, "std_test_score": [0.01] * len(means)}
        return SimpleNamespace(
            best_estimator_=best,
            best_params_={name.removeprefix("param_"): best.target_bytes},
            cv_results_={name: targets, **scores},
            refit=True,
            scoring=None,
        )

    return make
