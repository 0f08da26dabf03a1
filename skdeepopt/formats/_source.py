"""What an estimator or pipeline calculates, from raw samples to its answers."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt.data._layout import ImageLayout, layout_of
from skdeepopt.engines._opening import BytesEngine
from skdeepopt.formats._scaling import Scaling, is_passthrough, scaling_of, takes_rows
from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._match import MatchInput

__all__ = ["Source", "read_source"]

_N_MADE = 64
"""Samples to compare on where none are given."""


@dataclass(frozen=True, eq=False)
class Source:
    """A fitted estimator or pipeline, as steps that a file can hold.

    Parameters
    ----------
    name : str
        Class of the deep estimator.
    module : torch.nn.Module
        The network, in evaluation mode, on the processor.
    engines_model : bytes or None
        The network as the ONNX model that answers in its place, where there is one.
    sample_shape : tuple of int
        A raw sample.
    dtype : {"float32", "uint8"}
        Of the raw samples.
    scalings : tuple of Scaling
        Done to a raw sample, one after the other.
    layout : ImageLayout
        How the network's inputs lie in a scaled sample.
    classes : ndarray of shape (n_classes,) or None
        Labels of a classifier: of int64, bool, float64 or str.
    gives_logits : bool
        Whether softmax makes probabilities of the network's outputs.
    target_shift, target_scale : ndarray of shape (n_targets,), float64
        A regressor's targets are ``outputs * target_scale + target_shift``.
    is_flat_target : bool
        Whether the regressor answers with one axis.
    """

    name: str
    module: nn.Module
    engines_model: bytes | None
    sample_shape: tuple[int, ...]
    dtype: str
    scalings: tuple[Scaling, ...]
    layout: ImageLayout
    classes: np.ndarray | None
    gives_logits: bool
    target_shift: np.ndarray
    target_scale: np.ndarray
    is_flat_target: bool

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return ("prediction",) if self.classes is None else ("label", "probabilities")

    @property
    def is_quantized(self) -> bool:
        """Whether the model that answers has numbers of few bits."""
        return self.engines_model is not None and b"DequantizeLinear" in self.engines_model

    @property
    def has_text(self) -> bool:
        """Whether labels are strings."""
        return self.classes is not None and self.classes.dtype.kind == "U"

    def made_samples(self) -> np.ndarray:
        """Raw samples that are plausible: spread as what the scalers and the network expect."""
        drawn = np.random.default_rng(0).standard_normal((_N_MADE, *self.sample_shape))
        layers = (part for part in self.module.modules() if not isinstance(part, nn.Sequential))
        first, second = next(layers, None), next(layers, None)
        match = first if isinstance(first, MatchInput) else None
        standardize = first if match is None else second
        if isinstance(standardize, Standardize):
            drawn = drawn * standardize.scale.mean().item() + standardize.mean.mean().item()
        if match is not None:
            drawn = (drawn - match.shift.mean().item()) / match.scale.mean().item()
        for scaling in reversed(self.scalings):
            drawn = scaling.inverse(drawn)
        return np.asarray(drawn, np.float32)


def read_source(estimator: Any, X: Any) -> Source:
    """Steps of a fitted estimator or pipeline, for raw samples like those of `X`.

    Parameters
    ----------
    estimator : deep estimator or Pipeline
    X : ndarray of shape (n_samples, ...) or None
        Gives the shape and type of the raw samples. None is images, or rows where the estimator
        was fitted on a table or a scaler takes no images, of float32.

    Raises
    ------
    TypeError, ValueError
        It is no deep estimator, or something in it cannot be written.
    sklearn.exceptions.NotFittedError
        It is not fitted.
    """
    steps, last = _steps(estimator)
    inner = _innermost(last)
    fitted = getattr(inner, "_layout", None) or ImageLayout(tuple(last.image_shape_))
    shape = _sample_shape(steps, fitted) if X is None else X.shape[1:]
    layout = layout_of((1, *shape), fitted, owner=type(last).__name__)
    if math.prod(shape) != layout.n_features:
        raise ValueError(
            f"export.X has samples of shape {shape}, but {type(last).__name__} was fitted on "
            f"{layout.n_features} numbers a sample."
        )
    return Source(
        name=type(last).__name__,
        module=copy.deepcopy(last.module_).cpu().eval(),
        engines_model=_engines_model(last, inner),
        sample_shape=tuple(shape),
        dtype="uint8" if X is not None and X.dtype == np.uint8 else "float32",
        scalings=tuple(scaling_of(name, step, tuple(shape)) for name, step in steps),
        layout=layout,
        classes=_classes(last) if is_classifier(last) else None,
        gives_logits=_gives_logits(inner),
        target_shift=np.ravel(getattr(inner, "_target_mean", 0.0)).astype(np.float64),
        target_scale=np.ravel(getattr(inner, "_target_scale", 1.0)).astype(np.float64),
        is_flat_target=bool(getattr(inner, "_is_flat_target", True)),
    )


def _steps(estimator: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Named steps before the deep estimator, and the estimator."""
    last = estimator
    steps: list[tuple[str, Any]] = []
    if isinstance(estimator, Pipeline):
        last = estimator.steps[-1][1]
        steps = [(name, step) for name, step in estimator.steps[:-1] if not is_passthrough(step)]
    if hasattr(last, "get_params"):
        check_is_fitted(last)
    if not all(hasattr(last, name) for name in ("module_", "image_shape_", "predict")):
        slip = ""
        if hasattr(last, "best_estimator_"):
            slip = " Did you mean its best_estimator_?"
        elif isinstance(last, nn.Module):
            slip = " Did you mean the estimator that trained it?"
        raise TypeError(
            f"export.estimator is a fitted deep estimator, or a Pipeline that ends in one, not "
            f"{type(last).__name__}.{slip}"
        )
    return steps, last


def _innermost(estimator: Any) -> Any:
    """The estimator that wrappers answer through."""
    while hasattr(estimator, "estimator_"):
        estimator = estimator.estimator_
    return estimator


def _engines_model(estimator: Any, inner: Any) -> bytes | None:
    if hasattr(estimator, "_onnx_bytes"):
        model: bytes = estimator._onnx_bytes()
        return model
    engine = getattr(inner, "_engine", None)
    return engine.model if isinstance(engine, BytesEngine) else None


def _sample_shape(steps: list[tuple[str, Any]], fitted: ImageLayout) -> tuple[int, ...]:
    is_table = fitted.shape[:-1] == (1,) * (len(fitted.shape) - 1)
    if is_table or any(takes_rows(step) for _, step in steps):
        return (fitted.n_features,)
    return fitted.shape


def _classes(estimator: Any) -> np.ndarray:
    classes = np.asarray(estimator.classes_)
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float64)
    if classes.dtype.kind in "bU":
        return classes
    if all(isinstance(label, str) for label in classes):
        return classes.astype(str)
    raise ValueError(
        f"export.estimator has classes that are numbers or strings, not {classes[0]!r}. Did you "
        f"mean to fit it on y.astype(str)?"
    )


def _gives_logits(estimator: Any) -> bool:
    """Whether a classifier's probabilities are the softmax of its network's outputs."""
    net: Any = getattr(estimator, "net_", None)
    if hasattr(estimator, "decision_function") or not hasattr(net, "_get_predict_nonlinearity"):
        return True
    probe = torch.tensor([[0.0, 1.0, 3.0]])
    answer = net._get_predict_nonlinearity()(probe)
    for gives_logits, expected in ((True, probe.softmax(1)), (False, probe)):
        if answer.shape == probe.shape and torch.allclose(answer, expected):
            return gives_logits
    raise ValueError(
        f"export.estimator is a classifier whose network gives an output a class, logits or "
        f"probabilities, and {type(net).__name__} makes something else of them. Did you mean a "
        f"NeuralNetClassifier with CrossEntropyLoss?"
    )
