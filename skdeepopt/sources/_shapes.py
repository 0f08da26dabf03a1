"""Which images a body takes, where nobody has written it down."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.nets._blocks import Flatten

__all__ = ["image_body", "of_samples"]

_USUAL_SIDES = (28, 32, 8, 16, 48, 64, 96, 128, 160, 192, 224, 256, 288, 299, 320, 384)
"""Sides of square images that networks are built for."""


def of_samples(body: nn.Module, sample_shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    """Body that takes images, and their shape, of one that takes samples of `sample_shape`.

    Parameters
    ----------
    body : torch.nn.Module
    sample_shape : tuple of int
        One axis is a row of numbers, two are height and width, three are an image.
    """
    if len(sample_shape) == 3:
        return body, sample_shape
    if len(sample_shape) == 2:
        return nn.Sequential(nn.Flatten(1, 2), body), (1, *sample_shape)
    return nn.Sequential(Flatten(), body), _row_shape(sample_shape[0], channels=1)


def image_body(
    body: nn.Module, image_shape: tuple[int, ...], *, owner: str, name: str
) -> tuple[nn.Module, tuple[int, ...]]:
    """Body that takes images, and the shape nearest to `image_shape` of those that it takes.

    Parameters
    ----------
    body : torch.nn.Module
    image_shape : tuple of (channels, height, width)
        Of the images at hand.
    owner, name : str
        Who asks, and what the body is called; for the message.

    Raises
    ------
    ValueError
        No shape that was tried fits.
    """
    reason = ""
    for candidate, shape in _candidates(body, image_shape):
        problem = _problem(candidate, shape)
        if problem is None:
            return candidate, shape
        reason = reason or problem
    raise ValueError(
        f"{owner}.source {name} takes images of shape {image_shape}, or square ones of 8 to 384 "
        f"pixels a side, and gives features of shape (n_samples, n_features); this one does not: "
        f"{reason} Did you mean FrozenEstimator(estimator), which knows its image_shape_?"
    )


def _candidates(
    body: nn.Module, image_shape: tuple[int, ...]
) -> Iterator[tuple[nn.Module, tuple[int, ...]]]:
    channels, *size = image_shape
    first = next((part for part in body.modules() if isinstance(part, nn.Conv2d | nn.Linear)), None)
    if isinstance(first, nn.Linear):
        shape = image_shape
        if first.in_features != math.prod(image_shape):
            shape = _row_shape(first.in_features, channels)
        yield body, shape
        yield nn.Sequential(Flatten(), body), shape
    if isinstance(first, nn.Conv2d):
        channels = first.in_channels
    yield body, (channels, *size)
    for side in _USUAL_SIDES:
        yield body, (channels, side, side)


def _row_shape(n_numbers: int, channels: int) -> tuple[int, ...]:
    for count in (channels, 1, 3):
        side = math.isqrt(n_numbers // count)
        if count * side * side == n_numbers:
            return (count, side, side)
    return (1, 1, n_numbers)


def _problem(body: nn.Module, shape: tuple[int, ...]) -> str | None:
    """Why a body cannot take images of a shape, None where it can."""
    parameter = next(body.parameters(), torch.zeros(0))
    try:
        with in_evaluation(body):
            features = body(torch.zeros(2, *shape, device=parameter.device))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0].rstrip('.')}."
    if isinstance(features, torch.Tensor) and features.ndim == 2 and len(features) == 2:
        return None
    given = getattr(features, "shape", type(features).__name__)
    return f"it answers two images with {tuple(given) if not isinstance(given, str) else given}."
