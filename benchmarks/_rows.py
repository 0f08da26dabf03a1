"""A table's rows, each trained with several seeds that a cut does not lose."""

from __future__ import annotations

import argparse
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from _record import SeedStore, recorded_runs, write_record

from skdeepopt.datasets import load_cifar10, load_mnist

VALIDATION = {"mnist": 50_000, "cifar10": 40_000}


@dataclass(frozen=True)
class Data:
    """Images to train on, and images to score on."""

    X: Any
    y: Any
    X_scored: Any
    y_scored: Any

    def accuracy(self, model: Any) -> float:
        return float(model.score(self.X_scored, self.y_scored))


def data_for(name: str, *, validate: bool) -> Data:
    """The test images, or the last of the training images in their place."""
    loaded = load_mnist() if name == "mnist" else load_cifar10()
    if not validate:
        return Data(loaded.X_train, loaded.y_train, loaded.X_test, loaded.y_test)
    # CIFAR-10 comes sorted by class.
    order = torch.randperm(len(loaded.y_train), generator=torch.Generator().manual_seed(0)).numpy()
    order = order if name == "cifar10" else range(len(loaded.y_train))
    X, y, n = loaded.X_train[order], loaded.y_train[order], VALIDATION[name]
    return Data(X[:n], y[:n], X[n:], y[n:])


def in_plain_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of an estimator as a record holds them."""
    return {key: str(value) if key == "augment" else value for key, value in options.items()}


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Result, and seconds of the processor: on one thread those that a quiet machine takes."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


class SeedRun(ABC):
    """The trainings of one seed, each kept as soon as it is there.

    Parameters
    ----------
    row : Row
        Of the table.
    data : Data
    seed : int
    store : SeedStore or None
        Where results are kept; None keeps none, and trains no controls.
    """

    def __init__(self, row: Any, data: Data, seed: int, store: SeedStore | None) -> None:
        self.row = row
        self.data = data
        self.seed = seed
        self.store = store
        self.result: dict[str, Any] = dict(store.results.get(seed, {})) if store else {}

    @abstractmethod
    def run(self) -> dict[str, Any]:
        """Results by name, those that were kept and those that were missing."""

    def _keep(self, part: dict[str, Any]) -> None:
        self.result |= part
        print(f"  seed {self.seed}: {part}", flush=True)
        if self.store is not None:
            self.store.put(self.seed, self.result)


def run_rows(
    table: str,
    rows: Mapping[str, Any],
    run: type[SeedRun],
    described: Callable[[Any], dict[str, Any]],
    summary: Callable[[Any, dict[int, Any]], dict[str, Any]],
    *,
    doc: str | None,
    load: Callable[..., Data] = data_for,
) -> None:
    """Run the seeds of a row that are missing, and write its record.

    Parameters
    ----------
    table : str
        The record's name begins with it.
    rows : dict of str to Row
        With an attribute `data`.
    run : subclass of SeedRun
    described, summary : callable
        Plain values of a row; figures over its seeds.
    doc : str
        What the command says of itself.
    load : callable, default=data_for
        ``load(name, validate=...)`` gives the data of a row.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("row", choices=rows)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", type=int, help="this seed, and no record: to run several at once")
    parser.add_argument("--validate", action="store_true", help="no record, no controls")
    options = parser.parse_args()
    row, name = rows[options.row], f"{table}-{options.row}"
    seeds = list(range(options.seeds)) if options.only is None else [options.only]
    torch.set_num_threads(1)
    data = load(row.data, validate=options.validate)
    if options.validate:
        print(summary(row, {seed: run(row, data, seed, None).run() for seed in seeds}))
        return
    config = {**described(row), "threads": 1}
    results = {}
    # More seeds than there were, on another day: the record holds those that are there.
    recorded = recorded_runs(name, config)
    for seed in seeds:
        store = SeedStore(f"{name}-seed{seed}", config)
        store.results = recorded | store.results
        results[seed] = run(row, data, seed, store).run()
    if options.only is None:
        figures = summary(row, results)
        record = {"figures": figures, "runs": results}
        print(write_record(name, {**config, "seeds": seeds}, record).name, figures)
