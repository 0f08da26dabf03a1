"""Whatever scikit-learn takes as data, brought to rows without a copy where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["as_array", "as_rows"]


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
        X = as_array(X, owner=owner)
    if isinstance(X, (list, tuple)) and len(X) and _is_image(X[0]):
        X = _stacked(X, owner)
    if not isinstance(X, np.ndarray) or X.ndim < 3:
        return X, None
    if len(X) == 0 or X.ndim > 4:
        raise ValueError(
            f"{owner} takes X of 2, 3 or 4 axes with at least one image, not of shape {X.shape}."
        )
    return X.reshape(len(X), -1), X.shape


def as_array(tensor: torch.Tensor, *, owner: str) -> np.ndarray:
    """Memory of a tensor where numpy knows its number type, a float32 copy elsewhere."""
    if tensor.layout is not torch.strided:
        raise TypeError(
            f"{owner} takes dense tensors, not {tensor.layout}. Did you mean to_dense()?"
        )
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _is_image(item: Any) -> bool:
    if hasattr(item, "ndim"):
        return item.ndim >= 2
    return isinstance(item, (list, tuple)) and len(item) > 0 and np.iterable(item[0])


def _stacked(images: Any, owner: str) -> np.ndarray:
    images = [_as_image(image, owner) for image in images]
    shapes = {np.shape(image) for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"{owner} takes a list of images of one shape, not of the shapes "
            f"{sorted(shapes)[:3]}. Did you forget to resize them?"
        )
    return np.stack(images)


def _as_image(image: Any, owner: str) -> np.ndarray:
    if isinstance(image, torch.Tensor):
        return as_array(image, owner=owner)
    try:
        return np.asarray(image)
    except ValueError as error:
        raise ValueError(
            f"{owner} takes images whose rows are of one length; an image in X has rows of several."
        ) from error
