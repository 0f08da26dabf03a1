"""Layers of a quantized network one by one, beside what the float network computes there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._weighted import Layer
from skdeepopt.quantization._calibration import checked_batches

__all__ = ["LayerStep", "for_each_layer", "output_channels_last"]

_WEIGHTED = {"conv", "conv_transpose", "linear"}


@dataclass(frozen=True)
class LayerStep:
    """A layer that may be changed before what follows it is run.

    Parameters
    ----------
    name : str
        Qualified.
    layer : Conv or Linear
        Of the quantized network.
    node : torch.fx.Node
    inputs : list of Tensor
        What the layer reads in the quantized network, with the layers before as they are now.
    targets : list of Tensor
        What the layer of the same name gives in the float network.
    """

    name: str
    layer: Layer
    node: fx.Node
    inputs: list[torch.Tensor]
    targets: list[torch.Tensor]

    def __post_init__(self) -> None:
        assert len(self.inputs) == len(self.targets), self.name


def for_each_layer(
    graph: fx.GraphModule,
    reference: fx.GraphModule,
    batches: Iterable[torch.Tensor],
    visit: Callable[[LayerStep], None],
    *,
    owner: str,
) -> None:
    """Run both networks in step, and visit each layer before it is run; the first call of each.

    Parameters
    ----------
    graph, reference : torch.fx.GraphModule
        With the same names of nodes; quantizers in the first have no counterpart. Run in
        evaluation mode, without gradients, and left in the mode they were in.
    batches : iterable of Tensor of shape (n_samples, ...)
        All are kept while this runs, and so is what later operations read.
    visit : callable
        May change the layer in place.
    owner : str
        Opens the messages.

    Raises
    ------
    ValueError
        No data, data that is not finite, or a layer that `reference` has not.
    """
    kept = list(checked_batches(batches, owner=owner))
    ours, theirs = _Walk(graph, kept), _Walk(reference, kept)
    seen: set[str] = set()
    with in_evaluation(graph), in_evaluation(reference):
        for node in graph.graph.nodes:
            if operation_of(graph, node) in _WEIGHTED and node.target not in seen:
                seen.add(node.target)
                layer: Any = graph.get_submodule(node.target)
                inputs = ours.values(node.all_input_nodes[0])
                partner = theirs.run_to(node.name, layer.weight.shape, owner)
                visit(LayerStep(node.target, layer, node, inputs, theirs.values(partner)))
            ours.run(node)


def output_channels_last(layer: Layer, outputs: torch.Tensor) -> torch.Tensor:
    """View of a layer's outputs with the channels on the last axis."""
    return outputs if isinstance(layer, torch.nn.Linear) else outputs.movedim(1, -1)


class _Walk:
    """Values of a graph's nodes for several batches, node by node, kept until last read."""

    def __init__(self, graph: fx.GraphModule, batches: list[torch.Tensor]) -> None:
        self.interpreter = fx.Interpreter(graph)
        self.nodes = iter(graph.graph.nodes)
        self.known: list[dict[fx.Node, Any]] = [{} for _ in batches]
        self.arguments = [iter([batch]) for batch in batches]

    def run(self, node: fx.Node) -> None:
        for known, arguments in zip(self.known, self.arguments, strict=True):
            self.interpreter.env, self.interpreter.args_iter = known, arguments
            known[node] = self.interpreter.run_node(node)
            for read in self.interpreter.user_to_last_uses.get(node, []):
                del known[read]

    def run_to(self, name: str, shape: torch.Size, owner: str) -> fx.Node:
        for node in self.nodes:
            self.run(node)
            if node.name == name and self._weight_shape(node) == shape:
                return node
        raise ValueError(
            f"{owner}.reference is the float network with the same layers, not one without a "
            f"{name!r} with weights of shape {tuple(shape)}. Did you mean to copy the graph before "
            f"it was changed?"
        )

    def _weight_shape(self, node: fx.Node) -> torch.Size | None:
        weight = getattr(self.interpreter.submodules.get(str(node.target)), "weight", None)
        return None if weight is None else weight.shape

    def values(self, node: fx.Node) -> list[torch.Tensor]:
        return [known[node] for known in self.known]
