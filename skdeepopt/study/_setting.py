"""What a study does on which data: the one record that a continued run must agree with."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skdeepopt.exceptions import DatasetError

__all__ = ["CONFIG_VERSION", "StudySetting", "setting_for"]

CONFIG_VERSION = 3
"""Raised whenever the techniques or the budgets below change what a finished cell means."""

SMALL = 5_000
"""Training images up to which a study affords more epochs, and a search looks at all of them."""


@dataclass(frozen=True)
class StudySetting:
    """Budgets of a study, chosen from the size of the data and the hurry.

    Parameters
    ----------
    data : str
        Name of the data.
    fingerprint : str
        Digest of the training and test data, so that a changed folder is noticed.
    quick : bool
        Whether the budgets are those of a first look.
    max_epochs : int
        Passes over the data of the baseline and of every other training.
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
    n_repeats : int
        Timed answers behind a latency.
    n_threads : int
        Threads that train and answer.
    version : int, default=CONFIG_VERSION
    """

    data: str
    fingerprint: str
    quick: bool
    max_epochs: int
    n_candidates: int
    search_train: int
    search_test: int
    n_splits: int
    batch_sizes: tuple[int, ...]
    widths: tuple[float, ...]
    n_repeats: int
    n_threads: int
    version: int = CONFIG_VERSION

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            assert not isinstance(value, int) or name == "quick" or value >= 1, f"{name} below 1"

    def to_plain(self) -> dict[str, Any]:
        """Dictionary that JSON can hold."""
        lists = {name: list(v) for name, v in asdict(self).items() if isinstance(v, tuple)}
        return {**asdict(self), **lists}


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
    small = n_train <= SMALL
    searched = min(n_train, _searched(small=small, quick=quick))
    # A stratified draw has at least one image of each class.
    search_test = max(searched // 3, n_classes)
    return StudySetting(
        data=dataset.name,
        fingerprint=_fingerprint(dataset),
        quick=quick,
        max_epochs=_epochs(small=small, quick=quick),
        n_candidates=3 if quick else 6,
        search_train=searched - search_test,
        search_test=search_test,
        n_splits=1,
        batch_sizes=_batch_sizes(searched - search_test, small=small),
        widths=(0.5, 1.0) if quick else (0.5, 1.0, 2.0),
        n_repeats=50 if quick else 100,
        # One thread keeps seconds comparable: small steps hardly gain from a second one, and on
        # a busy machine threads that wait for each other cost a tenfold.
        n_threads=1,
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


def _searched(*, small: bool, quick: bool) -> int:
    if small:
        return 1_000 if quick else SMALL
    return 3_000 if quick else 6_000


def _batch_sizes(n_fitted: int, *, small: bool) -> tuple[int, ...]:
    """Sizes to choose from; a candidate is fitted on `n_fitted` images, and no batch exceeds it."""
    sizes = (32, 64) if small else (64, 128, 256)
    return tuple(size for size in sizes if size <= n_fitted) or (n_fitted,)


def _epochs(*, small: bool, quick: bool) -> int:
    if small:
        return 3 if quick else 7
    return 1 if quick else 3


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
