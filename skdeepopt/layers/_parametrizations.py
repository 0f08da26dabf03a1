"""Parametrizations of weights, and how to be rid of one."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from skdeepopt.layers._weighted import Layer

__all__ = ["drop_parametrization", "parametrizations_of"]


def parametrizations_of(layer: Layer) -> parametrize.ParametrizationList:
    """Parametrizations of a parametrized layer's weight, the last one outermost."""
    return layer.parametrizations.weight  # type: ignore[union-attr,return-value]


def drop_parametrization(layer: Layer, kind: type[nn.Module]) -> None:
    """Remove the parametrizations of one class from a weight; the tensor below them stays.

    Copies of the layer keep theirs.

    Parameters
    ----------
    layer : Conv or Linear
        With a parametrization of that class.
    kind : type
    """
    chain = parametrizations_of(layer)
    places = [place for place, part in enumerate(chain) if isinstance(part, kind)]
    if len(places) == len(chain):
        _unshare_class(layer)
        behind = [key for key in layer._parameters if key != "weight"]
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        for key in behind:  # The weight comes first again, as in the states of a plain layer.
            layer._parameters[key] = layer._parameters.pop(key)
        return
    for place in reversed(places):
        del chain[place]


def _unshare_class(layer: Layer) -> None:
    """Give a parametrized layer a class of its own.

    torch keeps the property that computes a weight on a class made for the layer, which deep
    copies share, and deletes it from there: for one layer it would be gone for all.
    """
    shared = type(layer)
    own = {k: v for k, v in vars(shared).items() if k not in ("__dict__", "__weakref__")}
    layer.__class__ = type(shared.__name__, shared.__bases__, own)
