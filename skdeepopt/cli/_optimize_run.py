"""The search that ``optimize`` runs, and what it says before it begins."""

from __future__ import annotations

import argparse
from typing import Any

from skdeepopt.cli._optimize_folder import OptimizeFolder
from skdeepopt.cli._optimize_progress import CandidateLines
from skdeepopt.report._page_document import readable
from skdeepopt.report._page_text import duration, in_points

__all__ = ["baseline_of", "build_optimizer", "metric_of", "opening", "setting_of"]


def setting_of(options: argparse.Namespace, dataset: Any) -> dict[str, Any]:
    """What a run that goes on from another one has to agree with.

    Parameters
    ----------
    options : Namespace
        Of `add_arguments`.
    dataset : ImageDataset
    """
    from skdeepopt.journal._identity import fingerprint
    from skdeepopt.measurement._machine import describe_machine

    arrays = [dataset.X_train, dataset.y_train, dataset.X_test, dataset.y_test]
    return {
        "data": readable(dataset.name),
        "fingerprint": fingerprint(arrays),
        "max_accuracy_drop": options.max_accuracy_drop,
        "objective": options.objective,
        "techniques": options.techniques,
        "baseline": options.baseline,
        "seed": options.seed,
        "machine": str(describe_machine()["cpu"]),
        "time_budget": options.time_budget,
        "jobs": options.jobs,
    }


def build_optimizer(options: argparse.Namespace, dataset: Any, folder: OptimizeFolder) -> Any:
    """Unfitted ``AutoOptimizer`` that keeps what it finds in the folder."""
    from skdeepopt.auto._auto import AutoOptimizer

    return AutoOptimizer(
        baseline_of(options, dataset),
        max_accuracy_drop=options.max_accuracy_drop,
        objective=options.objective,
        time_budget=options.time_budget,
        techniques=options.techniques,
        n_jobs=options.jobs,
        random_state=options.seed,
        journal=folder.journal,
        callbacks=[CandidateLines(options.time_budget, metric_of(dataset))],
    )


def baseline_of(options: argparse.Namespace, dataset: Any) -> Any:
    """Unfitted network that is to be made better."""
    from skdeepopt.estimators._cnn import CNNClassifier, CNNRegressor

    network = CNNClassifier if dataset.class_names else CNNRegressor
    return network(architecture=options.baseline, random_state=options.seed)


def metric_of(dataset: Any) -> str:
    """Name of the score: accuracy where there are classes."""
    return "accuracy" if dataset.class_names else "R2"


def opening(options: argparse.Namespace, dataset: Any, folder: OptimizeFolder) -> str:
    """What is going to happen, in a few lines."""
    shape = "x".join(str(length) for length in dataset.X_train.shape[1:])
    classes = len(dataset.class_names)
    kind = f"{classes} classes" if classes else "a continuous target"
    drop = in_points(options.max_accuracy_drop, metric_of(dataset))
    lines = [
        f"{dataset.name}: {len(dataset.X_train)} training and {len(dataset.X_test)} test samples "
        f"of {shape}, {kind}; {options.objective} within {drop} of {options.baseline}, "
        f"{duration(options.time_budget)}"
    ]
    if folder.is_continued:
        lines.append(f"{folder.path} holds a run of this; going on from there")
    return "\n".join(lines)
