"""What a pretrained network saves in labels, row by row, beside training from scratch.

A row draws so many labels a class by its seed, and trains on them alone: the transferred network;
its control from scratch with the best recipe found for it (augmented, and for more steps than it
gains from), for as many steps and for as many seconds as the transferred one took; the defaults
without augmentation; and scikit-learn's logistic regression and support vector machine on pixels.
Recipes were chosen with `--validate`, on labels and images that no figure is scored on.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/transfer.py digits-5
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from _record import spread
from _rows import Data, SeedRun, in_plain_values, run_rows, timed
from backbone import Handwriting
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from torch.nn import functional

from skdeepopt import CNNClassifier, ImageAugmenter, TransferEstimator
from skdeepopt.datasets import load_cifar10, load_mnist

MILD = ImageAugmenter(shift=0.08, rotation=10, stretch=0.15)
PHOTOS = ImageAugmenter(shift=0.125, flip=True)
EARLY = (1, 3, 10)
"""Passes over the data after which the transferred network may already be as good as the one from
scratch in the end."""
N_TUNED = 1000
"""Digits that recipes were chosen on; the others are scored on."""


@dataclass(frozen=True)
class Row:
    """Labels, a source, and the recipes of both networks.

    Parameters
    ----------
    data : str
    n_labels : int
        Of each class.
    source : callable
        Gives what `TransferEstimator` takes as its source.
    transfer, scratch : dict
        Parameters of `TransferEstimator` and of `CNNClassifier`.
    """

    data: str
    n_labels: int
    source: Callable[[], Any]
    transfer: dict[str, Any]
    scratch: dict[str, Any]


def packaged() -> str:
    """The network that comes with the package."""
    return "mnist-compact"


@cache
def from_digits() -> FrozenEstimator:
    """A network that has seen scikit-learn's digits only, enlarged and framed as MNIST's are."""
    X, y = load_digits(return_X_y=True)
    small = torch.from_numpy(X.astype(np.float32)).reshape(-1, 1, 8, 8)
    large = functional.interpolate(small, size=(22, 22), mode="bilinear").squeeze(1)
    framed = np.pad(large.numpy() * (255 / 16), ((0, 0), (3, 3), (3, 3)))
    hands = Handwriting(zoom=(0.75, 1.2), coarse=0.2)
    model = CNNClassifier(max_epochs=80, augment=hands, random_state=0)
    return FrozenEstimator(model.fit(framed, y))


@cache
def from_five_classes() -> FrozenEstimator:
    """A residual network that has seen the first five classes of CIFAR-10."""
    data = load_cifar10()
    first = sorted(set(data.y_train))[:5]
    rows = np.isin(data.y_train, first)
    model = CNNClassifier("residual", max_epochs=12, augment=PHOTOS, random_state=0)
    return FrozenEstimator(model.fit(data.X_train[rows], data.y_train[rows]))


DIGITS = {"max_epochs": 200, "augment": MILD, "label_smoothing": 0.1}
ROWS = {
    "digits-5": Row("digits", 5, packaged, {"augment": MILD, "batch_norm": "keep"}, DIGITS),
    "digits-10": Row("digits", 10, packaged, {"augment": MILD, "batch_norm": "keep"}, DIGITS),
    "mnist-10": Row(
        "mnist",
        10,
        from_digits,
        {**DIGITS, "max_epochs": 150, "lr": 0.01},
        {**DIGITS, "max_epochs": 150},
    ),
    "cifar10-50": Row(
        "five_classes",
        50,
        from_five_classes,
        {"augment": PHOTOS, "max_epochs": 40},
        {"architecture": "residual", "augment": PHOTOS, "max_epochs": 80},
    ),
}


def load_data(name: str, *, validate: bool) -> Data:
    """Images that labels are drawn from, and images to score on."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X = X.reshape(-1, 8, 8).astype(np.float32)
        tuned, others = (X[:N_TUNED], y[:N_TUNED]), (X[N_TUNED:], y[N_TUNED:])
        drawn, scored = (tuned, tuned) if validate else (tuned, others)
        return Data(*drawn, *scored)
    loaded = load_mnist() if name == "mnist" else load_cifar10()
    parts = [(loaded.X_train, loaded.y_train), (loaded.X_test, loaded.y_test)]
    if name == "five_classes":
        others = sorted(set(loaded.y_train))[5:]
        parts = [(X[np.isin(y, others)], y[np.isin(y, others)]) for X, y in parts]
    if validate:
        X, y = parts[0]
        order = np.random.default_rng(0).permutation(len(y))
        parts = [(X[half], y[half]) for half in np.array_split(order, 2)]
    return Data(*parts[0], *parts[1])


class TransferRun(SeedRun):
    """One draw of labels, and what is trained on it."""

    def run(self) -> dict[str, Any]:
        """Accuracy and seconds of everything that was trained."""
        X, y = self._labelled()
        if "transferred" not in self.result:
            self._keep({"transferred": self._measured(self._transfer(), X, y)})
        for name, control in self._controls().items():
            if name not in self.result:
                self._keep({name: self._measured(control(), X, y)})
        if "seconds_to_scratch" not in self.result:
            self._keep({"seconds_to_scratch": self._seconds_to_scratch(X, y)})
        return self.result

    def _labelled(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(self.seed)
        classes = np.unique(self.data.y)
        rows = [rng.permutation(np.flatnonzero(self.data.y == c))[: self._n] for c in classes]
        drawn = np.concatenate(rows)
        if self.data.X is self.data.X_scored:  # Validation: whatever was not drawn is scored on.
            rest = np.setdiff1d(np.arange(len(self.data.y)), drawn)
            X, y = self.data.X, self.data.y
            self.data = Data(X, y, X[rest], y[rest])
        return self.data.X[drawn], self.data.y[drawn]

    @property
    def _n(self) -> int:
        return int(self.row.n_labels)

    def _transfer(self, **changes: Any) -> TransferEstimator:
        options = {**self.row.transfer, "random_state": self.seed, **changes}
        return TransferEstimator(self.row.source(), **options)

    def _scratch(self, **changes: Any) -> CNNClassifier:
        return CNNClassifier(**{**self.row.scratch, "random_state": self.seed, **changes})

    def _controls(self) -> dict[str, Callable[[], Any]]:
        epochs = int(self.result["transferred"]["epochs"])
        plain = {k: v for k, v in self.row.scratch.items() if k == "architecture"}
        return {
            "scratch": self._scratch,
            "as many steps": lambda: self._scratch(max_epochs=epochs),
            "as many seconds": lambda: self._scratch(max_epochs=self._epochs_in_as_many_seconds()),
            "plain": lambda: CNNClassifier(**plain, random_state=self.seed),
            "logistic regression": lambda: on_pixels(LogisticRegression(max_iter=2000)),
            "support vectors": lambda: on_pixels(SVC(C=10.0)),
        }

    def _epochs_in_as_many_seconds(self) -> int:
        took, scratch = self.result["transferred"], self.result["scratch"]
        return max(1, round(scratch["epochs"] * took["seconds"] / scratch["seconds"]))

    def _measured(self, estimator: Any, X: Any, y: Any) -> dict[str, float]:
        is_deep = hasattr(estimator, "max_epochs")
        flat = (
            (lambda images: images) if is_deep else (lambda images: images.reshape(len(images), -1))
        )
        model, seconds = timed(lambda: estimator.fit(flat(X), y))
        epochs = len(model.history_) if is_deep else 0
        accuracy = float(model.score(flat(self.data.X_scored), self.data.y_scored))
        return {"accuracy": accuracy, "seconds": seconds, "epochs": epochs}

    def _seconds_to_scratch(self, X: Any, y: Any) -> float | None:
        """Of the shortest training tried that is as good as the one from scratch in the end."""
        wanted = self.result["scratch"]["accuracy"]
        shortest = [self._transfer(max_epochs=epochs) for epochs in EARLY]
        for estimator in shortest:
            measured = self._measured(estimator, X, y)
            if measured["accuracy"] >= wanted:
                return measured["seconds"]
        full = self.result["transferred"]
        return full["seconds"] if full["accuracy"] >= wanted else None


def on_pixels(classifier: Any) -> Any:
    """The classifier behind a scaler to [0, 1]."""
    return make_pipeline(MinMaxScaler(), classifier)


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Errors, and what they are divided by, over the seeds."""
    runs = list(results.values())
    names = [name for name, measured in runs[0].items() if isinstance(measured, dict)]
    errors = {name: [100 * (1 - run[name]["accuracy"]) for run in runs] for name in names}
    means = {name: float(np.mean(values)) for name, values in errors.items()}
    reached = [run for run in runs if run["seconds_to_scratch"] is not None]
    return {
        "error": {name: spread(values) for name, values in errors.items()},
        "seconds": {name: spread(run[name]["seconds"] for run in runs) for name in names},
        "error_divided_by": means["scratch"] / means["transferred"],
        "points_over_plain": means["plain"] - means["transferred"],
        "points_over_scratch": means["scratch"] - means["transferred"],
        "n_reached": len(reached),
        "seconds_share": spread(
            run["seconds_to_scratch"] / run["scratch"]["seconds"] for run in reached
        )
        if reached
        else None,
    }


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    return {
        "data": row.data,
        "n_labels": row.n_labels,
        "source": row.source.__name__,
        "transfer": in_plain_values(row.transfer),
        "scratch": in_plain_values(row.scratch),
    }


if __name__ == "__main__":
    run_rows("transfer", ROWS, TransferRun, described, summary, doc=__doc__, load=load_data)
