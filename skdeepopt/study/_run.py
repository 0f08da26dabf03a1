"""The run of a study, cell by cell, from wherever an earlier run stopped."""

from __future__ import annotations

import datetime
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skdeepopt.datasets._few_labels import few_labels
from skdeepopt.measurement._machine import package_versions
from skdeepopt.measurement._measure import measure
from skdeepopt.measurement._record import Measurement
from skdeepopt.report._cells import Cell
from skdeepopt.storage import save
from skdeepopt.study._setting import StudySetting
from skdeepopt.study._store import CellStore
from skdeepopt.study._techniques import Technique
from skdeepopt.study._threads import limited_threads

__all__ = ["Task", "missing_tasks", "run_task", "seconds_left", "warm_up"]


@dataclass(frozen=True)
class Task:
    """A cell that is still to be computed."""

    technique: Technique
    seed: int


def missing_tasks(store: CellStore, techniques: Sequence[Technique]) -> Iterator[Task]:
    """Cells that the folder lacks, seed by seed, so that a stopped run has whole comparisons."""
    for seed in range(store.n_seeds):
        for technique in techniques:
            if store.find(technique.name, seed) is None:
                yield Task(technique, seed)


def run_task(
    task: Task,
    setting: StudySetting,
    dataset: Any,
    store: CellStore,
    *,
    before_saving: Callable[[], None] = lambda: None,
) -> Cell:
    """Train, save and measure the model of a cell, and add the cell to the folder.

    Parameters
    ----------
    task : Task
    setting : StudySetting
    dataset : ImageDataset
        Its test part is looked at once, after the training.
    store : CellStore
    before_saving : callable, default does nothing
        Called after the training; what it raises keeps the cell out of the folder.

    Returns
    -------
    cell : Cell
    """
    estimator = task.technique.build(setting, task.seed)
    X, y = _training_part(task, dataset)
    with limited_threads(setting.n_threads):
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds = time.perf_counter() - start
        before_saving()
        cell = _measured(task, estimator, seconds, setting, dataset, store)
    store.add(cell)
    return cell


def warm_up(task: Task, setting: StudySetting, dataset: Any, warm: set[type]) -> None:
    """Train the technique of a task on a handful of images, and throw the result away.

    Much of torch, and the inference engines, are only loaded by the first training that takes them,
    which would be charged for it. Searches train nothing that the others do not.

    Parameters
    ----------
    task : Task
    setting : StudySetting
    dataset : ImageDataset
    warm : set of type
        Kinds of estimators that have been trained, which are not again; that of the task joins.
    """
    if task.technique.kind == "search":
        return
    estimator = task.technique.build(replace(setting, max_epochs=1), task.seed)
    if type(estimator) in warm:
        return
    labels = np.unique(dataset.y_train)
    rows = np.concatenate([np.flatnonzero(dataset.y_train == label)[:3] for label in labels])
    with warnings.catch_warnings():
        # Of what so few images can do, none of it is news.
        warnings.simplefilter("ignore")
        estimator.fit(dataset.X_train[rows], dataset.y_train[rows])
    warm.add(type(estimator))


def seconds_left(done: Sequence[tuple[str, float]], todo: Sequence[str]) -> float | None:
    """Seconds that the remaining cells may take.

    Parameters
    ----------
    done : sequence of (technique, seconds)
        Cells finished in this run or before.
    todo : sequence of str
        Techniques of the remaining cells; one not seen yet counts as the mean of the others.

    Returns
    -------
    seconds : float or None
        None before the first cell is done.

    Examples
    --------
    >>> seconds_left([("baseline", 2.0), ("grid search", 10.0)], ["baseline", "random search"])
    8.0
    """
    if not done:
        return None
    by_technique: dict[str, list[float]] = {}
    for name, seconds in done:
        by_technique.setdefault(name, []).append(seconds)
    means = {name: sum(values) / len(values) for name, values in by_technique.items()}
    unseen = sum(means.values()) / len(means)
    return sum(means.get(name, unseen) for name in todo)


def _training_part(task: Task, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    n_labels = task.technique.labels_per_class
    if n_labels is None:
        return dataset.X_train, dataset.y_train
    (rows,) = few_labels(dataset.y_train, [n_labels], seed=task.seed)
    return dataset.X_train[rows], dataset.y_train[rows]


def _measured(
    task: Task,
    estimator: Any,
    seconds: float,
    setting: StudySetting,
    dataset: Any,
    store: CellStore,
) -> Cell:
    # A search is a way to find a model; the model is what gets saved and measured.
    model = getattr(estimator, "best_estimator_", estimator)
    path = store.model_path(task.technique.name, task.seed)
    save(model, path)
    record = measure(
        model, dataset.X_test, dataset.y_test, repeats=setting.n_repeats, save=_copy_of(path)
    )
    # What the model found was trained for: all of fit, unless that searched for it first.
    alone = float(getattr(estimator, "refit_time_", seconds))
    figures = {
        "accuracy": record.accuracy,
        "fit_seconds": _one_run(seconds),
        "model_seconds": _one_run(alone),
    }
    rest = {name: figure for name, figure in record.measurements() if name != "training_seconds"}
    return Cell(
        task.technique.name,
        task.seed,
        {**figures, **rest},
        path.relative_to(store.folder).as_posix(),
        dict(getattr(estimator, "best_params_", {})),
        {"machine": record.machine, "versions": package_versions(), "date": _now()},
    )


def _copy_of(path: Path) -> Callable[[Any, Path], object]:
    """A ``save`` for `measure`, so that the bytes that count are those of the file kept."""
    return lambda _, target: target.write_bytes(path.read_bytes())


def _one_run(seconds: float) -> Measurement:
    return Measurement(seconds, "s", (seconds, seconds), "one run", 1)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
