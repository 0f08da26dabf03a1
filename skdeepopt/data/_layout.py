"""How rows of numbers, or arrays of more axes, are read as images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

__all__ = ["ImageLayout", "infer_layout", "layout_of"]

Rows = TypeVar("Rows", torch.Tensor, np.ndarray)

_MOST_CHANNELS = 4


@dataclass(frozen=True)
class ImageLayout:
    """Where channels, height and width lie in memory.

    Parameters
    ----------
    shape : tuple of (channels, height, width), or of any other axes
        What the network sees.
    channels_last : bool, default=False
        Whether a row of numbers runs over height, width, channels rather than channels first.
    """

    shape: tuple[int, ...]
    channels_last: bool = False

    @property
    def n_features(self) -> int:
        """Numbers in an image."""
        return math.prod(self.shape)

    def as_images(self, rows: Rows) -> Rows:
        """View of `rows` (n_samples, n_features) as (n_samples, channels, height, width)."""
        if not self.channels_last:
            return rows.reshape(-1, *self.shape)
        channels, height, width = self.shape
        images = rows.reshape(-1, height, width, channels)
        if isinstance(images, torch.Tensor):
            return images.permute(0, 3, 1, 2)
        return images.transpose(0, 3, 1, 2)


def infer_layout(data_shape: Sequence[int], image_shape: Any, *, owner: str) -> ImageLayout:
    """Layout of data of `data_shape`, as `image_shape` says or, without it, by convention.

    Parameters
    ----------
    data_shape : sequence of int
        Shape of the data with the sample axis first: 2 to 4 axes.
    image_shape : None, (height, width), (channels, height, width) or (height, width, channels)
        What the user said.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    TypeError, ValueError
        `image_shape` is no shape, or the data do not fit it, or their channel axis is unclear.
    """
    inner = tuple(int(size) for size in data_shape[1:])
    if not 1 <= len(inner) <= 3:
        raise ValueError(
            f"{owner} takes X of 2, 3 or 4 axes (samples first), not of shape {tuple(data_shape)}."
        )
    if image_shape is None:
        return _by_convention(inner, owner)
    given = _checked_shape(image_shape, owner)
    layout = ImageLayout((1, *given)) if len(given) == 2 else _three_axes(given, owner)
    _check_fits(inner, given, layout, owner)
    return layout


def layout_of(data_shape: Sequence[int], fitted: ImageLayout, *, owner: str) -> ImageLayout:
    """Layout of new data for a network that was fitted on images laid out as `fitted`."""
    inner = tuple(int(size) for size in data_shape[1:])
    if len(inner) == 1:
        return fitted
    if inner == fitted.shape or (1, *inner) == fitted.shape:
        return ImageLayout(fitted.shape)
    if len(fitted.shape) == 3 and inner == (*fitted.shape[1:], fitted.shape[0]):
        return ImageLayout(fitted.shape, channels_last=True)
    raise ValueError(f"X has samples of shape {inner}, but {owner} was fitted on {fitted.shape}.")


def _by_convention(inner: tuple[int, ...], owner: str) -> ImageLayout:
    if len(inner) == 3:
        return _three_axes(inner, owner)
    if len(inner) == 2:
        return ImageLayout((1, *inner))
    side = math.isqrt(inner[0])
    return ImageLayout((1, side, side) if side * side == inner[0] else (1, 1, inner[0]))


def _three_axes(inner: tuple[int, ...], owner: str) -> ImageLayout:
    first, middle, last = inner
    if first <= _MOST_CHANNELS or (last > _MOST_CHANNELS and first < min(middle, last)):
        return ImageLayout((first, middle, last))
    if last <= _MOST_CHANNELS or last < min(first, middle):
        return ImageLayout((last, first, middle), channels_last=True)
    raise ValueError(
        f"{owner} cannot tell the channel axis of images of shape {inner}: it is the first or the "
        f"last, and smaller than height and width. Did you mean 3-D X, one channel, "
        f"(n_samples, height, width)?"
    )


def _checked_shape(image_shape: Any, owner: str) -> tuple[int, ...]:
    allowed = (
        f"{owner}.image_shape is None, (height, width), (channels, height, width) or (height, "
        f"width, channels), integers of at least 1, not {image_shape!r}."
    )
    if isinstance(image_shape, (str, bytes)) or not isinstance(image_shape, (Sequence, np.ndarray)):
        raise TypeError(allowed)
    if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in image_shape):
        raise TypeError(allowed)
    if len(image_shape) not in (2, 3) or min(image_shape) < 1:
        raise ValueError(allowed)
    return tuple(int(size) for size in image_shape)


def _check_fits(
    inner: tuple[int, ...], given: tuple[int, ...], layout: ImageLayout, owner: str
) -> None:
    if len(inner) == 1:
        fits = inner[0] == layout.n_features
    else:
        fits = inner == given or (1, *inner) == given or (*inner, 1) == given
        fits = fits or inner == (*given, 1) or inner == (1, *given)
    if not fits:
        raise ValueError(
            f"{owner}.image_shape is {given}, {math.prod(given)} numbers an image, but X has "
            f"{math.prod(inner)} in shape {inner}.{_likely(inner, layout)}"
        )


def _likely(inner: tuple[int, ...], layout: ImageLayout) -> str:
    if len(inner) > 1:
        return f" Did you mean image_shape={inner}?"
    side = math.isqrt(inner[0] // layout.shape[0])
    if layout.shape[0] * side * side == inner[0]:
        return f" Did you mean image_shape={(layout.shape[0], side, side)}?"
    return ""
