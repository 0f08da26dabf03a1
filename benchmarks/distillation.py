"""What a teacher, and images without labels, give to a small network, row by row.

"mnist-1000" and "mnist-ensemble" train a student with at most a tenth of the teacher's parameters
alone and taught, for as many passes over as many images; the share of the gap to the teacher that
teaching closes is the figure. The ensemble is ten networks that are trained as the student alone
is: one network a seed and one more are trained, and each seed's teacher is all but its own, so that
teachers of two seeds have nine networks in common. "mnist-unlabelled" has ten labels of each class,
drawn by the seed, and all other training images without theirs: scikit-learn's label spreading
answers for the images that lie nearest to labelled ones, a network learns these answers, and goes
on with the others under consistency. By consistency alone a way of writing that none of the hundred
labels shows may end up as another digit as a whole; in two draws of ten, crossed sevens became
threes. Recipes were chosen with `--validate`, which trains on the first 50,000 training images and
scores on the rest of them.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/distillation.py mnist-1000
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _record import spread
from _rows import SeedRun, in_plain_values, run_rows, timed
from pruning import DIGITS
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading

from skdeepopt import (
    CNNClassifier,
    DistilledEstimator,
    ImageAugmenter,
    TransferEstimator,
    load,
    save,
)
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
        More than one are networks of other seeds, which vote with their probabilities.
    student : dict or None
        Parameters of the small network; None where the large one itself goes on with unlabelled
        images.
    taught : dict
        Parameters of `DistilledEstimator`, or of `TransferEstimator`.
    first : dict
        Parameters that the network trains with on spread labels, before there are the others.
    share_spread : float
        Share of the images of each class for which a spread label counts.
    """

    data: str
    n_labels: int | None
    teacher: dict[str, Any]
    n_teachers: int
    student: dict[str, Any] | None
    taught: dict[str, Any]
    first: dict[str, Any] = field(default_factory=dict)
    share_spread: float = 0.0


HARD = ImageAugmenter(rotation=20, shift=0.12, stretch=0.2)
ROWS = {
    "mnist-1000": Row(
        "mnist",
        100,
        {**LARGE, "max_epochs": 100},
        1,
        {**SMALL, "max_epochs": 12},
        {"alpha": 0.9},
    ),
    # The student has much to imitate and needs long for it. Two of ten teachers a batch, over 80
    # epochs, close more of the gap than all ten over 40, which take as long.
    "mnist-ensemble": Row(
        "mnist",
        None,
        {**LARGE, "max_epochs": 80},
        10,
        {**LARGE, "max_epochs": 80},
        {"alpha": 0.9, "teachers_per_batch": 2},
    ),
    # Of 50 labelled and 350 unlabelled images a step.
    "mnist-unlabelled": Row(
        "mnist",
        10,
        {**LARGE, "max_epochs": 150, "batch_size": 50, "label_smoothing": 0.1},
        1,
        None,
        {"strategy": "finetune", "lr": 0.01, "batch_size": 50, "max_epochs": 5, "augment": HARD},
        first={"max_epochs": 5, "label_smoothing": 0.1, "augment": HARD},
        share_spread=0.6,
    ),
}

N_NEIGHBORS, N_COMPONENTS = 10, 50


def as_vectors(images: np.ndarray) -> np.ndarray:
    """Images as rows of float pixels."""
    return np.asarray(images, dtype=np.float32).reshape(len(images), -1)


def nearness(points: np.ndarray, others: np.ndarray) -> sparse.csr_matrix:
    """Weights between points and the nearest of them, of shape (n_points, n_others).

    Symmetric among the points themselves, where scikit-learn's "knn" is not: there, labels flow to
    the ones, which are near to everything.
    """
    among = others is points
    search = NearestNeighbors(n_neighbors=N_NEIGHBORS).fit(points)
    distances, nearest = search.kneighbors(None if among else others)
    weights = np.exp(-4 * distances**2 / distances[:, -1:] ** 2)
    rows = np.repeat(np.arange(len(others)), N_NEIGHBORS)
    shape = (len(others), len(points))
    graph = sparse.csr_matrix((weights.ravel(), (rows, nearest.ravel())), shape=shape)
    return graph + graph.T if among else graph.T.tocsr()


def spreading(X: np.ndarray, y: np.ndarray) -> Pipeline:
    """Label spreading over all images, from the labels of the first."""
    known = np.full(len(X), -1)
    known[: len(y)] = y
    spread_labels = LabelSpreading(kernel=nearness, alpha=0.99, max_iter=300, tol=1.0)
    principal = PCA(N_COMPONENTS, random_state=0)
    return make_pipeline(FunctionTransformer(as_vectors), principal, spread_labels).fit(X, known)


def surest(spread_labels: LabelSpreading, share: float) -> np.ndarray:
    """Rows that a spread label counts for, the same share of each class."""
    sure, labels = spread_labels.label_distributions_.max(1), spread_labels.transduction_
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    kept = [r[np.argsort(-sure[r], kind="stable")[: round(share * len(r))]] for r in rows]
    return np.concatenate(kept)


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
            return {"with unlabelled": self._with_unlabelled}
        return {"student": self._alone, "distilled": self._distilled}

    def _drawn(self) -> tuple[tuple[Any, Any], Any]:
        X, y = self.data.X, self.data.y
        if self.row.n_labels is None:
            return (X, y), None
        (rows,) = few_labels(y, (self.row.n_labels,), seed=self.seed)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        return (X[rows], y[rows]), X[rest]

    def _teacher(self, X: Any, y: Any) -> Any:
        n_teachers = self.row.n_teachers
        if n_teachers == 1:
            return self._network(self.row.teacher, self.seed).fit(X, y)
        numbers = [(self.seed + other) % (n_teachers + 1) for other in range(1, n_teachers + 1)]
        nets = [(f"net{n}", FrozenEstimator(self._member(n, X, y))) for n in numbers]
        return VotingClassifier(nets, voting="soft").fit(X, y)

    def _alone(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        """The student without a teacher, for as many steps."""
        X, y = labelled
        if self.row.n_teachers > 1:
            return self._member(self.seed, X, y)
        more = 1 if unlabelled is None else (len(X) + len(unlabelled)) / len(X)
        epochs = round(more * self.row.student["max_epochs"])
        return self._network({**self.row.student, "max_epochs": epochs}, self.seed).fit(X, y)

    def _member(self, number: int, X: Any, y: Any) -> CNNClassifier:
        """The network of a seed, which the runs of all seeds share."""
        net = self._network(self.row.teacher, number)
        if self.store is None:
            return net.fit(X, y)
        path = self.store.path.parent / f"distillation-net{number}.skdo"
        kept = load(path) if path.exists() else None
        if repr(kept) != repr(net):
            kept = load(save(net.fit(X, y), path))
        return kept

    def _network(self, options: dict[str, Any], seed: int) -> CNNClassifier:
        return CNNClassifier(**{**options, "random_state": seed})

    def _distilled(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        student = self._network(self.row.student, self.seed)
        model = DistilledEstimator(
            student,
            FrozenEstimator(teacher),
            unlabelled=unlabelled,
            random_state=self.seed,
            **self.row.taught,
        )
        return model.fit(*labelled)

    def _with_unlabelled(self, teacher: Any, labelled: Any, unlabelled: Any) -> Any:
        """A network that learns the surest of the spread labels, and goes on with all images."""
        X, y = np.concatenate([labelled[0], unlabelled]), labelled[1]
        graph = spreading(X, y)
        self._keep({"spread labels": {"accuracy": self.data.accuracy(graph)}})
        chosen = np.union1d(np.arange(len(y)), surest(graph[-1], self.row.share_spread))
        labels = np.append(y, graph[-1].transduction_[len(y) :])
        X_first, y_first = X[chosen], labels[chosen]
        first = self._network({**LARGE, **self.row.first}, self.seed).fit(X_first, y_first)
        model = TransferEstimator(
            FrozenEstimator(first),
            unlabelled=np.delete(X, chosen, axis=0),
            random_state=self.seed,
            **self.row.taught,
        )
        return model.fit(X_first, y_first)

    def _figures(self, model: Any, seconds: float) -> dict[str, float]:
        nets = getattr(model, "estimators_", [model])
        if self.row.n_teachers > 1:  # Most of them were there before.
            seconds = sum(epoch["seconds"] for net in nets for epoch in net.history_)
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
    nets = [name for name in runs[0] if "n_parameters" in runs[0][name]]
    figures: dict[str, Any] = {
        "accuracy": {name: spread(values) for name, values in accuracy.items()},
        "seconds": {name: spread(run[name]["seconds"] for run in runs) for name in nets},
        "n_parameters": {name: runs[0][name]["n_parameters"] for name in nets},
    }
    if "distilled" in accuracy:
        teacher, student, distilled = (
            float(np.mean(accuracy[name])) for name in ("teacher", "student", "distilled")
        )
        figures["gap_closed"] = (distilled - student) / (teacher - student)
    return figures


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    first = (
        {"first": in_plain_values(row.first), "share_spread": row.share_spread} if row.first else {}
    )
    return {
        "data": row.data,
        "n_labels": row.n_labels,
        "teacher": in_plain_values(row.teacher),
        "n_teachers": row.n_teachers,
        "student": row.student and in_plain_values(row.student),
        "taught": in_plain_values(row.taught),
        **first,
    }


if __name__ == "__main__":
    run_rows("distillation", ROWS, DistillationRun, described, summary, doc=__doc__)
