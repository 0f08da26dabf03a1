"""What the layers of a network cost."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from skdeepopt.layers._evaluation import in_evaluation, samples_for
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.measurement._multiply_adds import multiply_adds_by_layer

__all__ = ["LayerCost", "layer_costs", "total_bytes"]


@dataclass(frozen=True)
class LayerCost:
    """What one convolution or linear layer costs.

    Parameters
    ----------
    multiply_adds : int
        A sample.
    positions : int
        Multiply-adds a sample of each weight: the output positions of a convolution, 1 for a
        linear layer on vectors.
    weight_shape : tuple of int
    parameters : int
        Numbers in weight and bias.
    """

    multiply_adds: int
    positions: int
    weight_shape: tuple[int, ...]
    parameters: int

    def __post_init__(self) -> None:
        assert min(self.multiply_adds, self.positions, self.parameters) >= 0, self


def layer_costs(module: nn.Module, example: torch.Tensor) -> dict[str, LayerCost]:
    """Cost of each convolution and linear layer, by qualified name.

    Parameters
    ----------
    module : torch.nn.Module
        Run once in evaluation mode, and left in the mode it was in.
    example : Tensor of shape (n_samples, ...)
        An input, of which one sample is used.

    Returns
    -------
    costs : dict of layer name to LayerCost
        0 multiply-adds for a layer that is not reached.

    Examples
    --------
    >>> costs = layer_costs(nn.Sequential(nn.Conv2d(1, 20, 5)), torch.zeros(1, 1, 28, 28))
    >>> costs["0"]
    LayerCost(multiply_adds=288000, positions=576, weight_shape=(20, 1, 5, 5), parameters=520)
    """
    sample = samples_for(module, example, 1)
    with in_evaluation(module):
        counts = multiply_adds_by_layer(module, lambda: module(sample))
    return {
        name: LayerCost(
            multiply_adds=counts[name],
            positions=counts[name] // layer.weight.numel(),
            weight_shape=tuple(layer.weight.shape),
            parameters=layer.weight.numel() + (0 if layer.bias is None else layer.bias.numel()),
        )
        for name, layer in weight_layers(module).items()
    }


def total_bytes(module: nn.Module) -> int:
    """Bytes of all numbers that a file of the module's parameters and buffers holds."""
    return sum(part.numel() * part.element_size() for part in module.state_dict().values())
