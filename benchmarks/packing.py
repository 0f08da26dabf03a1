"""How small a file that predicts can be, beside its accuracy, row by row.

A row trains a dense network, and packs copies of it to the sizes of the row. Sizes, epochs and
learning rates were chosen with `--validate`, which trains on the first 50,000 training images of
MNIST and scores on the rest of them; without it the test images are looked at once a seed. Each
file is written, and loaded by a fresh process, which times itself and checks its answers.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/packing.py lenet5
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _record import spread
from _rows import SeedRun, in_plain_values, run_rows, timed
from pruning import LENET5, LENET300
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, ImageAugmenter, PackedEstimator, save
from skdeepopt.meta._figures import file_bytes

FRESH = """
import json, sys, time
import numpy as np
import skdeepopt, skdeepopt.meta, sklearn.utils.validation, torch
X = np.load(sys.argv[2])
torch.set_num_threads(1)
start = time.perf_counter()
model = skdeepopt.load(sys.argv[1])
loaded = time.perf_counter()
model.predict(X[:1])
first = time.perf_counter()
logits = model.decision_function(X)
print(json.dumps([1e3 * (loaded - start), 1e3 * (first - start), logits.tolist()]))
"""
N_CHECKED = 100


@dataclass(frozen=True)
class Row:
    """A network, and the sizes of files that it is packed to.

    Parameters
    ----------
    data : str
    base : dict
        Parameters of the dense `CNNClassifier`.
    sizes : dict of str to dict
        Parameters of each `PackedEstimator`.
    last : dict
        Parameters of the estimator inside that are others while it is packed.
    """

    data: str
    base: dict[str, Any]
    sizes: dict[str, dict[str, Any]]
    last: dict[str, Any] = field(default_factory=dict)


LONGER = {**LENET5, "max_epochs": 15}
WIDER = {
    "architecture": "compact",
    "widths": 2.0,
    "depth": 2,
    "max_epochs": 30,
    "augment": ImageAugmenter(rotation=12, shift=0.06, stretch=0.12),
}
ROWS = {
    # With so many bits the dense network's answers can be imitated; with fewer the labels are more
    # than enough to learn.
    "lenet5": Row(
        "mnist",
        LONGER,
        {
            "9000": {"target_bytes": 9_000, "finetune_epochs": 20, "distillation": 0.5},
            "3000": {"target_bytes": 3_000, "finetune_epochs": 20},
            "5500": {"target_bytes": 5_500, "finetune_epochs": 20, "distillation": 0.5},
        },
    ),
    # Files turn out a tenth smaller than the target, since channels that die out take no table.
    "any": Row(
        "mnist",
        WIDER,
        {"11000": {"target_bytes": 11_900, "finetune_epochs": 40, "distillation": 0.5}},
        last={"lr": 0.005},
    ),
    "lenet300": Row("mnist", LENET300, {"6000": {"target_bytes": 6_000, "finetune_epochs": 20}}),
}


class PackingRun(SeedRun):
    """A dense network, and the packed ones."""

    def run(self) -> dict[str, Any]:
        """Accuracy of the dense network, and figures of each size."""
        missing = [name for name in self.row.sizes if name not in self.result]
        if missing or "dense" not in self.result:
            dense, seconds = timed(self._fitted)
            self._keep(
                {
                    "dense": self.data.accuracy(dense),
                    "dense_seconds": seconds,
                    "dense_bytes": 4 * dense.n_parameters_,
                    "dense_file_bytes": file_bytes(dense),
                }
            )
            for name in missing:
                self._keep({name: self._packed(dense, self.row.sizes[name])})
        return self.result

    def _fitted(self) -> Any:
        model = CNNClassifier(**{**self.row.base, "random_state": self.seed})
        return model.fit(self.data.X, self.data.y)

    def _packed(self, dense: Any, options: dict[str, Any]) -> dict[str, Any]:
        base = copy.deepcopy(dense).set_params(**self.row.last)
        model = PackedEstimator(FrozenEstimator(base), random_state=self.seed, **options)
        model, seconds = timed(lambda: model.fit(self.data.X, self.data.y))
        report = model.packing_report_
        return {
            "accuracy": self.data.accuracy(model),
            "seconds": seconds,
            **loaded_afresh(model, self.data.X_scored[:N_CHECKED]),
            "n_parameters": [report.before.n_parameters, report.after.n_parameters],
            "n_nonzero": report.after.n_nonzero,
            "layers": [[r.name, *r.shape_after, r.n_nonzero, r.bits] for r in report.layers],
        }


def loaded_afresh(model: Any, X: Any) -> dict[str, Any]:
    """Bytes of the file, what a process takes that loads it, and whether it answers the same."""
    with tempfile.TemporaryDirectory() as folder:
        path, images = Path(folder) / "model.skdo", Path(folder) / "images.npy"
        size = save(model, path).stat().st_size
        np.save(images, X)
        command = [sys.executable, "-c", FRESH, str(path), str(images)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    load_ms, first_ms, logits = json.loads(answer)
    equal = np.array_equal(np.array(logits), model.decision_function(X))
    return {
        "file_bytes": size,
        "load_ms": load_ms,
        "first_prediction_ms": first_ms,
        "answers_equal": bool(equal),
    }


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Means over the seeds."""
    runs = list(results.values())
    parts = ("accuracy", "file_bytes", "seconds", "load_ms", "first_prediction_ms")
    sizes = {
        name: {
            **{part: spread(run[name][part] for run in runs) for part in parts},
            "ratio": spread(run["dense_bytes"] / run[name]["file_bytes"] for run in runs),
            "largest_file_bytes": max(run[name]["file_bytes"] for run in runs),
            "answers_equal": all(run[name]["answers_equal"] for run in runs),
        }
        for name in row.sizes
    }
    return {"dense": spread(run["dense"] for run in runs), "sizes": sizes}


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    last = {"last": in_plain_values(row.last)} if row.last else {}
    return {"data": row.data, "base": in_plain_values(row.base), "sizes": row.sizes, **last}


if __name__ == "__main__":
    run_rows("packing", ROWS, PackingRun, described, summary, doc=__doc__)
