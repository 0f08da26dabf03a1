"""Channels that several layers share, and their removal from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from skdeepopt.pruning._surgery import (
    IN,
    keep_entries,
    keep_positions,
    replaced_parameter,
    sliced_tensors,
)

__all__ = ["ChannelGroup", "ChannelSlice", "remove_marked", "silence_marked"]


@dataclass(frozen=True)
class ChannelSlice:
    """What the channels of a group are on one side of one layer.

    Parameters
    ----------
    name : str
        Layer, or Parameter that a module holds by itself.
    side : {"out", "in", "both"}
        "both" for layers whose outputs are their inputs, one for one.
    channel : Tensor of shape (size,), int64
        Channel of the group at each position of that side, -1 where there is none.
    axis : int or None, default=None
        Of a Parameter; None for a layer.
    """

    name: str
    side: str
    channel: torch.Tensor
    axis: int | None = None

    def positions(self, marked: torch.Tensor) -> torch.Tensor:
        """Which positions the `marked` channels, a bool for each, take: a bool for each."""
        return torch.cat([marked, marked.new_zeros(1)])[self.channel]


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that the same layers share.

    Parameters
    ----------
    root : str
        First layer that emits the channels.
    n_channels : int
        How many there are to remove. Channels that can only go together count as one.
    slices : tuple of ChannelSlice
        Where they are; that of `root` comes first.
    is_exact : bool, default=True
        Whether a channel that nobody reads can go without a trace. A norm across channels sees it.
    """

    root: str
    n_channels: int
    slices: tuple[ChannelSlice, ...]
    is_exact: bool = True

    def on(self, *sides: str) -> list[ChannelSlice]:
        """Slices of layers on one of the `sides`."""
        return [part for part in self.slices if part.axis is None and part.side in sides]


def remove_marked(
    module: nn.Module, groups: Sequence[ChannelGroup], marks: Sequence[torch.Tensor]
) -> list[ChannelGroup]:
    """Remove channels from all layers that they are in.

    Parameters
    ----------
    module : torch.nn.Module
        Shrinks in place.
    groups : sequence of ChannelGroup
    marks : sequence of Tensor of shape (n_channels,), bool
        Which channels of each group go; never all.

    Returns
    -------
    groups : list of ChannelGroup
        What is left of each.
    """
    gone: dict[tuple[str, str], torch.Tensor] = {}
    axes: dict[tuple[str, str], int | None] = {}
    for group, marked in zip(groups, marks, strict=True):
        for part in group.slices:
            place, taken = (part.name, part.side), part.positions(marked)
            gone[place] = gone[place] | taken if place in gone else taken
            axes[place] = part.axis
    for (name, side), taken in gone.items():
        if taken.any():
            _keep(module, name, side, axes[name, side], (~taken).nonzero().flatten())
    return [_remaining(group, marked, gone) for group, marked in zip(groups, marks, strict=True)]


def silence_marked(
    module: nn.Module, groups: Sequence[ChannelGroup], marks: Sequence[torch.Tensor]
) -> None:
    """Weigh marked channels by zero in every layer that reads them."""
    for group, marked in zip(groups, marks, strict=True):
        for part in group.on(IN):
            layer = module.get_submodule(part.name)
            for name, axis in sliced_tensors(layer, IN):
                tensor = getattr(layer, name)
                taken = part.positions(marked)[: tensor.shape[axis]].to(tensor.device)
                values = tensor.detach().clone()
                values.index_fill_(axis, taken.nonzero().flatten(), 0)
                setattr(layer, name, replaced_parameter(tensor, values))


def _keep(module: nn.Module, name: str, side: str, axis: int | None, kept: torch.Tensor) -> None:
    if axis is None:
        keep_positions(module.get_submodule(name), side, kept)
        return
    holder, _, attribute = name.rpartition(".")
    parameter = getattr(module.get_submodule(holder), attribute)
    setattr(module.get_submodule(holder), attribute, keep_entries(parameter, axis, kept))


def _remaining(
    group: ChannelGroup, marked: torch.Tensor, gone: dict[tuple[str, str], torch.Tensor]
) -> ChannelGroup:
    number = torch.cat([(~marked).cumsum(0) - 1, torch.tensor([-1])])
    slices = tuple(
        replace(part, channel=number[part.channel[~gone[part.name, part.side]]])
        for part in group.slices
    )
    return replace(group, n_channels=int((~marked).sum()), slices=slices)
