"""Weights and biases of few bits, adapted to data on the folded network, and put into its own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import fx, nn

from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import Layer, weight_layers
from skdeepopt.quantization._bias_correction import correct_biases
from skdeepopt.quantization._network import round_weights, write_weight
from skdeepopt.quantization._rounding import adaptive_rounding
from skdeepopt.quantization._scheme import Scheme

__all__ = ["adapt_to_data"]


def adapt_to_data(
    module: nn.Module,
    schemes: Mapping[str, Scheme],
    batches: Iterable[torch.Tensor],
    *,
    owner: str,
    seed: int = 0,
) -> None:
    """Round weights up or down, and shift biases, as far as the network's answers gain by it.

    Of rounding to nearest, adaptive rounding, and the latter with the mean errors taken off the
    biases, the one whose answers have the least squared error on the batches is kept.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place. Its batch norms stay: a weight is what the folded one is, without the
        factor of its channel.
    schemes : dict of layer name to Scheme
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs.
    owner : str
        Who asks; opens the messages.
    seed : int, default=0

    Raises
    ------
    ValueError
        The operations of the module cannot be followed, or the data are not finite.

    References
    ----------
    Nagel, Amjad, van Baalen, Louizos & Blankevoort (2020), arXiv:2004.10568 (rounding). Nagel,
    van Baalen, Blankevoort & Welling (2019), arXiv:1906.04721, section 4.2 (biases).
    """
    graph, kept = traced(module, owner=owner), list(batches)
    reference = folded(graph)
    rounded = _best(_candidates(reference, kept, schemes, seed), reference, kept)
    own, before, after = (weight_layers(part) for part in (module, reference, rounded))
    norms = _norms(graph)
    for name in schemes:
        layer = own[name]
        factor = _factors(layer.weight.detach(), before[name].weight.detach())
        write_weight(layer, after[name].weight.detach() / factor)
        _shift(layer, norms.get(name), _change(before[name], after[name]))


def _candidates(
    reference: fx.GraphModule,
    batches: list[torch.Tensor],
    schemes: Mapping[str, Scheme],
    seed: int,
) -> Iterator[fx.GraphModule]:
    nearest = copy.deepcopy(reference)
    round_weights(nearest, schemes)
    yield nearest
    adapted = copy.deepcopy(reference)
    adaptive_rounding(adapted, reference, batches, schemes, seed=seed)
    yield adapted
    shifted = copy.deepcopy(adapted)
    correct_biases(shifted, reference, batches)
    yield shifted


@torch.no_grad()
def _best(
    candidates: Iterable[fx.GraphModule], reference: fx.GraphModule, batches: list[torch.Tensor]
) -> fx.GraphModule:
    wanted = [reference(batch) for batch in batches]

    def error(graph: fx.GraphModule) -> float:
        answers = (graph(batch) for batch in batches)
        return sum(float((a - w).square().sum()) for a, w in zip(answers, wanted, strict=True))

    return min(candidates, key=error)


def _factors(own: torch.Tensor, in_folded: torch.Tensor) -> torch.Tensor:
    """What folding multiplied each output channel by."""
    rows, others = own.flatten(1).double(), in_folded.flatten(1).double()
    size = rows.square().sum(1)
    factor = (rows * others).sum(1) / size.where(size > 0, 1.0)
    factor = factor.where(factor != 0, 1.0)
    return factor.float().reshape(-1, *(1,) * (own.ndim - 1))


def _change(before: Layer, after: Layer) -> torch.Tensor:
    if after.bias is None:
        return torch.zeros(())
    change = after.bias.detach()
    return change if before.bias is None else change - before.bias.detach()


@torch.no_grad()
def _shift(layer: Layer, norm: nn.Module | None, change: torch.Tensor) -> None:
    """Add to what a channel's outputs are shifted by, where anything shifts them."""
    bias = layer.bias if norm is None else norm.bias
    if isinstance(bias, torch.Tensor):
        bias += change


def _norms(graph: fx.GraphModule) -> dict[str, nn.Module]:
    """The batch norm that each layer's outputs alone go to."""
    found = {}
    for node in graph.graph.nodes:
        readers = list(node.users)
        behind = operation_of(graph, readers[0]) if len(readers) == 1 else ""
        if operation_of(graph, node) in ("conv", "linear") and behind == "batch_norm":
            found[str(node.target)] = graph.get_submodule(str(readers[0].target))
    return found
