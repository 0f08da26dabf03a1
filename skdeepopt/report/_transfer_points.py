"""What a transfer display shows: scores of estimators that were given few labels, then more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.multiclass import type_of_target

from skdeepopt._random import seed_from
from skdeepopt.datasets._few_labels import few_labels

__all__ = ["scores_by_labels"]

Draw = tuple[list[np.ndarray], np.ndarray]
"""Training rows for each number of labels, and the rows held out."""


def scores_by_labels(
    estimators: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    labels_per_class: Sequence[int],
    n_repeats: int,
    test_size: float,
    random_state: Any,
    owner: str,
) -> dict[str, Any]:
    """Arguments of a display of estimators, each fitted on all draws of labels.

    Parameters
    ----------
    estimators : mapping of str to classifier
        By the name in the legend; clones of them are fitted.
    X, y, labels_per_class, n_repeats, test_size, random_state
        As in ``TransferDisplay.from_estimators``.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    TypeError, ValueError
        Of the arguments, one is something else, or a class has too few labels.
    """
    _check_estimators(estimators, owner=owner)
    counts = _checked_counts(labels_per_class, owner=owner)
    labels = _checked_labels(X, y, owner=owner)
    draws = list(_draws(labels, counts, n_repeats, test_size, random_state, owner=owner))
    scores: dict[str, list[list[float]]] = {
        name: [
            [_score(estimator, X, labels, rows[place], held_out) for rows, held_out in draws]
            for place in range(len(counts))
        ]
        for name, estimator in estimators.items()
    }
    return {
        "labels_per_class": counts,
        "scores": scores,
        "score_name": "accuracy on held-out data",
    }


def _score(estimator: Any, X: Any, y: np.ndarray, rows: np.ndarray, held_out: np.ndarray) -> float:
    fitted = clone(estimator).fit(_safe_indexing(X, rows), y[rows])
    return float(accuracy_score(y[held_out], fitted.predict(_safe_indexing(X, held_out))))


def _draws(
    y: np.ndarray,
    counts: Sequence[int],
    n_repeats: int,
    test_size: float,
    random_state: Any,
    *,
    owner: str,
) -> Iterator[Draw]:
    """Drawn once and used for every estimator, so that differences are paired."""
    if not _is_whole(n_repeats) or n_repeats < 1:
        raise ValueError(f"{owner}.n_repeats is an integer of at least 1, not {n_repeats!r}.")
    random = np.random.RandomState(seed_from(random_state, owner=owner))
    for seed in random.randint(np.iinfo(np.int32).max, size=n_repeats):
        try:
            pool, held_out = train_test_split(
                np.arange(len(y)), test_size=test_size, stratify=y, random_state=int(seed)
            )
        except ValueError as error:
            raise ValueError(
                f"{owner}.test_size is a part of each class to hold out, not {test_size!r}: {error}"
            ) from error
        drawn = few_labels(y[pool], counts, seed=int(seed), owner=owner)
        yield [pool[rows] for rows in drawn], held_out


def _check_estimators(estimators: Any, *, owner: str) -> None:
    allowed = f"{owner}.estimators is a mapping of names to classifiers, not {estimators!r}."
    if not isinstance(estimators, Mapping):
        slip = ' Did you mean {"transfer": estimator}?' if hasattr(estimators, "fit") else ""
        raise TypeError(allowed + slip)
    if not estimators:
        raise ValueError(allowed)
    for name, estimator in estimators.items():
        is_class = isinstance(estimator, type)
        if is_class or not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
            slip = " Did you forget the brackets?" if is_class else ""
            raise TypeError(
                f"{owner}.estimators[{name!r}] is a classifier, not {estimator!r}.{slip}"
            )


def _checked_counts(labels_per_class: Any, *, owner: str) -> list[int]:
    """Ascending, each once."""
    counts = labels_per_class if np.iterable(labels_per_class) else [labels_per_class]
    counts = list(counts)
    if not counts or not all(_is_whole(count) and count >= 1 for count in counts):
        raise ValueError(
            f"{owner}.labels_per_class is one or more integers of at least 1, not "
            f"{labels_per_class!r}."
        )
    return sorted({int(count) for count in counts})


def _checked_labels(X: Any, y: Any, *, owner: str) -> np.ndarray:
    labels = np.asarray(y)
    kind = type_of_target(labels)
    if kind not in ("binary", "multiclass") or len(np.unique(labels)) < 2:
        what = kind if kind not in ("binary", "multiclass") else "one class"
        raise ValueError(f"{owner}.y holds labels of two or more classes, not {what}.")
    check_consistent_length(X, labels)
    return labels.ravel()


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
