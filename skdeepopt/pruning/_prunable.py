"""Whether the layers of a network can be pruned."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from skdeepopt.layers._weighted import Layer, check_finite, weight_layers

__all__ = ["check_prunable"]


def check_prunable(module: nn.Module, *, owner: str) -> dict[str, Layer]:
    """Prunable layers of `module`, after a check that any ranking of their weights stands.

    Parameters
    ----------
    module : torch.nn.Module
    owner : str
        Who asks; opens the messages.

    Returns
    -------
    layers : dict of layer name to layer

    Raises
    ------
    ValueError
        There are none, a weight is NaN or infinite, or a weight is another module's Parameter too.
    """
    layers = weight_layers(module)
    if not layers:
        raise ValueError(
            f"{owner} prunes convolutions and linear layers, and {type(module).__name__} has none."
        )
    check_finite(layers, owner=owner, does="ranks")
    _check_unshared(module, layers, owner)
    return layers


def _check_unshared(module: nn.Module, layers: dict[str, Layer], owner: str) -> None:
    """A mask on one of two owners is no mask of the other, until it is baked into both."""
    seen: dict[int, str] = {}
    for name, parameter in _owned_parameters(module):
        other = seen.setdefault(id(parameter), name)
        if other != name and {name, other} & layers.keys():
            raise ValueError(
                f"{owner} prunes weights that one layer owns, not one Parameter that both "
                f"{other!r} and {name!r} use. Did you mean to give each a copy of its own?"
            )


def _owned_parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Each layer's own parameters but biases, with the layer's name, each layer once."""
    for path, part in module.named_modules():
        name = path.removesuffix("parametrizations.weight").rstrip(".")
        for key, parameter in part.named_parameters(recurse=False):
            if key != "bias":
                yield name, parameter
