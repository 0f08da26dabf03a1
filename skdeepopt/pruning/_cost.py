"""What the layers of a network cost, and what is left of it without some of their channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from skdeepopt.measurement._multiply_adds import multiply_adds_by_layer
from skdeepopt.pruning._groups import ChannelGroup
from skdeepopt.pruning._layers import prunable_layers
from skdeepopt.pruning._surgery import BOTH, IN, OUT, sliced_tensors

__all__ = [
    "ChannelCosts",
    "LayerCost",
    "in_evaluation",
    "layer_costs",
    "samples_for",
    "total_bytes",
]


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
        for name, layer in prunable_layers(module).items()
    }


def total_bytes(module: nn.Module) -> int:
    """Bytes of all numbers that a file of the module's parameters and buffers holds."""
    return sum(part.numel() * part.element_size() for part in module.state_dict().values())


def samples_for(module: nn.Module, example: torch.Tensor, n_samples: int) -> torch.Tensor:
    """First samples of `example`, on the device of the module's parameters."""
    parameter = next(module.parameters(), None)
    return example[:n_samples].to(example.device if parameter is None else parameter.device)


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; each part's mode and the generator as before."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


class ChannelCosts:
    """Cost of a module without some of its channels, by arithmetic.

    A weight costs in proportion to the channels on both of its sides.

    Parameters
    ----------
    module : torch.nn.Module
    example : Tensor of shape (n_samples, ...)
    groups : sequence of ChannelGroup
    unit : {"multiply_adds", "bytes"}
        A sample, or of all parameters and buffers.
    """

    def __init__(
        self, module: nn.Module, example: torch.Tensor, groups: Sequence[ChannelGroup], unit: str
    ) -> None:
        self._groups = groups
        self._terms = (
            _multiply_adds(module, example) if unit == "multiply_adds" else _bytes(module, groups)
        )

    @property
    def total(self) -> float:
        """Cost with all channels."""
        return float(sum(amount for amount, _ in self._terms))

    def without(self, marks: Sequence[torch.Tensor]) -> float:
        """Cost without the marked channels of each group.

        Parameters
        ----------
        marks : sequence of Tensor of shape (n_channels,), bool
        """
        left: dict[tuple[str, str], float] = {}
        for group, marked in zip(self._groups, marks, strict=True):
            for part in group.slices:
                gone = float(part.positions(marked).sum()) / len(part.channel)
                left[part.name, part.side] = left.get((part.name, part.side), 1.0) - gone
        return sum(
            amount * math.prod(left.get(side, 1.0) for side in sides)
            for amount, sides in self._terms
        )


_Terms = list[tuple[float, list[tuple[str, str]]]]


def _multiply_adds(module: nn.Module, example: torch.Tensor) -> _Terms:
    return [
        (cost.multiply_adds, [(name, side) for side in (OUT, IN, BOTH)])
        for name, cost in layer_costs(module, example).items()
    ]


def _bytes(module: nn.Module, groups: Sequence[ChannelGroup]) -> _Terms:
    """Each tensor with the sides that it runs along; those in no group only with themselves."""
    along: dict[str, list[tuple[str, str]]] = {}
    for name, side, axis in {
        (part.name, part.side, part.axis) for group in groups for part in group.slices
    }:
        layer = module if axis is not None else module.get_submodule(name)
        tensors = (
            [name]
            if axis is not None
            else [
                f"{name}.{tensor}" if name else tensor for tensor, _ in sliced_tensors(layer, side)
            ]
        )
        for tensor in tensors:
            along.setdefault(tensor, []).append((name, side))
    return [
        (tensor.numel() * tensor.element_size(), along.get(name, []))
        for name, tensor in module.state_dict().items()
    ]
