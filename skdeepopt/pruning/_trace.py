"""torch-pruning's graph of a network, with what it leaves out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch_pruning
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch_pruning.dependency.index_mapping import _ConcatIndexMapping
from torch_pruning.ops import OPTYPE

from skdeepopt.pruning._surgery import BOTH, IN, OUT, relative_period, side_size

__all__ = ["Trace", "UntraceableError", "is_cuttable", "is_passed_through"]

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


class Trace:
    """torch-pruning's graph of a module, and where its input and its answer are.

    A place is a node of the graph with torch-pruning's function for one side of it.

    Parameters
    ----------
    module : torch.nn.Module
        Put in evaluation mode; its parameters require gradients.
    example : Tensor of shape (n_samples, ...)

    Raises
    ------
    UntraceableError
        The answer of a layer is cut off from the module's.
    Exception
        Whatever torch-pruning raises about a module that it cannot trace.
    """

    def __init__(self, module: nn.Module, example: torch.Tensor) -> None:
        self.graph = _Graph()
        self.names = {part: name for name, part in module.named_modules()}
        self._order = {name: i for i, name in enumerate(self.names.values())}
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
        """Place where a layer emits, and how many channels."""
        node, pruner = self.nodes[layer], self.graph.get_pruner_of_module(layer)
        return node, pruner.prune_out_channels, pruner.get_out_channels(layer)

    def is_end(self, node: Any, handler: Any) -> bool:
        """Whether channels there are those of the input or of the answer."""
        if node not in self.ends:
            return node.type == OPTYPE.OUTPUT
        return handler == self.graph.get_pruner_of_module(node.module).prune_out_channels

    def side(self, node: Any, handler: Any) -> str:
        """Name of the side that a place is."""
        pruner = self.graph.get_pruner_of_module(node.module)
        if pruner.prune_out_channels == pruner.prune_in_channels:
            return BOTH
        return OUT if handler == pruner.prune_out_channels else IN

    def size(self, node: Any, handler: Any) -> int:
        """Channels at a place."""
        if isinstance(node.module, nn.Parameter):
            return int(node.module.shape[node.pruning_dim])
        return side_size(node.module, self.side(node, handler))

    def period(self, node: Any, handler: Any) -> int:
        """Distance of channels at a place that can only go together; its size where they can."""
        size = self.size(node, handler)
        if isinstance(node.module, nn.Parameter):
            return size
        return relative_period(node.module, self.side(node, handler), size)

    def name(self, node: Any) -> str:
        """Qualified name of the layer or Parameter."""
        if node.type == OPTYPE.PARAMETER:
            return str(self.graph._param_to_name[node.module])
        return self.names[node.module]

    def order(self, name: str) -> int:
        """Place of a layer among all; Parameters come last."""
        return self._order.get(name, len(self._order))


def is_cuttable(node: Any) -> bool:
    """Whether a node has tensors that run along its channels, which can be cut here."""
    return node.type in _CUTTABLE and not is_passed_through(node)


def is_passed_through(node: Any) -> bool:
    """Whether channels pass a node, which has nothing to cut."""
    shared = node.type == OPTYPE.PRELU and node.module.num_parameters == 1
    return shared or node.type in _PASSED_THROUGH


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
