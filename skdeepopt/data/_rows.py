"""Whatever scikit-learn takes as data, brought to rows without a copy where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["as_rows"]


def as_rows(X: Any, *, owner: str) -> tuple[Any, tuple[int, ...] | None]:
    """Data as scikit-learn validates it, and the shape it had when that was more than 2-D.

    Parameters
    ----------
    X : array-like
        Arrays, tensors, DataFrames, or a list of arrays of one shape.
    owner : str
        Who asks; opens every message.

    Returns
    -------
    rows : array-like
        `X` itself, or a (n_samples, n_features) view of an array of more axes.
    shape : tuple of int or None
        The full shape of an array of 3 or 4 axes, None for anything flatter.
    """
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().numpy()
    if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) >= 2:
        X = _stacked(X, owner)
    if not isinstance(X, np.ndarray) or X.ndim < 3:
        return X, None
    if len(X) == 0 or X.ndim > 4:
        raise ValueError(
            f"{owner} takes X of 2, 3 or 4 axes with at least one image, not of shape {X.shape}."
        )
    return X.reshape(len(X), -1), X.shape


def _stacked(images: Any, owner: str) -> np.ndarray:
    shapes = {np.shape(image) for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"{owner} takes a list of images of one shape, not of the shapes "
            f"{sorted(shapes)[:3]}. Did you forget to resize them?"
        )
    return np.stack([np.asarray(image) for image in images])
