"""The estimator inside a transfer, around a network of the source's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skdeepopt.data._layout import infer_layout
from skdeepopt.data._rows import as_rows
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.meta._transfer_checks import classifies
from skdeepopt.nets._match import MatchInput
from skdeepopt.nets._transferred import TransferNetwork
from skdeepopt.sources._source import Source

__all__ = ["image_shapes", "inside_estimator", "matched", "network_arguments"]

_SHARED = ("batch_size", "lr", "weight_decay", "augment", "precision", "device", "verbose")


def image_shapes(X: Any, image_shape: Any, *, owner: str) -> tuple[Any, tuple[int, ...] | None]:
    """Image shape as a user would give it, and as a network sees it.

    None where there is more wrong with X, which is told when it is read.

    Parameters
    ----------
    X : array-like
    image_shape : tuple of int or None
        As the user gave it.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    TypeError, ValueError
        The data do not fit `image_shape`, or their channel axis is unclear.
    """
    rows, shape = as_rows(X, owner=owner)
    try:
        shape = tuple(shape or getattr(rows, "shape", None) or np.asarray(rows).shape)
    except (TypeError, ValueError):
        return image_shape, None
    if not 2 <= len(shape) <= 4 or 0 in shape:
        return image_shape, None
    layout = infer_layout(shape, image_shape, owner=owner)
    channels, height, width = layout.shape
    said = (height, width, channels) if layout.channels_last else layout.shape
    return said if image_shape is None else image_shape, layout.shape


def matched(source: Source, image_shape: tuple[int, ...], *, owner: str) -> Source:
    """Source that takes images of a known shape, to which those at hand can be matched.

    Parameters
    ----------
    source : Source
    image_shape : tuple of (channels, height, width)
        Of the images at hand.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    ValueError
        They cannot.
    """
    source = source.for_images(image_shape, owner=owner)
    assert source.image_shape is not None
    try:
        MatchInput(image_shape, source.image_shape)
    except ValueError as error:
        raise ValueError(
            f"{owner}.source {source.name!r} takes images of shape {source.image_shape}, to which "
            f"those of X, {image_shape}, cannot be matched. {error}"
        ) from error
    return source


def network_arguments(source: Source) -> dict[str, Any]:
    """What a ``TransferNetwork`` is built with, besides the shape of the images at hand."""
    network = {"body": source.body, "source_shape": source.image_shape}
    if isinstance(source.body, str):
        network |= {name: getattr(source, name) for name in ("widths", "depth", "standardize")}
    return network


def inside_estimator(outer: Any, network: Mapping[str, Any], image_shape: Any) -> Any:
    """Unfitted estimator around a ``TransferNetwork``, with the parameters of the one outside.

    Parameters
    ----------
    outer : TransferEstimator
    network : mapping
        From :func:`network_arguments`.
    image_shape : tuple of int or None
        As a user would give it.
    """
    options = {name: getattr(outer, name) for name in _SHARED}
    kind = NeuralRegressor
    if classifies(outer.head):
        kind = NeuralClassifier
        options |= {name: getattr(outer, name) for name in ("label_smoothing", "class_weight")}
    named = {f"module__{name}": value for name, value in network.items()}
    return kind(TransferNetwork, image_shape=image_shape, **options, **named)
