"""Parametrizations of weights and biases, and how to be rid of one."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

__all__ = [
    "add_parametrization",
    "drop_parametrization",
    "latent_of",
    "parametrizations_of",
]


def parametrizations_of(layer: nn.Module, name: str = "weight") -> parametrize.ParametrizationList:
    """Parametrizations of a layer's parametrized weight or bias, the last one outermost."""
    return getattr(layer.parametrizations, name)


def latent_of(layer: nn.Module, name: str = "weight") -> nn.Parameter:
    """Parameter behind a weight or a bias, under whatever masks and grids."""
    if not parametrize.is_parametrized(layer, name):
        return getattr(layer, name)
    return parametrizations_of(layer, name).original  # type: ignore[return-value]


def add_parametrization(layer: nn.Module, name: str, part: nn.Module) -> None:
    """Put a parametrization on a parameter, outermost; copies of the layer do not notice.

    Parameters
    ----------
    layer : torch.nn.Module
        Changed in place.
    name : str
        Of the parameter.
    part : torch.nn.Module
    """
    if parametrize.is_parametrized(layer):
        _unshare_class(layer)
    parametrize.register_parametrization(layer, name, part)


def drop_parametrization(layer: nn.Module, kind: type[nn.Module], name: str = "weight") -> None:
    """Remove the parametrizations of one class from a parameter; the tensor below them stays.

    Copies of the layer keep theirs.

    Parameters
    ----------
    layer : torch.nn.Module
        With a parametrization of that class.
    kind : type
    name : str, default="weight"
        Of the parameter.
    """
    chain = parametrizations_of(layer, name)
    places = [place for place, part in enumerate(chain) if isinstance(part, kind)]
    if len(places) == len(chain):
        _unshare_class(layer)
        behind = [key for key in layer._parameters if name == "weight"]
        parametrize.remove_parametrizations(layer, name, leave_parametrized=False)
        for key in behind:  # The weight comes first again, as in the states of a plain layer.
            layer._parameters[key] = layer._parameters.pop(key)
        return
    for place in reversed(places):
        del chain[place]


def _unshare_class(layer: nn.Module) -> None:
    """Give a parametrized layer a class of its own.

    torch keeps the property that computes a weight on a class made for the layer, which deep
    copies share, and adds and deletes it there: what is done to one layer is done to all.
    """
    shared = type(layer)
    own = {k: v for k, v in vars(shared).items() if k not in ("__dict__", "__weakref__")}
    layer.__class__ = type(shared.__name__, shared.__bases__, own)
