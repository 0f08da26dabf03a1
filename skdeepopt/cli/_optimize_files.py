"""The files that an optimization leaves: model, ONNX file, cards, chart, results and page."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import skdeepopt
from skdeepopt.cli._optimize_folder import OUTPUTS, OptimizeFolder
from skdeepopt.cli._optimize_run import baseline_of, metric_of
from skdeepopt.formats._export import export
from skdeepopt.measurement._machine import describe_machine, package_versions
from skdeepopt.measurement._measure import measure
from skdeepopt.report._page import build_page
from skdeepopt.report._page_card import model_card
from skdeepopt.report._page_document import (
    FORMAT,
    candidate,
    figures,
    paired_difference,
    readable,
)
from skdeepopt.report._results import write_bytes, write_json
from skdeepopt.storage import save

__all__ = ["write_files"]

COMPARED = 256
"""Training samples that the ONNX file is held against the model on."""


def write_files(
    auto: Any, options: argparse.Namespace, dataset: Any, folder: OptimizeFolder
) -> dict[str, Any]:
    """Write everything, and return what results.json holds.

    Parameters
    ----------
    auto : AutoOptimizer
        Fitted on the training part.
    options : Namespace
    dataset : ImageDataset
        Its test part is looked at here, and nowhere else.
    folder : OptimizeFolder
    """
    out = folder.path
    rows = [candidate(row, auto.baseline_["name"]) for row in auto.rows_]
    save(auto.best_estimator_, out / "model.skdo")
    onnx_missing = _write_onnx(auto.best_estimator_, out / "model.onnx", dataset)
    document = {
        "format": FORMAT,
        "format_version": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": _asked(options, dataset),
        "metric": metric_of(dataset),
        "validation_reference": _of(rows, "is_reference").get("accuracy"),
        "validation_fraction": float(auto.validation_fraction),
        "found": {
            "n_trials": int(auto.n_trials_),
            "seconds": float(auto.seconds_),
            "n_folds": int(auto.n_folds_),
            "refit_seconds": float(auto.refit_time_),
        },
        "test": _tested(auto, rows, baseline_of(options, dataset), dataset, out / "model.skdo"),
        "candidates": rows,
        "machine": describe_machine(),
        "versions": {"skdeepopt": skdeepopt.__version__, **package_versions()},
        "model_file": "model.skdo",
        "onnx_file": None if onnx_missing else "model.onnx",
        "onnx_missing": onnx_missing,
    }
    _write_chart(auto, out / "chart.png")
    _write_card(document, out)
    return _write_results(document, out)


def _asked(options: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    labels = np.unique(dataset.y_train) if dataset.class_names else np.array([])
    return {
        "data": readable(dataset.name),
        "n_train": len(dataset.X_train),
        "n_test": len(dataset.X_test),
        "sample_shape": list(dataset.X_train.shape[1:]),
        "sample_dtype": str(dataset.X_train.dtype),
        "split": dataset.split,
        "class_names": [readable(name) for name in dataset.class_names],
        "labels": labels.tolist(),
        "baseline": options.baseline,
        "max_accuracy_drop": options.max_accuracy_drop,
        "objective": options.objective,
        "time_budget": options.time_budget,
        "techniques": options.techniques,
        "seed": options.seed,
        "jobs": options.jobs,
    }


def _write_onnx(model: Any, path: Path, dataset: Any) -> str | None:
    """Why there is no file; None where there is one."""
    try:
        # Training samples: the test part has no say in which files there are.
        export(model, path, X=dataset.X_train[:COMPARED])
    except (TypeError, ValueError, ImportError) as error:
        # One of an earlier run would be of another model.
        for stale in (path, path.with_name(f"{path.name}.md")):
            stale.unlink(missing_ok=True)
        return readable(str(error).splitlines()[0])
    return None


def _tested(
    auto: Any, rows: Sequence[Mapping[str, Any]], baseline: Any, dataset: Any, model_file: Path
) -> dict[str, Any]:
    """Figures of the baseline, which is trained here, and of the chosen model, on the test part."""
    start = time.perf_counter()
    baseline.fit(*dataset.train)
    seconds = time.perf_counter() - start
    X, y = dataset.test
    before = measure(baseline, X, y)
    after = measure(auto.best_estimator_, X, y, save=_copy_of(model_file))
    difference = None
    if dataset.class_names:
        models = (baseline, auto.best_estimator_)
        difference = paired_difference(*(np.asarray(model.predict(X)) == y for model in models))
    return {
        "baseline": figures(before, seconds),
        "chosen": figures(after, _of(rows, "chosen").get("train_seconds")),
        "difference": difference,
    }


def _copy_of(path: Path) -> Callable[[Any, Path], object]:
    """A ``save`` for `measure`, so that the bytes that count are those of the file kept."""
    return lambda _, target: target.write_bytes(path.read_bytes())


def _of(rows: Sequence[Mapping[str, Any]], claim: str) -> Mapping[str, Any]:
    return next((row for row in rows if row[claim]), {})


def _write_chart(auto: Any, path: Path) -> None:
    from skdeepopt.report._pareto_display import ParetoDisplay

    buffer = io.BytesIO()
    ParetoDisplay.from_optimizer(auto).figure_.savefig(buffer, format="png", dpi=150)
    write_bytes(path, buffer.getvalue())


def _write_card(document: Mapping[str, Any], out: Path) -> None:
    onnx_card = ""
    if document["onnx_file"]:
        onnx_card = (out / f"{document['onnx_file']}.md").read_text(encoding="utf-8")
    text = model_card(document, onnx_card=onnx_card)
    write_bytes(out / "model-card.md", text.encode("utf-8", "replace"))


def _write_results(document: dict[str, Any], out: Path) -> dict[str, Any]:
    """The page lists what lies beside it, so it comes last, and results.json just before it."""
    written = [name for name in OUTPUTS if (out / name).exists() and name not in _LAST]
    document["files"] = [
        *(_file(name, (out / name).stat().st_size) for name in written),
        *(_file(name, None) for name in _LAST),
    ]
    write_json(out / "results.json", document)
    write_bytes(out / "page.html", build_page(document).encode("utf-8", "replace"))
    return document


_LAST = ("results.json", "page.html")


def _file(name: str, size: int | None) -> dict[str, Any]:
    return {"name": name, "bytes": size, "about": OUTPUTS[name]}
