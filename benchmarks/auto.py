"""How small and fast a model one call finds, beside the baseline that it starts from, row by row.

The baseline is trained on all training images, as anybody would. The optimizer gets the same images
and a time budget, and holds out what it chooses by. Both models are written to files, which a
fresh process loads, checks and times in turns, one image at a time. The test images are looked at
once a seed; `--validate` scores on a part of the training images in their place.

    SKDEEPOPT_DATA=... taskset -c 0,1 python benchmarks/auto.py mnist
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _record import spread
from _rows import Data, SeedRun, data_for, in_plain_values, run_rows
from pruning import LENET5
from sklearn.model_selection import train_test_split

from skdeepopt import AutoOptimizer, CNNClassifier, save
from skdeepopt.datasets import load_digits_images

FRESH = """
import json, sys, time
import numpy as np
import skdeepopt, torch
torch.set_num_threads(1)
models = [skdeepopt.load(path) for path in sys.argv[1:3]]
X = np.load(sys.argv[3])
answers = [model.decision_function(X).tolist() for model in models]
taken = [[], []]
for turn in range(520):
    one = X[turn % len(X)][None]
    for model, seconds in zip(models, taken):
        start = time.perf_counter()
        model.predict(one)
        seconds.append(time.perf_counter() - start)
print(json.dumps([answers, [1e3 * float(np.median(s[20:])) for s in taken]]))
"""
N_CHECKED = 100
DIGITS_TESTED = 0.25


@dataclass(frozen=True)
class Row:
    """A baseline, and what the optimizer may do with it.

    Parameters
    ----------
    data : str
    base : dict
        Parameters of the `CNNClassifier`.
    options : dict
        Parameters of the `AutoOptimizer`.
    """

    data: str
    base: dict[str, Any]
    options: dict[str, Any]


ROWS = {
    # The package's source has seen MNIST, so that nothing is transferred there. A quarter of the
    # 0.2 points is left for what 6,000 images that have chosen do not tell.
    "mnist": Row(
        "mnist",
        {**LENET5, "max_epochs": 15},
        {
            "time_budget": 900,
            "max_accuracy_drop": 0.0015,
            "validation_fraction": 0.1,
            "techniques": ["tuning", "distillation", "pruning", "quantization", "packing"],
            "n_jobs": 2,
        },
    ),
    "digits": Row("digits", {}, {"time_budget": 120, "max_accuracy_drop": 0.0, "n_jobs": 2}),
}


def load(name: str, *, validate: bool) -> Data:
    """Images of a row."""
    if name != "digits":
        return data_for(name, validate=validate)
    X, y = load_digits_images().all
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=DIGITS_TESTED, stratify=y, random_state=0
    )
    if not validate:
        return Data(X, y, X_test, y_test)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=DIGITS_TESTED, stratify=y, random_state=0
    )
    return Data(X, y, X_test, y_test)


class AutoRun(SeedRun):
    """The baseline, and what the optimizer found."""

    def run(self) -> dict[str, Any]:
        """Figures of both."""
        if "optimized" not in self.result:
            with tempfile.TemporaryDirectory() as folder:
                base, optimizer = self._models()
                self._keep(self._figures(base, optimizer, Path(folder)))
        return self.result

    def _models(self) -> tuple[Any, AutoOptimizer]:
        base = CNNClassifier(**{**self.row.base, "random_state": self.seed})
        optimizer = AutoOptimizer(
            CNNClassifier(**self.row.base), random_state=self.seed, verbose=1, **self.row.options
        )
        start = time.perf_counter()
        base.fit(self.data.X, self.data.y)
        self.baseline_seconds = time.perf_counter() - start
        optimizer.fit(self.data.X, self.data.y)
        return base, optimizer

    def _figures(self, base: Any, optimizer: AutoOptimizer, folder: Path) -> dict[str, Any]:
        best = optimizer.best_estimator_
        files = [save(base, folder / "base"), save(best, folder / "best")]
        equal, latencies = loaded_afresh(files, [base, best], self.data.X_scored[:N_CHECKED])
        figures = [
            {
                "accuracy": self.data.accuracy(model),
                "file_bytes": file.stat().st_size,
                "latency_ms": latency,
            }
            for model, file, latency in zip((base, best), files, latencies, strict=True)
        ]
        kept = ("name", "recipe", "accuracy", "file_bytes", "latency_ms", "train_seconds")
        return {
            "baseline": {**figures[0], "seconds": self.baseline_seconds},
            "optimized": {**figures[1], "seconds": optimizer.seconds_},
            "answers_equal": equal,
            "chosen": {name: optimizer.best_row_[name] for name in kept},
            "n_trials": optimizer.n_trials_,
            "rows": [{name: row[name] for name in kept} for row in sound(optimizer.rows_)],
        }


def sound(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of models, without candidates that failed."""
    return [row for row in rows if not row["failure"]]


def loaded_afresh(
    files: list[Path], models: list[Any], X: np.ndarray
) -> tuple[bool, tuple[float, float]]:
    """Whether a fresh process answers as the models do, and milliseconds that it takes for one."""
    images = files[0].with_name("images.npy")
    np.save(images, X)
    command = [sys.executable, "-c", FRESH, *map(str, files), str(images)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    logits, latencies = json.loads(answer)
    equal = [
        np.array_equal(np.float32(found), model.decision_function(X))
        for found, model in zip(logits, models, strict=True)
    ]
    return all(equal), tuple(latencies)


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Means over the seeds; points of accuracy lost, and how much smaller and faster."""
    runs = list(results.values())
    parts = ("accuracy", "file_bytes", "latency_ms", "seconds")
    both = {
        which: {part: spread(run[which][part] for run in runs) for part in parts}
        for which in ("baseline", "optimized")
    }
    return {
        **both,
        "points_lost": spread(
            100 * (run["baseline"]["accuracy"] - run["optimized"]["accuracy"]) for run in runs
        ),
        **{
            f"{part}_ratio": spread(run["baseline"][part] / run["optimized"][part] for run in runs)
            for part in ("file_bytes", "latency_ms")
        },
        "answers_equal": all(run["answers_equal"] for run in runs),
    }


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    return {"data": row.data, "base": in_plain_values(row.base), "optimizer": row.options}


if __name__ == "__main__":
    run_rows("auto", ROWS, AutoRun, described, summary, doc=__doc__, load=load)
