"""What a transfer learned, as a model file holds it: the network, without its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from skdeepopt.meta._transfer_network import inside_estimator
from skdeepopt.sources._recipes import rebuilt_body

__all__ = ["restore_transfer", "transfer_state"]

_BODY = "module__body"


def transfer_state(model: Any) -> dict[str, Any]:
    """Plain values, arrays and tensors of a fitted ``TransferEstimator``.

    Parameters
    ----------
    model : fitted TransferEstimator

    Raises
    ------
    TypeError
        Nothing in a file could build the network anew.
    """
    network = dict(model.estimator_._module_arguments())
    if isinstance(network[_BODY], nn.Module):
        _check_storable(model)
        network[_BODY] = None
    return {
        **model.estimator_._fitted_state(),
        "network": network,
        "source_digest": model.source_digest_,
        "head": getattr(model, "head_", None),
        "lacks_unlabelled": model.unlabelled is not None or model._lacks_unlabelled,
        **model._origin,
    }


def restore_transfer(model: Any, state: Mapping[str, Any]) -> None:
    """Take back what :func:`transfer_state` gave.

    Parameters
    ----------
    model : TransferEstimator
        Unfitted, with the same parameters.
    state : mapping
    """
    owner, network = type(model).__name__, dict(state["network"])
    if network[_BODY] is None:
        shape = tuple(state["image_shape"])
        network[_BODY] = rebuilt_body(state["recipe"], model.source, shape, owner=owner)
    arguments = {name.partition("__")[2]: value for name, value in network.items()}
    inside = inside_estimator(model, arguments, model.image_shape)
    inside._restore_state(state)
    model.estimator_ = inside
    model.source_digest_ = state["source_digest"]
    model._origin = {name: state[name] for name in ("recipe", "pixel_range")}
    model._lacks_unlabelled = state["lacks_unlabelled"]
    if state["head"] is not None:
        model.head_ = state["head"]


def _check_storable(model: Any) -> None:
    given = model.source[1] if isinstance(model.source, tuple) else model.source
    is_supplied = isinstance(given, nn.Module) or callable(given)
    if model._origin["recipe"] is None and not is_supplied:
        raise TypeError(
            f"{type(model).__name__} is stored where its network can be built anew: from a "
            f"built-in architecture, a deep estimator's parameters, or the source itself where "
            f"that is a torch module or its class. The network of this {type(given).__name__} "
            f"cannot."
        )
