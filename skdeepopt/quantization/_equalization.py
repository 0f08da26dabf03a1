"""Channels of consecutive layers scaled alike, so that one grid fits them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.layers._operations import argument_of, operation_of
from skdeepopt.layers._weighted import Layer

__all__ = ["equalize"]

_MOST_SWEEPS = 50
_SETTLED = 1e-3
"""Largest change of a scale, as a share of it, in the last sweep."""
_ELEMENTWISE = {"relu", "leaky_relu", "dropout", "identity"}
_PER_CHANNEL = {"max_pool", "avg_pool", "adaptive_avg_pool"}


@dataclass(frozen=True)
class _Pair:
    """Two layers, the first's output channels being read by the second alone."""

    first: Layer
    second: Layer


@torch.no_grad()
def equalize(graph: fx.GraphModule) -> int:
    """Scale the channels between layers so that both weights span like ranges; answers stay.

    Where only operations lie between two layers that pass a positive factor on (ReLU, pooling,
    flatten), a channel's weights in the first can be divided by it and those in the second
    multiplied. All pairs are gone through until no scale changes.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Changed in place. For inference, with batch norms folded; layers with parametrizations
        and those that are called more than once are left out.

    Returns
    -------
    n_pairs : int
        Pairs of layers that were equalized.

    Notes
    -----
    Weights that lie on a grid with one scale a channel, after training in quantization, leave it:
    equalize only what was trained in float.

    References
    ----------
    Nagel, van Baalen, Blankevoort & Welling (2019), arXiv:1906.04721, section 4.1.

    Examples
    --------
    >>> from skdeepopt.layers._trace import traced
    >>> network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> equalize(traced(network, owner="example"))
    1
    """
    pairs = list(_pairs(graph))
    for _ in range(_MOST_SWEEPS):
        if max((_equalize(pair) for pair in pairs), default=0.0) < _SETTLED:
            break
    return len(pairs)


def _equalize(pair: _Pair) -> float:
    """Largest relative change of a channel's scale."""
    first, second = pair.first.weight, _by_input(pair.second)
    rows = first.flatten(1).abs().amax(1)
    columns = second.abs().amax((1, 3)).flatten()
    repeats = columns.numel() // rows.numel()
    columns = columns.view(rows.numel(), repeats).amax(1)
    # The paper's s; a channel that is dead on one side stays as it is.
    scales = torch.sqrt(rows / columns)
    scales = torch.where((rows > 0) & (columns > 0), scales, 1.0)
    first.div_(scales.view(-1, *[1] * (first.ndim - 1)))
    if pair.first.bias is not None:
        pair.first.bias.div_(scales)
    second.mul_(scales.repeat_interleave(repeats).view(len(second), 1, -1, 1))
    return (scales - 1).abs().max().item()


def _by_input(layer: Layer) -> torch.Tensor:
    """View of the weight as (groups, outputs, inputs, kernel); input channels are (0, 2)."""
    groups = getattr(layer, "groups", 1)
    n_outputs, n_inputs = layer.weight.shape[:2]
    return layer.weight.data.view(groups, n_outputs // groups, n_inputs, -1)


def _pairs(graph: fx.GraphModule) -> Iterator[_Pair]:
    uses = Counter(_weights_read(graph))
    for node in graph.graph.nodes:
        first = _layer_at(graph, node)
        second = None if first is None else _second(graph, node, first)
        if first is None or second is None or first is second:
            continue
        if all(
            not is_parametrized(part) and uses[id(part.weight)] == 1 for part in (first, second)
        ):
            yield _Pair(first, second)


def _weights_read(graph: fx.GraphModule) -> Iterator[int]:
    """Identity of each weight, as often as it is read."""
    for node in graph.graph.nodes:
        if node.op == "call_module" and (layer := _layer_at(graph, node)) is not None:
            if not is_parametrized(layer):
                yield id(layer.weight)
        elif node.op == "get_attr":
            yield id(reduce(getattr, node.target.split("."), graph))


def _layer_at(graph: fx.GraphModule, node: fx.Node) -> Layer | None:
    is_layer = node.op == "call_module" and operation_of(graph, node) in {"conv", "linear"}
    return graph.get_submodule(str(node.target)) if is_layer else None  # type: ignore[return-value]


def _second(graph: fx.GraphModule, node: fx.Node, first: Layer) -> Layer | None:
    """The layer that alone reads what `node` gives, through operations that keep a factor."""
    is_spatial = not isinstance(first, nn.Linear)
    while len(node.users) == 1:
        node = next(iter(node.users))
        second = _layer_at(graph, node)
        if second is not None:
            return second if _fits(first, second, is_spatial) else None
        operation = operation_of(graph, node)
        if operation in {"flatten", "global_avg_pool"}:
            if not (is_spatial and _leaves_channels(graph, node, operation)):
                return None
            is_spatial = operation == "global_avg_pool" and node.op == "call_module"
        elif not (operation in _ELEMENTWISE or (is_spatial and operation in _PER_CHANNEL)):
            return None
    return None


def _leaves_channels(graph: fx.GraphModule, node: fx.Node, operation: str) -> bool:
    """Features come channel by channel: all is flattened, or all but the channels is averaged."""
    if operation == "flatten":
        start = argument_of(graph, node, 1, "start_dim", 1 if node.op == "call_module" else 0)
        return start == 1 and argument_of(graph, node, 2, "end_dim", -1) == -1
    return not argument_of(graph, node, 2, "keepdim", False)


def _fits(first: Layer, second: Layer, is_spatial: bool) -> bool:
    if isinstance(second, nn.Linear):
        n_outputs = len(first.weight)
        same = second.in_features == n_outputs
        flattened = not isinstance(first, nn.Linear) and second.in_features % n_outputs == 0
        return not is_spatial and (same or flattened)
    return is_spatial and second.in_channels == len(first.weight)
