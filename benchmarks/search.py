"""How soon a search finds what random search finds, and how good a network it finds in the end.

Every method searches the same twelve dimensions on the same split of the training rows, and may
train as many epochs in all. All that it scores on the way is noted, with the epochs it had trained
by then. The best candidate's parameters are then trained on all training rows, and scored on the
test images, once. Epochs, the space and the recipe of each method were chosen with `--validate`,
which never reads the test images.

    SKDEEPOPT_DATA=... OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/search.py digits
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from _record import spread
from _rows import Data, SeedRun, run_rows
from _search_meter import METER, MeteredCNN, Trace, new_network
from _search_ours import OURS
from _search_peers import PEERS, Problem
from _search_space import SPACE, described_space, in_plain_types
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split

from skdeepopt.datasets import load_digits_images, load_mnist

METHODS: dict[str, Callable[[Problem], dict[str, Any]]] = {**PEERS, **OURS}
ONLY: list[str] = []
"""Methods to try beside random search with ``--methods``; none is all."""


@dataclass(frozen=True)
class Row:
    """What is searched on, and for how long.

    Parameters
    ----------
    data : str
    max_epochs : int
        Of one whole training.
    n_trainings : int
        Each method may train as many epochs as this many whole trainings.
    min_epochs : int, default=1
        Least epochs after which a training is compared with others.
    n_rows : int or None, default=None
        Training rows that the seed draws, class by class; None is all.
    validation : float, default=1/3
        Share of the rows that candidates are scored on.
    left_out : tuple of str, default=()
        Methods that the row does without.
    """

    data: str
    max_epochs: int
    n_trainings: int
    min_epochs: int = 1
    n_rows: int | None = None
    validation: float = 1 / 3
    left_out: tuple[str, ...] = ()

    @property
    def methods(self) -> list[str]:
        """Those that are compared."""
        return [name for name in METHODS if name not in self.left_out]


ROWS = {
    # After one pass over so few images all networks still guess.
    "digits": Row(
        "digits", max_epochs=27, n_trainings=15, min_epochs=3, left_out=("hyperband random",)
    ),
    "mnist-6000": Row(
        "mnist",
        max_epochs=27,
        n_trainings=12,
        n_rows=6000,
        left_out=("hyperband random",),
    ),
    # Says in a minute or two whether all methods run.
    "smoke": Row("digits", max_epochs=3, n_trainings=3, n_rows=400),
}


def load(name: str, *, validate: bool) -> Data:
    """Training and test images; with `validate` a part of the training images is the test."""
    loaded = load_mnist() if name == "mnist" else load_digits_images()
    X, y = loaded.train
    if not validate:
        return Data(X, y, *loaded.test)
    kept, scored = train_test_split(
        np.arange(len(y)), test_size=1 / 6 if name == "mnist" else 0.25, random_state=0, stratify=y
    )
    return Data(X[kept], y[kept], X[scored], y[scored])


class SearchRun(SeedRun):
    """One seed: every method on the same rows and the same split."""

    def run(self) -> dict[str, Any]:
        """Traces, scores, seconds and test accuracy of each method."""
        for name in self.row.methods:
            if name not in self.result and (not ONLY or name in {"random", *ONLY}):
                self._keep(self._searched(name))
        return self.result

    @cached_property
    def problem(self) -> Problem:
        """The rows that the seed draws, and their split; all that is slow once is done."""
        import optuna  # noqa: F401

        X, y, row = self.data.X, self.data.y, self.row
        if row.n_rows is not None:
            X, _, y, _ = train_test_split(
                X, y, train_size=row.n_rows, random_state=self.seed, stratify=y
            )
        cut = StratifiedShuffleSplit(1, test_size=row.validation, random_state=self.seed)
        # The first training of a process imports what torch needs for it.
        new_network(MeteredCNN, max_epochs=1, seed=0).fit(X, y)
        return Problem(
            X,
            y,
            next(cut.split(X, y)),
            row.max_epochs,
            row.n_trainings,
            row.min_epochs,
            self.seed,
        )

    def _searched(self, name: str) -> dict[str, Any]:
        problem = self.problem
        METER.reset()
        start, busy = time.perf_counter(), time.process_time()
        best = METHODS[name](problem)
        wall, busy = time.perf_counter() - start, time.process_time() - busy
        figures = {
            "epochs": METER.epochs,
            "n_scored": len(METER.scored),
            "seconds": wall,
            "processor_seconds": busy,
            "overhead": 1 - METER.inside / wall,
            # On a busy machine the surer one, but blind to waiting for a disk.
            "processor_overhead": 1 - METER.processor_inside / busy,
            "any": METER.improvements(),
            "full": METER.improvements(trained=problem.max_epochs),
        }
        if name != "random":
            return {name: self._with_best(figures, best)}
        half = METER.best(problem.budget, problem.max_epochs).parameters
        twice = self._with_best(figures, best)
        return {
            "random": self._with_best(_until(figures, problem.budget), _of_space(half)),
            "random twice": twice,
        }

    def _with_best(self, figures: dict[str, Any], best: dict[str, Any]) -> dict[str, Any]:
        """The figures, and the best candidate's own after a whole training on all rows."""
        problem = self.problem
        parameters = in_plain_types(_of_space(best))
        model = new_network(MeteredCNN, max_epochs=problem.max_epochs, seed=self.seed)
        model.set_params(**parameters).fit(problem.X, problem.y)
        return {**figures, "parameters": parameters, "accuracy": self.data.accuracy(model)}


def _of_space(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in SPACE}


def _until(figures: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Figures of the first part of a search; seconds in proportion."""
    share = epochs / figures["epochs"]
    traces = {
        name: [point for point in figures[name] if point[0] <= epochs] for name in ("any", "full")
    }
    scaled = {name: figures[name] * share for name in ("seconds", "processor_seconds")}
    n_scored = round(figures["n_scored"] * share)
    return {**figures, **scaled, **traces, "epochs": epochs, "n_scored": n_scored}


def epochs_until(trace: Trace, score: float) -> int | None:
    """Epochs of the search when it first had the score, None where it never had."""
    return next((epochs for epochs, found in trace if found >= score), None)


def best_within(trace: Trace, epochs: int) -> float:
    """Best score after so many epochs of the search; 0 before the first."""
    return max((found for spent, found in trace if spent <= epochs), default=0.0)


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Figures of each method over the seeds."""
    runs = list(results.values())
    return {name: _summed(row, runs, name) for name in runs[0]}


def _summed(row: Row, runs: list[dict[str, Any]], name: str) -> dict[str, Any]:
    budget = row.max_epochs * row.n_trainings
    targets = [best_within(run["random"]["full"], budget) for run in runs]
    firsts = [epochs_until(run["random"]["full"], t) for run, t in zip(runs, targets, strict=True)]
    figures: dict[str, Any] = {
        "accuracy": spread(run[name]["accuracy"] for run in runs),
        "below": {
            peer: spread(run[peer]["accuracy"] - run[name]["accuracy"] for run in runs)
            for peer in runs[0]
            if peer not in {name, *OURS}
        },
        "validation": spread(best_within(run[name]["full"], budget) for run in runs),
        "epochs": spread(run[name]["epochs"] for run in runs),
        "seconds": spread(run[name]["seconds"] for run in runs),
        "overhead": spread(run[name]["overhead"] for run in runs),
        "processor_overhead": spread(run[name]["processor_overhead"] for run in runs),
        "n_scored": spread(run[name]["n_scored"] for run in runs),
    }
    for trace in ("any", "full"):
        reached = [epochs_until(run[name][trace], t) for run, t in zip(runs, targets, strict=True)]
        figures[f"until_random_{trace}"] = _until_random(reached, firsts, budget)
    return figures


def _until_random(
    reached: list[int | None], firsts: list[int | None], budget: int
) -> dict[str, Any]:
    """Epochs until the score, as shares of random search's; those never reached count as all."""
    counted = [budget if epochs is None else min(epochs, budget) for epochs in reached]
    return {
        "n_reached": sum(epochs is not None and epochs <= budget for epochs in reached),
        "epochs": spread(counted),
        "median_share_of_budget": float(np.median(counted)) / budget,
        "mean_share_of_budget": float(np.mean(counted)) / budget,
        # Random search had it before its end, by luck, at some candidate between.
        "share_of_randoms_first": float(np.sum(counted) / np.sum(np.array(firsts, float))),
    }


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    config = {name: value for name, value in asdict(row).items() if name != "left_out"}
    return {**config, "space": described_space(SPACE), "methods": row.methods}


def _read_methods() -> None:
    """Take ``--methods`` out of the command: for trials with `--validate` only."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[])
    options, rest = parser.parse_known_args()
    if options.methods and "--validate" not in rest:
        parser.error("--methods goes with --validate: a record has all methods")
    ONLY.extend(options.methods)
    sys.argv[1:] = rest


if __name__ == "__main__":
    _read_methods()
    run_rows("search", ROWS, SearchRun, described, summary, doc=__doc__, load=load)
