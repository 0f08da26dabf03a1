"""What a study does on which data: the one record that a continued run must agree with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skdeepopt.exceptions import DatasetError
from skdeepopt.study._setting_file import read_setting_file

__all__ = ["CONFIG_VERSION", "StudySetting", "setting_for"]

CONFIG_VERSION = read_setting_file()["version"]
"""Raised whenever finished cells mean something else, though every number is the same."""


@dataclass(frozen=True)
class StudySetting:
    """What ``setting.toml`` says for the size of the data and the hurry.

    Parameters
    ----------
    data : str
        Name of the data.
    fingerprint : str
        Digest of the training and test data, so that a changed folder is noticed.
    quick : bool
        Whether the budgets are those of a first look.
    default_seeds : int
        Trainings of each technique where nobody asks for another number.
    max_epochs : int
        Passes over the data of the baseline, and the unit of `passes`.
    n_candidates : int
        Settings that a search tries.
    search_train, search_test : int
        Training images that a search fits a candidate on, and those that it scores it on; both
        are drawn from the training part. The test part chooses nothing.
    n_splits : int
        Such draws per candidate.
    batch_sizes : tuple of int
    widths : tuple of float
        What a search may choose from; widths are multiples of the network's own.
    grid_lr, grid_widths : tuple of float
        Sides of the grid search's grid.
    n_repeats : int
        Timed answers behind a latency.
    n_threads : int
        Threads that train and answer.
    recipes : mapping of str to mapping
        What a technique takes besides, by its name in the file.
    version : int, default=CONFIG_VERSION
    """

    data: str
    fingerprint: str
    quick: bool
    default_seeds: int
    max_epochs: int
    n_candidates: int
    search_train: int
    search_test: int
    n_splits: int
    batch_sizes: tuple[int, ...]
    widths: tuple[float, ...]
    grid_lr: tuple[float, ...]
    grid_widths: tuple[float, ...]
    n_repeats: int
    n_threads: int
    recipes: Mapping[str, Mapping[str, Any]]
    version: int = CONFIG_VERSION

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            assert not isinstance(value, int) or name == "quick" or value >= 1, f"{name} below 1"

    def passes(self, share: float) -> int:
        """Passes over the data that a share of the baseline's is, at least one unless it is 0."""
        return max(1, round(share * self.max_epochs)) if share else 0

    def to_plain(self) -> dict[str, Any]:
        """Dictionary that JSON can hold; an entry of a recipe stands by itself, as in "a.b"."""
        plain = asdict(self)
        recipes = plain.pop("recipes")
        lists = {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
        entries = {
            f"{name}.{key}": value
            for name, recipe in recipes.items()
            for key, value in recipe.items()
        }
        return {**plain, **lists, **entries}


def setting_for(dataset: Any, *, quick: bool) -> StudySetting:
    """Setting for a data set.

    Parameters
    ----------
    dataset : ImageDataset
        With ``name``, ``X_train``, ``y_train``, ``X_test`` and ``y_test``.
    quick : bool
        Whether a first look is enough.

    Raises
    ------
    DatasetError
        The data has no classes, or a class with fewer than 3 training images, which a search
        cannot divide.
    """
    n_classes = _check_classes(dataset)
    n_train = len(dataset.X_train)
    file = read_setting_file()
    size = "small" if n_train <= file["small_images"] else "large"
    budget = file[size]["quick" if quick else "full"]
    searched = min(n_train, budget["searched_images"])
    # A stratified draw has at least one image of each class.
    search_test = max(searched // 3, n_classes)
    return StudySetting(
        data=dataset.name,
        fingerprint=_fingerprint(dataset),
        quick=quick,
        default_seeds=budget["seeds"],
        max_epochs=budget["max_epochs"],
        n_candidates=budget["n_candidates"],
        search_train=searched - search_test,
        search_test=search_test,
        n_splits=1,
        batch_sizes=_batch_sizes(budget["batch_sizes"], searched - search_test),
        widths=tuple(budget["widths"]),
        grid_lr=tuple(budget["grid_lr"]),
        grid_widths=tuple(budget["grid_widths"]),
        n_repeats=budget["n_repeats"],
        n_threads=file["n_threads"],
        recipes=file["techniques"],
    )


def _check_classes(dataset: Any) -> int:
    if not dataset.class_names:
        raise DatasetError(
            f"compare takes data with classes, and the labels of {dataset.name} are continuous. "
            "Did you mean to save them as integers?"
        )
    labels, counts = np.unique(dataset.y_train, return_counts=True)
    if counts.min() < 3:
        raise DatasetError(
            f"compare takes at least 3 training images of each class, not {counts.min()} of "
            f"{labels[counts.argmin()]!s} in {dataset.name}."
        )
    return len(labels)


def _batch_sizes(sizes: Sequence[int], n_fitted: int) -> tuple[int, ...]:
    """Sizes to choose from; a candidate is fitted on `n_fitted` images, and no batch exceeds it."""
    return tuple(size for size in sizes if size <= n_fitted) or (n_fitted,)


def _fingerprint(dataset: Any) -> str:
    digest = hashlib.sha256()
    for part in ("X_train", "y_train", "X_test", "y_test"):
        values = np.asarray(getattr(dataset, part))
        digest.update(f"{part} {values.shape} {values.dtype}".encode())
        if values.dtype.hasobject:
            digest.update("\0".join(map(str, values.ravel())).encode())
        else:
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:16]
