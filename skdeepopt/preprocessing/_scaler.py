"""Pixels brought to mean zero and deviation one, channel by channel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["ImageScaler"]

_MOST_CHANNELS = 4
# About 32 MB at a time as float64.
_CHUNK_VALUES = 1 << 22


class ImageScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale images so that each channel of the training data has mean 0 and deviation 1.

    Parameters
    ----------
    image_shape : tuple of int, optional
        ``(height, width)``, ``(channels, height, width)`` or ``(height, width, channels)``, to
        say how flat rows are laid out. Without it they have one channel.

    Attributes
    ----------
    mean_, var_, scale_ : ndarray of shape (n_channels,), float64
        Mean, variance and deviation of each channel, in pixel values. A channel that never
        varies has scale 1, so that it becomes 0.
    n_samples_seen_ : int
    channels_last_ : bool
        Whether a flat row runs over height, width, channels.
    n_features_in_ : int
        Numbers in an image.
    feature_names_in_ : ndarray of str
        Only where X was a table with names.

    Raises
    ------
    TypeError, ValueError
        Pixels are not finite numbers, `image_shape` does not fit them, or it is unclear which
        axis of 4-D data holds the channels.

    Notes
    -----
    X is flat (n, features), (n, h, w), (n, c, h, w) or (n, h, w, c), of any number type, and
    comes out in the same shape: float64 from float64, else float32. Of 4-D data the first axis
    after the samples holds the channels where it has at most 4 entries, else the last.

    Moments of chunks are merged after Chan, Golub & LeVeque (1983), "Algorithms for computing
    the sample variance", The American Statistician 37(3), equations 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    >>> scaled = ImageScaler().fit_transform(images)
    >>> scaled.shape, scaled.dtype, bool(abs(scaled.mean(axis=(0, 2, 3))).max() < 1e-6)
    ((2, 3, 2, 2), dtype('float32'), True)
    """

    def __init__(self, image_shape: Sequence[int] | None = None) -> None:
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> ImageScaler:
        """Learn mean and deviation of each channel.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : ignored

        Returns
        -------
        self : ImageScaler
        """
        if hasattr(self, "n_samples_seen_"):
            del self.n_samples_seen_
        return self.partial_fit(X, y)

    def partial_fit(self, X: Any, y: Any = None) -> ImageScaler:
        """Learn from a further part of the data, as if it had come with the earlier ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : ignored

        Returns
        -------
        self : ImageScaler
        """
        is_first = not hasattr(self, "n_samples_seen_")
        rows, shape = self._validated(X, reset=is_first)
        if is_first:
            layout = _fitted_layout(shape, self.image_shape)
            self.channels_last_ = layout.channels_last
            self.mean_ = np.zeros(layout.n_channels)
            self.var_ = np.zeros(layout.n_channels)
            self.n_samples_seen_ = 0
        for chunk in _chunks(self._blocks(rows, shape)):
            self._merge(chunk)
        self.scale_ = _scale(self.mean_, self.var_, self._n_pixels(self.n_samples_seen_))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Scaled images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        scaled : ndarray of the shape of X, float32, or float64 where X is
        """
        blocks, scaled, shape = self._prepared(X)
        mean, scale = self._moments(scaled.dtype)
        # A ufunc casts through a small buffer, so that no second copy of X is made.
        np.subtract(blocks, mean, out=scaled, dtype=scaled.dtype, casting="unsafe")
        np.divide(scaled, scale, out=scaled)
        return scaled.reshape(shape)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Pixels that scaled images came from.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        pixels : ndarray of the shape of X, float32, or float64 where X is
        """
        blocks, pixels, shape = self._prepared(X)
        mean, scale = self._moments(pixels.dtype)
        np.multiply(blocks, scale, out=pixels, dtype=pixels.dtype, casting="unsafe")
        np.add(pixels, mean, out=pixels)
        return pixels.reshape(shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _prepared(self, X: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Blocks of X, room for an answer of their shape, and the shape that goes out."""
        check_is_fitted(self)
        rows, shape = self._validated(X, reset=False)
        blocks = self._blocks(rows, shape)
        dtype = np.float64 if rows.dtype == np.float64 else np.float32
        return blocks, np.empty(blocks.shape, dtype=dtype), shape

    def _validated(self, X: Any, *, reset: bool) -> tuple[np.ndarray, tuple[int, ...]]:
        """Rows as scikit-learn validates them, and the shape that X had."""
        X, shape = _as_rows(X)
        rows = validate_data(self, X, dtype="numeric", reset=reset)
        return rows, shape or rows.shape

    def _blocks(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """View of shape (n_samples, before, n_channels, after) of the rows."""
        n_channels = len(self.mean_)
        channels_last = self.channels_last_
        if len(shape) == 4:
            layout = _layout_of_axes(shape[1:])
            channels_last = layout.channels_last
            if layout.n_channels != n_channels:
                raise ValueError(
                    f"ImageScaler was fitted on images of {n_channels} channels, not of "
                    f"{layout.n_channels} as X of shape {shape} has."
                )
        n_pixels = rows.shape[1] // n_channels
        before, after = (n_pixels, 1) if channels_last else (1, n_pixels)
        return rows.reshape(len(rows), before, n_channels, after)

    def _merge(self, chunk: np.ndarray) -> None:
        values = chunk.astype(np.float64)
        mean = values.mean(axis=(0, 1, 3))
        values -= mean[:, None]
        var = np.square(values, out=values).mean(axis=(0, 1, 3))
        self.n_samples_seen_ += len(chunk)
        share = len(chunk) / self.n_samples_seen_
        step = mean - self.mean_
        self.var_ = (1 - share) * self.var_ + share * var + share * (1 - share) * step**2
        self.mean_ = self.mean_ + share * step

    def _moments(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        return self.mean_[:, None].astype(dtype), self.scale_[:, None].astype(dtype)

    def _n_pixels(self, n_samples: int) -> int:
        return n_samples * self.n_features_in_ // len(self.mean_)


@dataclass(frozen=True)
class _Channels:
    n_channels: int
    channels_last: bool = False


def _as_rows(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Rows of numbers, and the shape where X has more axes than two."""
    if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) in (2, 3):
        X = np.stack([np.asarray(image) for image in X])
    if getattr(X, "ndim", 2) not in (3, 4):
        return X, None
    images = np.asarray(X)
    if images.size == 0:
        raise ValueError(f"ImageScaler takes at least one image, not X of shape {images.shape}.")
    return images.reshape(len(images), -1), images.shape


def _fitted_layout(shape: tuple[int, ...], image_shape: Any) -> _Channels:
    if image_shape is not None:
        given = _checked_image_shape(image_shape, math.prod(shape[1:]))
        if len(shape) < 4:
            return _Channels(1) if len(given) == 2 else _layout_of_axes(given)
    return _layout_of_axes(shape[1:]) if len(shape) == 4 else _Channels(1)


def _layout_of_axes(inner: tuple[int, ...]) -> _Channels:
    first, middle, last = inner
    if first <= _MOST_CHANNELS or (last > _MOST_CHANNELS and first < min(middle, last)):
        return _Channels(first)
    if last <= _MOST_CHANNELS or last < min(first, middle):
        return _Channels(last, channels_last=True)
    raise ValueError(
        f"ImageScaler cannot tell the channel axis of images of shape {inner}: it is the first or "
        "the last, and smaller than height and width. Did you mean 3-D X, one channel?"
    )


def _checked_image_shape(image_shape: Any, n_features: int) -> tuple[int, ...]:
    allowed = (
        "ImageScaler.image_shape is None, (height, width), (channels, height, width) or (height, "
        f"width, channels), not {image_shape!r}."
    )
    if isinstance(image_shape, str) or not isinstance(image_shape, (Sequence, np.ndarray)):
        raise TypeError(allowed)
    if not all(isinstance(side, (int, np.integer)) for side in image_shape):
        raise TypeError(allowed)
    given = tuple(int(side) for side in image_shape)
    if len(given) not in (2, 3) or min(given) < 1:
        raise ValueError(allowed)
    if math.prod(given) != n_features:
        raise ValueError(
            f"ImageScaler.image_shape {given} is {math.prod(given)} numbers an image, but X has "
            f"{n_features}.{_likely(n_features)}"
        )
    return given


def _likely(n_features: int) -> str:
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if channels * side * side == n_features:
            return f" Did you mean {(side, side) if channels == 1 else (channels, side, side)}?"
    return ""


def _chunks(blocks: np.ndarray) -> Iterator[np.ndarray]:
    size = max(1, _CHUNK_VALUES // blocks[0].size)
    return (blocks[start : start + size] for start in range(0, len(blocks), size))


def _scale(mean: np.ndarray, var: np.ndarray, n_pixels: int) -> np.ndarray:
    """Deviation of each channel, 1 where it is no more than what rounding leaves of zero."""
    eps = np.finfo(np.float64).eps
    is_constant = var <= n_pixels * eps * var + (n_pixels * mean * eps) ** 2
    return np.where(is_constant, 1.0, np.sqrt(var))
