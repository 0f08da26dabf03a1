"""What a preprocessing step does to a number, as a shift, a scale and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from skdeepopt.preprocessing._scaler import ImageScaler

__all__ = ["Scaling", "is_passthrough", "scaling_of", "takes_rows"]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Numbers shifted and divided, each by its own: ``(inputs - shift) / scale``.

    Parameters
    ----------
    shift, scale : ndarray that broadcasts with a sample, float32
    bounds : tuple of two floats or None, default=None
        What comes out is clipped to them.
    """

    shift: np.ndarray
    scale: np.ndarray
    bounds: tuple[float, float] | None = None

    def inverse(self, outputs: np.ndarray) -> np.ndarray:
        """What was scaled to `outputs`, bounds aside."""
        return outputs * self.scale + self.shift


def is_passthrough(step: Any) -> bool:
    """Whether a step of a pipeline hands on what it gets."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def takes_rows(step: Any) -> bool:
    """Whether a step takes rows of numbers alone, and no images."""
    return type(step) in (StandardScaler, MinMaxScaler, MaxAbsScaler)


def scaling_of(name: str, step: Any, sample_shape: tuple[int, ...]) -> Scaling:
    """What a fitted step of a pipeline does to samples of a shape.

    Raises
    ------
    ValueError
        It is none of the steps that can be written; the message names it.
    """
    if type(step) not in _READERS:
        known = ", ".join(kind.__name__ for kind in _READERS)
        raise ValueError(
            f"export.estimator is a deep estimator, or a Pipeline of one behind {known} or "
            f"'passthrough', but its step {name!r} is a {type(step).__name__}. Did you mean to "
            f"export the last step alone, and to do {name!r} before it?"
        )
    shift, scale, bounds = _READERS[type(step)](step, sample_shape)
    return Scaling(_smallest(shift, sample_shape), _smallest(scale, sample_shape), bounds)


def _smallest(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a sample, with every axis of length one along which they are the same."""
    values = np.broadcast_to(np.asarray(values, np.float32), shape)
    for axis in range(values.ndim):
        first = values.take([0], axis)
        values = first if (values == first).all() else values
    return values


_Read = tuple[Any, Any, tuple[float, float] | None]


def _read_standard(step: Any, _shape: tuple[int, ...]) -> _Read:
    shift = step.mean_ if step.with_mean else 0.0
    return shift, step.scale_ if step.with_std else 1.0, None


def _read_min_max(step: Any, _shape: tuple[int, ...]) -> _Read:
    low, high = map(float, step.feature_range)
    return -step.min_ / step.scale_, 1 / step.scale_, (low, high) if step.clip else None


def _read_max_abs(step: Any, _shape: tuple[int, ...]) -> _Read:
    return 0.0, step.scale_, (-1.0, 1.0) if getattr(step, "clip", False) else None


def _read_image(step: Any, shape: tuple[int, ...]) -> _Read:
    whole = (1, *shape)
    blocks = step._blocks(np.empty((1, int(np.prod(shape)))), whole)
    return (
        np.broadcast_to(step.mean_[:, None], blocks.shape).reshape(shape),
        np.broadcast_to(step.scale_[:, None], blocks.shape).reshape(shape),
        None,
    )


_READERS: dict[type, Callable[[Any, tuple[int, ...]], _Read]] = {
    ImageScaler: _read_image,
    StandardScaler: _read_standard,
    MinMaxScaler: _read_min_max,
    MaxAbsScaler: _read_max_abs,
}
