"""What an estimator's parameters are, in the words of a space."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._cnn import _CNN
from skdeepopt.estimators._samples import auto_batch_size
from skdeepopt.nets._registry import ARCHITECTURES
from skdeepopt.space._coordinates import Coordinates

__all__ = ["present_parameters"]


def present_parameters(estimator: Any, coordinates: Coordinates, n_samples: int) -> dict[str, Any]:
    """Parameters of an estimator; where the space holds no None or "auto", what these stand for.

    Parameters
    ----------
    estimator : estimator
    coordinates : Coordinates
        Of the space.
    n_samples : int
        To train on, by which batches are chosen.

    Examples
    --------
    >>> from skopt.space import Real
    >>> from skdeepopt import CNNClassifier
    >>> space = Coordinates({"widths": Real(0.25, 1.0)})
    >>> present_parameters(CNNClassifier(), space, n_samples=1_000)["widths"]
    1.0
    """
    own: dict[str, Any] = estimator.get_params()
    places = zip(coordinates.names, coordinates.point(own), strict=True)
    missing = {name for name, place in places if np.isnan(place)}
    meant = {n: value for n, value in _meant(estimator, own, n_samples) if n in missing}
    return own | meant


def _meant(estimator: Any, parameters: dict[str, Any], n_samples: int) -> Iterator[tuple[str, Any]]:
    """What the network makes of parameters that leave it to choose, by their names."""
    for name, part in {"": estimator, **parameters}.items():
        if not isinstance(part, DeepEstimator):
            continue
        prefix = f"{name}__" if name else ""
        if part.batch_size == "auto":
            yield f"{prefix}batch_size", auto_batch_size(n_samples)
        if isinstance(part, _CNN):
            yield from _of_network(part, prefix)


def _of_network(estimator: _CNN, prefix: str) -> Iterator[tuple[str, Any]]:
    if estimator.widths is None:
        yield f"{prefix}widths", 1.0
    network = ARCHITECTURES.get(estimator.architecture)
    accepted = inspect.signature(network).parameters if network else {}
    if estimator.depth is None and "depth" in accepted:
        yield f"{prefix}depth", accepted["depth"].default
