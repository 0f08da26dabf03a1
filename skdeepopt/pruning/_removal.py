"""Channels removed by name, and those that change no answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._evaluation import in_evaluation, samples_for
from skdeepopt.pruning._graph import ChannelGraph
from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice
from skdeepopt.pruning._surgery import BOTH, IN, OUT, sliced_tensors

__all__ = ["remove_channels", "remove_dead_channels"]


def remove_channels(
    module: nn.Module, example: torch.Tensor, channels: Mapping[str, Iterable[int]]
) -> None:
    """Remove output channels of layers, from all layers that share them.

    Channels that can only go together with those that are asked for go too.

    Parameters
    ----------
    module : torch.nn.Module
        Shrinks in place.
    example : Tensor of shape (n_samples, ...)
        An input.
    channels : mapping of layer name to iterable of int
        Which output channels go.

    Raises
    ------
    ValueError
        No such layer; its channels cannot be removed, or all of them would be; no such channel.

    References
    ----------
    Fang, Ma, Song, Mi & Wang (2023), DepGraph, arXiv:2301.12900, section 3.2.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> remove_channels(network, torch.zeros(1, 4), {"0": [1, 5, 7]})
    >>> network[0].out_features, network[2].in_features
    (5, 5)
    """
    graph = ChannelGraph(module, example, owner="remove_channels")
    marks = [torch.zeros(group.n_channels, dtype=torch.bool) for group in graph.groups]
    for name, indices in channels.items():
        for index in indices:
            place, channel = _found(graph.groups, name, int(index))
            marks[place][channel] = True
    for group, marked in zip(graph.groups, marks, strict=True):
        if marked.all():
            raise ValueError(
                f"remove_channels.channels leaves each layer at least one channel, not "
                f"{group.root!r} none."
            )
    graph.remove(marks)


def remove_dead_channels(module: nn.Module, example: torch.Tensor) -> dict[str, int]:
    """Remove channels that no layer reads, or that are always zero: no answer changes.

    Such a channel has only zero weights where it is read, or has zero weights, bias and batch
    norm shift where it is emitted and arrives at its readers as zero. One channel of each layer
    stays. Channels that pass a norm across channels stay, since the others would change.

    Parameters
    ----------
    module : torch.nn.Module
        Shrinks in place.
    example : Tensor of shape (n_samples, ...)
        An input.

    Returns
    -------
    n_removed : dict of layer name to int
        Output channels that each layer lost; layers that lost none are left out.

    Raises
    ------
    ValueError
        Channels cannot be followed through a layer, which is named.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> network[2].weight.data[:, [0, 2]] = 0
    >>> remove_dead_channels(network, torch.zeros(1, 4))
    {'0': 2}
    """
    graph = ChannelGraph(module, example, owner="remove_dead_channels")
    removed: dict[str, int] = {}
    while True:
        marks = [_spare_one(_dead(module, example, group)) for group in graph.groups]
        if not any(bool(marked.any()) for marked in marks):
            return removed
        for group, marked in zip(graph.groups, marks, strict=True):
            for part in group.on(OUT) if marked.any() else ():
                count = int(part.positions(marked).sum())
                removed[part.name] = removed.get(part.name, 0) + count
        # What was read only by channels that are gone now is read by nobody.
        graph.remove(marks)


def _found(groups: list[ChannelGroup], name: str, index: int) -> tuple[int, int]:
    """Place of the group, and channel in it, of an output channel of a layer."""
    size = -1
    for place, group in enumerate(groups):
        for part in group.on(OUT, BOTH):
            if part.name == name:
                size = len(part.channel)
                if 0 <= index < size and part.channel[index] >= 0:
                    return place, int(part.channel[index])
    where = f"remove_channels.channels[{name!r}]"
    if size >= 0:
        raise ValueError(f"{where} has removable channels of 0 to {size - 1}, not {index}.")
    names = [part.name for group in groups for part in group.on(OUT, BOTH)]
    raise ValueError(
        f"{where} is no layer whose output channels can be removed; those are "
        f"{', '.join(map(repr, names))}.{did_you_mean(name, names)}"
    )


def _spare_one(dead: torch.Tensor) -> torch.Tensor:
    spared = dead.clone()
    spared[0] &= not dead.all()
    return spared


def _dead(module: nn.Module, example: torch.Tensor, group: ChannelGroup) -> torch.Tensor:
    if not group.is_exact:
        return torch.zeros(group.n_channels, dtype=torch.bool)
    unread = ~_used(module, group, group.on(IN), group.n_channels)
    silent = ~_used(module, group, group.on(OUT, BOTH), group.n_channels)
    if (silent & ~unread).any():
        silent &= ~_seen(module, example, group)
    return unread | silent


def _used(
    module: nn.Module, group: ChannelGroup, parts: list[ChannelSlice], n_channels: int
) -> torch.Tensor:
    """Which channels have any weight, or shift, other than zero."""
    used = torch.zeros(n_channels + 1, dtype=torch.bool)
    for part in parts:
        layer = module.get_submodule(part.name)
        for name, axis in sliced_tensors(layer, part.side):
            if name in ("weight", "bias") and not (part.side == BOTH and name == "weight"):
                tensor = getattr(layer, name).detach()
                along = (tensor != 0).movedim(axis, 0).reshape(tensor.shape[axis], -1).any(1).cpu()
                used[part.channel[: len(along)][along]] = True
    return used[:-1]


def _seen(module: nn.Module, example: torch.Tensor, group: ChannelGroup) -> torch.Tensor:
    """Which channels arrive at a reader as anything but zero."""
    seen = torch.zeros(group.n_channels + 1, dtype=torch.bool)
    with _readers(module, group, seen), in_evaluation(module):
        module(samples_for(module, example, 2))
    return seen[:-1]


@contextmanager
def _readers(module: nn.Module, group: ChannelGroup, seen: torch.Tensor) -> Iterator[None]:
    def watch(part: ChannelSlice, layer: nn.Module) -> Any:
        def note(_layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            axis = -1 if isinstance(layer, nn.Linear) else 1
            values = (inputs[0] != 0).movedim(axis, 0).reshape(len(part.channel), -1)
            seen[part.channel[values.any(1).cpu()]] = True

        return layer.register_forward_pre_hook(note)

    handles = [watch(part, module.get_submodule(part.name)) for part in group.on(IN)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
