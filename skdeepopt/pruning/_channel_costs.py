"""What is left of a network's cost without some of its channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from skdeepopt.layers._cost import layer_costs
from skdeepopt.pruning._groups import ChannelGroup
from skdeepopt.pruning._surgery import BOTH, IN, OUT, sliced_tensors

__all__ = ["ChannelCosts"]


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
