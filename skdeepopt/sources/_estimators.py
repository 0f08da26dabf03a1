"""Sources made from fitted estimators and skorch nets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt._random import TorchStream
from skdeepopt.data._layout import ImageLayout
from skdeepopt.estimators._cnn import CNNClassifier, CNNRegressor
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.nets._transferred import TransferNetwork
from skdeepopt.pruning._shapes import identities, resize_to
from skdeepopt.sources._modules import parted
from skdeepopt.sources._ranges import standardized_range
from skdeepopt.sources._shapes import of_samples
from skdeepopt.sources._source import PixelRange, Source

__all__ = ["blank_module", "source_of_estimator", "source_of_net"]


def source_of_estimator(
    estimator: Any, *, name: str, owner: str, pixel_range: PixelRange | None = None
) -> Source:
    """Source with the network of a fitted deep estimator, in whatever wrappers.

    Parameters
    ----------
    estimator : fitted deep estimator
        Never changed.
    name, owner : str
        What the source is called, and who asks.
    pixel_range : tuple of (low, high) or None, default=None
        Where it is known; else as the network's first layer tells.

    Raises
    ------
    NotFittedError
        It is not fitted.
    ValueError
        Its network has no linear layer at the end.
    """
    _check_fitted(estimator, owner)
    inner, module = _innermost(estimator), estimator.module_
    known: dict[str, Any] = {
        "name": name,
        "classes": getattr(estimator, "classes_", None),
        "pixel_range": pixel_range or standardized_range(module),
    }
    if isinstance(module, TransferNetwork):
        return _of_transferred(estimator, inner, known)
    shape = tuple(estimator.image_shape_)
    body, head = parted(module, owner=owner, name=name, sample_shape=shape)
    known["head_state"] = head
    if isinstance(inner, CNNClassifier | CNNRegressor):
        architecture = _architecture(inner, body)
        if architecture is not None:
            return Source(**architecture, **known)
    recipe = _recipe(inner, module)
    body, shape = of_samples(body, shape)
    return Source(
        body=body, body_state=body.state_dict(), image_shape=shape, recipe=recipe, **known
    )


def source_of_net(net: Any, *, name: str, owner: str) -> Source:
    """Source with the module of a fitted skorch net, whose image shape is not known.

    Raises
    ------
    NotFittedError
        It is not fitted.
    """
    if not net.initialized_:
        raise _not_fitted(owner, net)
    body, head = parted(net.module_, owner=owner, name=name)
    has_classes = hasattr(net, "classes_inferred_") or getattr(net, "classes", None) is not None
    classes = np.asarray(net.classes_) if has_classes else None
    return Source(name, body, body.state_dict(), classes=classes, head_state=head)


def blank_module(estimator: Any, sample_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """New network of an estimator, with any weights, for samples of a shape.

    Parameters
    ----------
    estimator : deep estimator
        Only its parameters matter.
    sample_shape : tuple of int
    n_outputs : int
    """
    blank = clone(estimator)
    blank._layout = ImageLayout(tuple(sample_shape))
    blank.n_features_in_ = blank._layout.n_features
    with TorchStream(0).borrowed():
        module: nn.Module = blank._build_module(n_outputs, None)
    return module


def _check_fitted(estimator: Any, owner: str) -> None:
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise _not_fitted(owner, estimator) from error


def _not_fitted(owner: str, given: Any) -> NotFittedError:
    kind = type(given).__name__
    return NotFittedError(
        f"{owner}.source is fitted, and this {kind} is not: clones, such as those of a search, "
        f"and loaded files of a fitted {owner} lose what an estimator has learned. Did you mean "
        f"FrozenEstimator({kind}(...).fit(X, y)), or set_params(source=...) before another fit?"
    )


def _innermost(estimator: Any) -> Any:
    while not hasattr(estimator, "net_"):
        estimator = estimator.estimator_
    return estimator


def _architecture(inner: Any, body: nn.Module) -> dict[str, Any] | None:
    """Source of a built-in architecture, which may be pruned; None where it was changed."""
    shape = tuple(inner.image_shape_)
    built: dict[str, Any] = {
        "widths": inner.widths,
        "depth": inner.depth,
        "standardize": bool(inner.standardize),
    }
    with TorchStream(0).borrowed():
        blank = TransferNetwork(
            shape, 1, body=inner.architecture, source_shape=shape, **built
        ).get_submodule("body")
    state, removed = body.state_dict(), tuple(identities(body))
    try:
        resize_to(blank, state, removed=removed)
        blank.load_state_dict(state)
    except (RuntimeError, ValueError):
        return None
    return {
        "body": inner.architecture,
        "body_state": state,
        "image_shape": shape,
        "removed": removed,
        **built,
    }


def _of_transferred(estimator: Any, inner: Any, known: dict[str, Any]) -> Source:
    """The body goes on from where it is; the input is matched anew."""
    module: TransferNetwork = estimator.module_
    while not hasattr(estimator, "_origin"):
        estimator = estimator.estimator_
    names = ("body", "widths", "depth", "standardize")
    given = inner.get_params()
    settings = {n: given[f"module__{n}"] for n in names if f"module__{n}" in given}
    if isinstance(settings["body"], nn.Module):
        settings["body"] = module.body.cpu()
    return Source(
        **{**known, "pixel_range": estimator._origin["pixel_range"]},
        **settings,
        body_state=module.body.state_dict(),
        removed=tuple(identities(module.body)),
        image_shape=module.match.source_shape,
        recipe=estimator._origin["recipe"],
    )


def _recipe(inner: Any, module: nn.Module) -> Mapping[str, Any] | None:
    """How to build the body anew; None where that gives another one, as after a conversion."""
    if not isinstance(inner, NeuralClassifier | NeuralRegressor | CNNClassifier | CNNRegressor):
        return None
    shape, n_outputs = list(inner.image_shape_), inner._n_outputs()
    blank = clone(inner).set_params(callbacks=None)
    built = blank_module(blank, tuple(shape), n_outputs).state_dict()
    if built.keys() != module.state_dict().keys():
        return None
    return {"estimator": blank, "sample_shape": shape, "n_outputs": n_outputs}
