"""The layers of a network that have weights."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

__all__ = ["Layer", "weight_gradient", "weight_layers"]

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
