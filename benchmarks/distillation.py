"""What a teacher, and images without labels, give to a small network, row by row.

"mnist-1000" and "mnist-ensemble" train a student with less than a tenth of the teacher's
parameters alone and taught, for as many passes over as many images; the share of the gap to the
teacher that teaching closes is the figure. "mnist-unlabelled" has ten labels of each class, drawn
by the seed, and all other training images without theirs. Recipes were chosen with `--validate`,
which trains on the first 50,000 training images and scores on the rest of them.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/distillation.py mnist-1000
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _record import spread
from _rows import SeedRun, in_plain_values, run_rows, timed
from pruning import DIGITS
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, DistilledEstimator, ImageAugmenter, TransferEstimator
from skdeepopt.datasets._few_labels import few_labels

SMALL = {"widths": 0.25, "augment": DIGITS}
LARGE = {"augment": DIGITS}


@dataclass(frozen=True)
class Row:
    """How many labels there are, and who learns from whom.

    Parameters
    ----------
    data : str
    n_labels : int or None
        Of each class; None is all.
    teacher : dict
        Parameters of the `CNNClassifier` that teaches, or is trained before there are unlabelled
        images.
    n_teachers : int
        More than one vote with their probabilities.
    student : dict or None
        Parameters of the small network; None where the large one itself goes on with unlabelled
        images.
    taught : dict
        Parameters of `DistilledEstimator`, or of `TransferEstimator`.
    """

    data: str
    n_labels: int | None
    teacher: dict[str, Any]
    n_teachers: int
    student: dict[str, Any] | None
    taught: dict[str, Any]


ROWS = {
    "mnist-1000": Row(
        "mnist",
        100,
        {**LARGE, "max_epochs": 100},
        1,
        {**SMALL, "max_epochs": 12},
        {"alpha": 0.9},
    ),
    "mnist-ensemble": Row(
        "mnist",
        None,
        {**LARGE, "max_epochs": 6},
        10,
        {**SMALL, "max_epochs": 20},
        {"alpha": 0.9},
    ),
    # Two steps a pass, of 50 labelled and 350 unlabelled images each.
    "mnist-unlabelled": Row(
        "mnist",
        10,
        {**LARGE, "max_epochs": 150, "batch_size": 50, "label_smoothing": 0.1},
        1,
        None,
        {
            "strategy": "finetune",
            "lr": 0.01,
            "batch_size": 50,
            "max_epochs": 1500,
            "augment": ImageAugmenter(rotation=20, shift=0.12, stretch=0.2),
        },
    ),
}


class DistillationRun(SeedRun):
    """A teacher, and who learns from it."""

    def run(self) -> dict[str, Any]:
        """Accuracy, seconds and parameters of everything that was trained."""
        labelled, unlabelled = self._drawn()
        missing = [name for name in self._learners if name not in self.result]
        if missing:
            teacher, seconds = timed(lambda: self._teacher(*labelled))
            self._keep({"teacher": self._figures(teacher, seconds)})
        for name in missing:
            model, seconds = timed(lambda n=name: self._learners[n](teacher, labelled, unlabelled))
            self._keep({name: self._figures(model, seconds)})
        return self.result

    @property
    def _learners(self) -> dict[str, Callable[..., Any]]:
        if self.row.student is None:
            return {"with unlabelled": self._transferred}
        return {"student": self._alone, "distilled": self._distilled}

    def _drawn(self) -> tuple[tuple[Any, Any], Any]:
        X, y = self.data.X, self.data.y
        if self.row.n_labels is None:
            return (X, y), None
        (rows,) = few_labels(y, (self.row.n_labels,), seed=self.seed)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        return (X[rows], y[rows]), X[rest]

    def _teacher(self, X: Any, y: Any) -> Any:
        nets = [
            (f"net{number}", CNNClassifier(**self.row.teacher, random_state=number))
            for number in range(
                self.row.n_teachers * self.seed, self.row.n_teachers * (self.seed + 1)
            )
        ]
        model = nets[0][1] if len(nets) == 1 else VotingClassifier(nets, voting="soft")
        return model.fit(X, y)

    def _alone(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        """The student without a teacher, for as many steps."""
        X, y = labelled
        more = 1 if unlabelled is None else (len(X) + len(unlabelled)) / len(X)
        epochs = round(more * self.row.student["max_epochs"])
        options = {**self.row.student, "max_epochs": epochs, "random_state": self.seed}
        return CNNClassifier(**options).fit(X, y)

    def _distilled(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        student = CNNClassifier(**{**self.row.student, "random_state": self.seed})
        model = DistilledEstimator(
            student, FrozenEstimator(teacher), unlabelled=unlabelled, **self.row.taught
        )
        return model.fit(*labelled)

    def _transferred(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        model = TransferEstimator(
            FrozenEstimator(teacher),
            unlabelled=unlabelled,
            random_state=self.seed,
            **self.row.taught,
        )
        return model.fit(*labelled)

    def _figures(self, model: Any, seconds: float) -> dict[str, float]:
        nets = getattr(model, "estimators_", [model])
        n_parameters = sum(p.numel() for net in nets for p in net.module_.parameters())
        return {
            "accuracy": self.data.accuracy(model),
            "seconds": seconds,
            "n_parameters": n_parameters,
        }


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Means over the seeds, and the share of the gap that teaching closed."""
    runs = list(results.values())
    accuracy = {name: [run[name]["accuracy"] for run in runs] for name in runs[0]}
    figures: dict[str, Any] = {
        "accuracy": {name: spread(values) for name, values in accuracy.items()},
        "seconds": {name: spread(run[name]["seconds"] for run in runs) for name in runs[0]},
        "n_parameters": {name: runs[0][name]["n_parameters"] for name in runs[0]},
    }
    if "distilled" in accuracy:
        teacher, student, distilled = (
            float(np.mean(accuracy[name])) for name in ("teacher", "student", "distilled")
        )
        figures["gap_closed"] = (distilled - student) / (teacher - student)
    return figures


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    return {
        "data": row.data,
        "n_labels": row.n_labels,
        "teacher": in_plain_values(row.teacher),
        "n_teachers": row.n_teachers,
        "student": row.student and in_plain_values(row.student),
        "taught": in_plain_values(row.taught),
    }


if __name__ == "__main__":
    run_rows("distillation", ROWS, DistillationRun, described, summary, doc=__doc__)
