"""The layers of a network that have weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

__all__ = ["Layer", "check_finite", "weight_gradient", "weight_layers"]

Layer: TypeAlias = _ConvNd | nn.Linear


def weight_layers(module: nn.Module) -> dict[str, Layer]:
    """Convolutions (1-3d, transposed too) and linear layers by qualified name, each once.

    Parameters
    ----------
    module : torch.nn.Module

    Examples
    --------
    >>> list(weight_layers(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Linear(4, 2))))
    ['0', '2']
    """
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, (_ConvNd, nn.Linear))
    }


def check_finite(layers: Mapping[str, Layer], *, owner: str, does: str) -> None:
    """Check that no weight is NaN or infinite.

    Parameters
    ----------
    layers : dict of layer name to layer
    owner, does : str
        Who asks, and what for, such as "ranks".

    Raises
    ------
    ValueError
        One is; the layer is named.
    """
    for name, layer in layers.items():
        if not torch.stack(layer.weight.detach().aminmax()).isfinite().all():
            raise ValueError(
                f"{owner} {does} finite weights, not those of layer {name!r}, which hold NaN or "
                "infinity. Did you mean to train with a smaller lr?"
            )


def weight_gradient(layer: Layer) -> torch.Tensor | None:
    """Gradient of the Parameter behind the layer's weight; None before a backward pass.

    Behind a mask that is the masked gradient: zero where the weight is masked.

    Parameters
    ----------
    layer : Conv or Linear
    """
    if not is_parametrized(layer, "weight"):
        return layer.weight.grad
    chain = layer.parametrizations.weight  # type: ignore[union-attr]
    return chain.original.grad if chain.is_tensor else None  # type: ignore[union-attr,return-value]
