"""The networks that all else is made of: a quick one, the one asked for, and better ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import LabelEncoder

from skdeepopt.auto._recipes import Recipe
from skdeepopt.auto._rows import AutoRow
from skdeepopt.auto._split import Parts
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.sources._packaged import SOURCES, packaged_source

__all__ = [
    "FEW_LABELS",
    "base_recipe",
    "own_prefix",
    "quick_rows",
    "taught_recipe",
    "transfer_recipes",
    "tuning_candidates",
]

FEW_LABELS = 10_000
"""Samples below which any network gains by imitating a better one."""

_TEACHERS_SHARE = 0.9
"""Weight of what several networks answer together. Digits packed to 3,300 bytes: 99.26 % taught by
their base (0.5), 99.44 % by three networks; 99.41 % is the best of those (16 seeds)."""

_QUICK = 512
"""Samples of the first training of all."""

_LEAST_SIDE, _MOST_SIDE = 8, 64
"""Of images that the packaged sources are any good for."""

_RATES = (1 / 3, 1.0, 3.0)


def own_prefix(estimator: Any) -> str | None:
    """What the names of a network's own parameters begin with; None where it has none to set.

    Parameters
    ----------
    estimator : estimator
        Perhaps wrappers around a deep estimator.
    """
    prefix = ""
    while not isinstance(estimator, DeepEstimator):
        inner = getattr(estimator, "estimator", None)
        if inner is None or isinstance(estimator, FrozenEstimator):
            return None
        estimator, prefix = inner, f"{prefix}estimator__"
    return prefix


def base_recipe(estimator: Any, prefix: str | None) -> Recipe:
    """Recipe that fits the estimator as it was given.

    Parameters
    ----------
    estimator : estimator
    prefix : str or None
    """
    epochs_name = "" if prefix is None else f"{prefix}max_epochs"
    epochs = 0 if prefix is None else int(estimator.get_params()[epochs_name])
    return Recipe(
        name="base",
        steps="base",
        kind="base",
        estimator=clone(estimator),
        epochs=epochs,
        epochs_name=epochs_name,
    )


def quick_rows(parts: Parts, *, classifies: bool) -> np.ndarray:
    """Rows of the training part that a first look takes, some of each label.

    Parameters
    ----------
    parts : Parts
    classifies : bool
    """
    order = parts.order
    rows = order[:_QUICK]
    if classifies:
        first = np.unique(parts.training.y[order], return_index=True)[1]
        rows = np.union1d(rows, order[first])
    return np.sort(rows)


def tuning_candidates(
    estimator: Any, prefix: str, image_shape: tuple[int, ...], *, seed: int, most: int
) -> Iterator[dict[str, Any]]:
    """Changes of parameters that the baseline may do better with.

    Parameters
    ----------
    estimator : estimator
    prefix : str
        Of the names of the network's own parameters.
    image_shape : tuple of int
        Of a sample, as the network sees it.
    seed : int
        Of the draw.
    most : int
        How many at most.
    """
    held = {n: v for n, v in estimator.get_params().items() if n.startswith(prefix)}
    axes: dict[str, list[Any]] = {"lr": [float(held[f"{prefix}lr"]) * rate for rate in _RATES]}
    if held.get(f"{prefix}label_smoothing") == 0.0:
        axes["label_smoothing"] = [0.0, 0.1]
    is_image = len(image_shape) == 3 and min(image_shape[1:]) >= _LEAST_SIDE
    if is_image and held.get(f"{prefix}augment", "") is None:
        axes["augment"] = [None, ImageAugmenter(shift=0.04, rotation=10, stretch=0.1)]
    grid = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    own = {name: held[f"{prefix}{name}"] for name in axes}
    grid = [point for point in grid if point != own]
    # One that changes one thing is likelier to be good than one that changes all.
    drawn = np.random.default_rng(seed).permutation(len(grid))
    changes = [sum(grid[at][name] != own[name] for name in axes) for at in drawn]
    for at in drawn[np.argsort(changes, kind="stable")][:most]:
        point = grid[at]
        yield {f"{prefix}{name}": point[name] for name in axes if point[name] != own[name]}


def transfer_recipes(
    estimator: Any, classes: np.ndarray | None, image_shape: tuple[int, ...], seed: int
) -> list[Recipe]:
    """Recipes that begin with a network of this package, where one has seen the like.

    Parameters
    ----------
    estimator : estimator
    classes : ndarray or None
        Labels to tell apart; those of the source have to be the same.
    image_shape : tuple of int
    seed : int
    """
    if classes is None or not is_classifier(estimator) or len(image_shape) != 3:
        return []
    sides = image_shape[1:]
    if min(sides) < _LEAST_SIDE or max(sides) > _MOST_SIDE:
        return []
    recipes = []
    for name, packaged in SOURCES.items():
        known = packaged_source(name, packaged).classes
        if known is None or {str(label) for label in classes} != {str(k) for k in known}:
            continue
        recipes.append(
            Recipe(
                name=f"from {name}",
                steps=f"transferred from {name}",
                kind="transferred",
                estimator=TransferEstimator(name, image_shape=image_shape, random_state=seed),
                epochs_name="max_epochs",
            )
        )
    return recipes


def taught_recipe(template: Recipe, rows: Sequence[AutoRow], members: Sequence[Any]) -> Recipe:
    """Recipe of a network that is taught by what several answer together.

    Parameters
    ----------
    template : Recipe
        Of the estimator that is taught.
    rows : sequence of AutoRow
        Of the members.
    members : sequence of fitted deep estimators
    """
    return Recipe(
        name=f"taught by {len(members)} networks",
        steps="student of several",
        kind="distilled",
        estimator=DistilledEstimator(
            clone(template.estimator),
            FrozenEstimator(_vote_of(members)),
            alpha=_TEACHERS_SHARE,
            random_state=template.estimator.get_params().get("random_state"),
        ),
        parents=tuple(row.name for row in rows),
        epochs=template.epochs,
        epochs_name=f"estimator__{template.epochs_name}",
    )


def _vote_of(members: Sequence[Any]) -> Any:
    """Fitted ensemble of networks that are there already; a clone of it trains its own."""
    named = [(f"member{at}", clone(member)) for at, member in enumerate(members, start=1)]
    if not is_classifier(members[0]):
        vote = VotingRegressor(named)
    else:
        vote = VotingClassifier(named, voting="soft")
        vote.le_ = LabelEncoder().fit(members[0].classes_)
        vote.classes_ = vote.le_.classes_
    vote.estimators_ = list(members)
    return vote
