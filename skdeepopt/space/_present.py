"""What an estimator's parameters are, in the words of a space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._cnn import _CNN
from skdeepopt.nets._registry import ARCHITECTURES
from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._parts import OWN_DEPTH, OWN_WIDTHS, is_named

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
    meant = {n: v for n, v in _meant(estimator, own, n_samples) if n in coordinates.names}
    return own | meant | coordinates.held(own)


def _meant(estimator: Any, parameters: dict[str, Any], n_samples: int) -> Iterator[tuple[str, Any]]:
    """What the network makes of parameters that leave it to choose, by their names."""
    for name, part in {"": estimator, **parameters}.items():
        if not isinstance(part, DeepEstimator):
            continue
        prefix = f"{name}__" if name else ""
        if part.batch_size == "auto":
            yield f"{prefix}batch_size", part._batch_size(n_samples, fits=False)
        if isinstance(part, _CNN):
            yield from _of_network(part, prefix)


def _of_network(estimator: _CNN, prefix: str) -> Iterator[tuple[str, Any]]:
    if estimator.widths is None:
        yield f"{prefix}widths", OWN_WIDTHS
    network = ARCHITECTURES.get(estimator.architecture)
    if estimator.depth is None and network is not None and is_named(network, "depth"):
        yield f"{prefix}depth", OWN_DEPTH
