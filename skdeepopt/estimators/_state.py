"""What a deep estimator learned, as a model file holds it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from skdeepopt.data._layout import ImageLayout
from skdeepopt.estimators._module_check import check_module
from skdeepopt.pruning._shapes import identities, resize_to

__all__ = ["fitted_state", "restore_state", "store_elsewhere"]


def fitted_state(estimator: Any) -> dict[str, Any]:
    """What every deep estimator learned, in plain values, arrays and tensors.

    Parameters
    ----------
    estimator : fitted DeepEstimator
    """
    weights = dict(estimator.module_.state_dict())
    names = getattr(estimator, "_weights_elsewhere", ())
    elsewhere = {name: list(weights.pop(name).shape) for name in names}
    state = {
        "n_features_in": estimator.n_features_in_,
        "image_shape": list(estimator._layout.shape),
        "channels_last": estimator._layout.channels_last,
        "seed": estimator.net_.seed,
        "history": estimator.history_,
        "weights": weights,
    }
    if elsewhere:
        state["elsewhere"] = elsewhere
    if removed := identities(estimator.module_):
        state["removed"] = removed
    if hasattr(estimator, "feature_names_in_"):
        state["feature_names_in"] = list(estimator.feature_names_in_)
    return state


def store_elsewhere(estimator: Any, names: Iterable[str]) -> None:
    """Leave weights out of what :func:`fitted_state` gives, but for their shapes.

    For a wrapper that stores them in fewer bytes, and puts them back.

    Parameters
    ----------
    estimator : fitted DeepEstimator
    names : iterable of str
        As in the module's state.
    """
    estimator._weights_elsewhere = tuple(names)


def restore_state(estimator: Any, state: Mapping[str, Any]) -> None:
    """Take back what :func:`fitted_state` gave.

    Parameters
    ----------
    estimator : DeepEstimator
        Unfitted, with the same parameters.
    state : dict
    """
    estimator.n_features_in_ = state["n_features_in"]
    if "feature_names_in" in state:
        estimator.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
    estimator._layout = ImageLayout(tuple(state["image_shape"]), state["channels_last"])
    net = estimator.net_ = estimator._new_net(None, state["seed"])
    blank = {name: torch.zeros(shape) for name, shape in state.get("elsewhere", {}).items()}
    _take_weights(estimator, {**state["weights"], **blank}, state.get("removed", ()))
    for row in state["history"]:
        net.history.new_epoch()
        for name, value in row.items():
            net.history.record("dur" if name == "seconds" else name, value)


def _take_weights(estimator: Any, weights: Mapping[str, Any], removed: Any) -> None:
    module = estimator.module_
    built = {name: tensor.shape for name, tensor in module.state_dict().items()}
    if built != {name: tensor.shape for name, tensor in weights.items()}:
        # A pruned network is smaller than it is built.
        resize_to(module, weights, removed=removed)
        owner, smaller = type(estimator).__name__, copy.deepcopy(module).cpu()
        check_module(smaller, estimator.image_shape_, estimator._n_outputs(), owner=owner)
        estimator.net_.renew_optimizer()
    module.load_state_dict(weights)
