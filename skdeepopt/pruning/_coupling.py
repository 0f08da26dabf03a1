"""Which channels of which layers can only be removed together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch_pruning._helpers import _HybridIndex

from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice
from skdeepopt.pruning._surgery import IN, OUT, side_size
from skdeepopt.pruning._trace import Trace, UntraceableError, is_cuttable, is_passed_through

__all__ = ["coupled_channels"]

_Place: TypeAlias = tuple[Any, Any]
"""A node of the graph, and torch-pruning's function for one side of it."""


def coupled_channels(module: nn.Module, example: torch.Tensor) -> list[ChannelGroup]:
    """Groups of channels that can be removed, in the order of their first layers.

    Channels that reach the answer, are added to the input, or pass through a layer that is not
    cut here (recurrent, attention, embedding), are in no group.

    Parameters
    ----------
    module : torch.nn.Module
        May be left in another mode; its parameters require gradients.
    example : Tensor of shape (n_samples, ...)

    Raises
    ------
    UntraceableError
        The answer of a layer is cut off from the module's, or its size is not what the layers
        around it say.
    Exception
        Whatever torch-pruning raises about a module that it cannot trace.

    References
    ----------
    Fang et al. (2023), DepGraph, arXiv:2301.12900, section 3.2.
    """
    trace = Trace(module, example)
    walk = _Walk()
    for layer in module.modules():
        # A single channel that meets many is a mask of all of them, and can't go itself.
        is_root = isinstance(layer, (_ConvNd, nn.Linear)) and side_size(layer, OUT) > 1
        if is_root and layer in trace.nodes:
            walk.start(*trace.out_side(layer))
    _couple(trace, walk)
    groups = [_group(trace, walk, *members) for members in _members(walk).items()]
    found = [group for group in groups if group is not None]
    return sorted(found, key=lambda group: trace.order(group.root))


class _Walk:
    """Follows channels through the graph; those that meet at one position become one.

    A label is a channel as it left the layer where it was first seen. Label 0 is what has to
    stay. `reached` has the label at each position of each place.
    """

    def __init__(self) -> None:
        self.parents = [0]
        self.reached: dict[_Place, dict[int, int]] = {}

    def find(self, label: int) -> int:
        """Label that stands for all that were joined with it."""
        while self.parents[label] != label:
            self.parents[label] = self.parents[self.parents[label]]
            label = self.parents[label]
        return label

    def join(self, labels: Iterable[int]) -> None:
        """Make channels go together."""
        roots = {self.find(label) for label in labels}
        for root in roots:
            self.parents[root] = min(roots)

    def start(self, node: Any, handler: Any, size: int) -> None:
        """Follow the channels that leave a layer, but for those that came there before."""
        seen = self.reached.get((node, handler), {})
        fresh = [position for position in range(size) if position not in seen]
        first = len(self.parents)
        self.parents += range(first, first + len(fresh))
        labelled = [
            _HybridIndex(idx=position, root_idx=first + i) for i, position in enumerate(fresh)
        ]
        self._follow([(node, handler, labelled)])

    def _follow(self, pending: list[tuple[Any, Any, list[_HybridIndex]]]) -> None:
        while pending:
            node, handler, indices = pending.pop()
            fresh = self._record(node, handler, indices)
            for edge in node.dependencies if fresh else ():
                if edge.is_triggered_by(handler) and not _is_broadcast(edge):
                    mapped = fresh
                    for mapping in edge.index_mapping:
                        mapped = mapped if mapping is None else mapping(mapped)
                    pending.append((edge.target, edge.handler, mapped))

    def _record(self, node: Any, handler: Any, indices: list[_HybridIndex]) -> list[_HybridIndex]:
        seen = self.reached.setdefault((node, handler), {})
        fresh = []
        for index in indices:
            if index.idx in seen:
                self.join((seen[index.idx], index.root_idx))
            else:
                seen[index.idx] = index.root_idx
                fresh.append(index)
        return fresh


def _is_broadcast(edge: Any) -> bool:
    """Whether many channels meet the only one of a layer, as those of a map meet its mask."""
    layer, side = edge.target.module, edge.handler.__name__
    is_layer = isinstance(layer, (_ConvNd, nn.Linear))
    return is_layer and side == "prune_out_channels" and side_size(layer, OUT) == 1


def _couple(trace: Trace, walk: _Walk) -> None:
    """Join what has to go together within a layer, and mark what has to stay."""
    for place, seen in walk.reached.items():
        if trace.is_end(*place) or not (is_cuttable(place[0]) or is_passed_through(place[0])):
            walk.join((0, *seen.values()))
        elif is_cuttable(place[0]):
            size, period = trace.size(*place), trace.period(*place)
            for first in range(period if period < size else 0):
                walk.join(seen.get(position, 0) for position in range(first, size, period))
    for place, seen in walk.reached.items():
        too_many = is_cuttable(place[0]) and max(seen, default=-1) >= trace.size(*place)
        if too_many and any(walk.find(label) for label in seen.values()):
            name = trace.name(place[0])
            raise UntraceableError(f"{name!r} does not have the channels that reach it")


def _members(walk: _Walk) -> dict[tuple[_Place, ...], list[int]]:
    """Channels that can go, by all the places where they are."""
    places: dict[int, list[_Place]] = {}
    for place, seen in walk.reached.items():
        if is_cuttable(place[0]):
            for channel in dict.fromkeys(walk.find(label) for label in seen.values()):
                places.setdefault(channel, []).append(place)
    places.pop(0, None)
    members: dict[tuple[_Place, ...], list[int]] = {}
    for channel, where in places.items():
        members.setdefault(tuple(where), []).append(channel)
    return members


def _group(
    trace: Trace, walk: _Walk, places: tuple[_Place, ...], channels: list[int]
) -> ChannelGroup | None:
    """None where there is no layer to cut, none that reads, or one channel, which has to stay."""
    number = {channel: i for i, channel in enumerate(sorted(channels))}
    slices = []
    for node, handler in places:
        seen, size = walk.reached[node, handler], trace.size(node, handler)
        channel = [number.get(walk.find(seen.get(i, 0)), -1) for i in range(size)]
        axis = None if isinstance(node.module, nn.Module) else node.pruning_dim
        side = trace.side(node, handler)
        slices.append(ChannelSlice(trace.name(node), side, torch.tensor(channel), axis))
    slices.sort(key=lambda part: (part.side == IN, trace.order(part.name)))
    is_exact = not any(_is_across_channels(node.module) for node, _ in places)
    group = ChannelGroup("", len(channels), tuple(slices), is_exact)
    if len(channels) < 2 or not group.on(OUT) or not group.on(IN):
        return None
    return replace(group, root=group.on(OUT)[0].name)


def _is_across_channels(layer: Any) -> bool:
    several = isinstance(layer, nn.GroupNorm) and layer.num_groups < layer.num_channels
    return several or isinstance(layer, nn.LayerNorm)
