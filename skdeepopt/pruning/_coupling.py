"""Which channels of which layers can only be removed together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch_pruning
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch_pruning._helpers import _HybridIndex
from torch_pruning.dependency.index_mapping import _ConcatIndexMapping
from torch_pruning.ops import OPTYPE

from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice
from skdeepopt.pruning._surgery import BOTH, IN, OUT, relative_period, side_size

__all__ = ["UntraceableError", "coupled_channels"]

_CUTTABLE = {
    OPTYPE.CONV,
    OPTYPE.DEPTHWISE_CONV,
    OPTYPE.LINEAR,
    OPTYPE.BN,
    OPTYPE.IN,
    OPTYPE.GN,
    OPTYPE.LN,
    OPTYPE.PRELU,
    OPTYPE.PARAMETER,
}
_PASSED_THROUGH = {
    OPTYPE.CONCAT,
    OPTYPE.SPLIT,
    OPTYPE.ELEMENTWISE,
    OPTYPE.RESHAPE,
    OPTYPE.UNBIND,
    OPTYPE.EXPAND,
    OPTYPE.SLICE,
}


class UntraceableError(Exception):
    """A layer through which channels cannot be followed; the argument says which, and why."""


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
    trace = _Trace(module, example)
    walk = _Walk()
    for layer in module.modules():
        # A single channel that meets many is a mask of all of them, and can't go itself.
        is_root = isinstance(layer, (_ConvNd, nn.Linear)) and side_size(layer, OUT) > 1
        if is_root and layer in trace.nodes:
            walk.start(*trace.out_side(layer))
    return _groups(trace, walk)


class _Graph(torch_pruning.DependencyGraph):
    """With the sizes of concatenated tensors as they were, where torch-pruning has to guess."""

    def _build_dependency(self, module2node: dict[Any, Any]) -> None:
        super()._build_dependency(module2node)
        for node in module2node.values():
            if node.type == OPTYPE.CONCAT:
                node.module.concat_sizes = _concatenated(node.grad_fn)

    def connect(self) -> None:
        """Map channels into concatenations that are flattened next, which torch-pruning omits."""
        for node in self.module2node.values():
            sizes = node.module.concat_sizes if node.type == OPTYPE.CONCAT else None
            if sizes is not None and len(sizes) == len(node.inputs):
                bounds = [0, *accumulate(sizes)]
                for source, offset in zip(node.inputs, pairwise(bounds), strict=True):
                    _map_first(node, source, _ConcatIndexMapping(offset, reverse=True))
                    _map_first(source, node, _ConcatIndexMapping(offset, reverse=False))


def _concatenated(grad_fn: Any) -> list[int] | None:
    """Channels of each tensor that was concatenated, None where it was along another axis."""
    if any(source is None for source, _ in grad_fn.next_functions):
        return None
    shapes = [source._input_metadata[i].shape for source, i in grad_fn.next_functions]
    # autograd stores a negative axis as an unsigned number.
    axis = grad_fn._saved_dim - (1 << 64) * (grad_fn._saved_dim >> 63)
    return [shape[1] for shape in shapes] if axis % len(shapes[0]) == 1 else None


def _map_first(node: Any, target: Any, mapping: Any) -> None:
    """Put the mapping on the first edge that has none yet: an input may come twice."""
    for edge in node.dependencies:
        if edge.target is target and edge.index_mapping[1] is None:
            edge.index_mapping[1] = mapping
            return


class _Trace:
    """torch-pruning's graph of a module, and where its input and its answer are."""

    def __init__(self, module: nn.Module, example: torch.Tensor) -> None:
        self.graph = _Graph()
        self.names = {part: name for name, part in module.named_modules()}
        inputs = example.detach().clone()
        if inputs.is_floating_point():
            # So that the input has a node: channels that are added to it have to stay.
            inputs = inputs.requires_grad_().clone()
        ends = [inputs.grad_fn]

        def note_answer(answer: torch.Tensor) -> torch.Tensor:
            ends.append(answer.grad_fn)
            return answer

        with warnings.catch_warnings(), _layers_run(module) as ran:
            warnings.simplefilter("ignore")
            self.graph.build_dependency(
                module, (inputs,), output_transform=note_answer, verbose=False
            )
        self.graph.connect()
        self.nodes = self.graph.module2node
        self.ends = [node for node in self.nodes.values() if node.grad_fn in ends]
        for layer in ran:
            if layer not in self.nodes:
                raise UntraceableError(
                    f"the answer of {self.names[layer]!r} is cut off by `detach` or `no_grad`"
                )

    def out_side(self, layer: nn.Module) -> tuple[Any, Any, int]:
        node, pruner = self.nodes[layer], self.graph.get_pruner_of_module(layer)
        return node, pruner.prune_out_channels, pruner.get_out_channels(layer)

    def is_end(self, node: Any, handler: Any) -> bool:
        """Whether channels there are those of the input or of the answer."""
        if node not in self.ends:
            return node.type == OPTYPE.OUTPUT
        return handler == self.graph.get_pruner_of_module(node.module).prune_out_channels

    def side(self, node: Any, handler: Any) -> str:
        pruner = self.graph.get_pruner_of_module(node.module)
        if pruner.prune_out_channels == pruner.prune_in_channels:
            return BOTH
        return OUT if handler == pruner.prune_out_channels else IN

    def name(self, node: Any) -> str:
        if node.type == OPTYPE.PARAMETER:
            return str(self.graph._param_to_name[node.module])
        return self.names[node.module]


@contextmanager
def _layers_run(module: nn.Module) -> Iterator[list[nn.Module]]:
    """Convolutions and linear layers that are run inside."""
    ran: list[nn.Module] = []

    def note(layer: nn.Module, _inputs: Any, _output: Any) -> None:
        ran.append(layer)

    layers = [part for part in module.modules() if isinstance(part, (_ConvNd, nn.Linear))]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


class _Walk:
    """Follows channels through the graph; those that meet at one position become one.

    A label is a channel as it left the layer where it was first seen. Label 0 is what has to
    stay.
    """

    def __init__(self) -> None:
        self.parents = [0]
        self.reached: dict[tuple[Any, Any], dict[int, int]] = {}

    def find(self, label: int) -> int:
        while self.parents[label] != label:
            self.parents[label] = self.parents[self.parents[label]]
            label = self.parents[label]
        return label

    def join(self, labels: Iterable[int]) -> None:
        roots = {self.find(label) for label in labels}
        for root in roots:
            self.parents[root] = min(roots)

    def start(self, node: Any, handler: Any, size: int) -> None:
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


def _groups(trace: _Trace, walk: _Walk) -> list[ChannelGroup]:
    """Channels, as labels, sorted by where they were seen."""
    sides = {key: seen for key, seen in walk.reached.items() if seen}
    _couple(trace, walk, sides)
    places: dict[int, list[tuple[Any, Any]]] = {}
    for key, seen in sides.items():
        if _is_cuttable(key[0]):
            for root in dict.fromkeys(walk.find(label) for label in seen.values()):
                places.setdefault(root, []).append(key)
    places.pop(walk.find(0), None)
    members: dict[tuple[Any, ...], list[int]] = {}
    for root, keys in places.items():
        members.setdefault(tuple(keys), []).append(root)
    order = {name: i for i, name in enumerate(trace.names.values())}
    groups = [_group(trace, walk, sides, keys, roots, order) for keys, roots in members.items()]
    found = [group for group in groups if group is not None and group.on(IN)]
    return sorted(found, key=lambda group: order[group.root])


def _couple(trace: _Trace, walk: _Walk, sides: dict[tuple[Any, Any], dict[int, int]]) -> None:
    """Join what has to go together within a layer, and mark what has to stay."""
    misfits = []
    for (node, handler), seen in sides.items():
        if trace.is_end(node, handler) or not (_is_cuttable(node) or _is_passed_through(node)):
            walk.join((0, *seen.values()))
        elif _is_cuttable(node):
            side = trace.side(node, handler)
            size, period = _size(node, side), _period(node, side)
            if max(seen) >= size:
                misfits.append((node, seen))
            for first in range(period if period < size else 0):
                walk.join(seen.get(position, 0) for position in range(first, size, period))
    for node, seen in misfits:
        if any(walk.find(label) != walk.find(0) for label in seen.values()):
            raise UntraceableError(f"{trace.name(node)!r} does not have the channels that reach it")


def _size(node: Any, side: str) -> int:
    if isinstance(node.module, nn.Parameter):
        return int(node.module.shape[node.pruning_dim])
    return side_size(node.module, side)


def _period(node: Any, side: str) -> int:
    size = _size(node, side)
    is_layer = isinstance(node.module, nn.Module)
    return relative_period(node.module, side, size) if is_layer else size


def _is_cuttable(node: Any) -> bool:
    return node.type in _CUTTABLE and not _is_passed_through(node)


def _is_passed_through(node: Any) -> bool:
    shared = node.type == OPTYPE.PRELU and node.module.num_parameters == 1
    return shared or node.type in _PASSED_THROUGH


def _is_broadcast(edge: Any) -> bool:
    """Whether many channels meet the only one of a layer, as those of a map meet its mask."""
    layer, side = edge.target.module, edge.handler.__name__
    is_layer = isinstance(layer, (_ConvNd, nn.Linear))
    return is_layer and side == "prune_out_channels" and side_size(layer, OUT) == 1


def _group(
    trace: _Trace,
    walk: _Walk,
    sides: dict[tuple[Any, Any], dict[int, int]],
    keys: tuple[tuple[Any, Any], ...],
    roots: list[int],
    order: dict[str, int],
) -> ChannelGroup | None:
    number = {root: i for i, root in enumerate(sorted(roots))}
    slices = []
    for node, handler in keys:
        seen, side = sides[node, handler], trace.side(node, handler)
        channel = [number.get(walk.find(seen.get(i, 0)), -1) for i in range(_size(node, side))]
        axis = None if isinstance(node.module, nn.Module) else node.pruning_dim
        slices.append(ChannelSlice(trace.name(node), side, torch.tensor(channel), axis))
    slices.sort(key=lambda part: (part.side == IN, order.get(part.name, len(order))))
    emitting = [part for part in slices if part.side == OUT]
    if not emitting or len(roots) < 2:
        return None
    is_exact = not any(_is_across_channels(node.module) for node, _ in keys)
    return ChannelGroup(emitting[0].name, len(roots), tuple(slices), is_exact)


def _is_across_channels(layer: Any) -> bool:
    several = isinstance(layer, nn.GroupNorm) and layer.num_groups < layer.num_channels
    return several or isinstance(layer, nn.LayerNorm)
