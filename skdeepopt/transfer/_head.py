"""A network taken apart into what it sees and how it answers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._trace import traced

__all__ = ["split_head"]


def split_head(
    module: nn.Module, *, owner: str, sample_shape: tuple[int, ...] | None = None
) -> tuple[nn.Module, nn.Linear]:
    """A copy of a network without its last linear layer, and that layer.

    Parameters
    ----------
    module : torch.nn.Module
        Its answers are those of a linear layer; only looked at.
    owner : str
        Who asks; opens the messages.
    sample_shape : tuple of int or None, default=None
        Of one sample. A network whose operations depend on the numbers it is given is run on one.

    Returns
    -------
    body : torch.nn.Module
        The copy, with ``nn.Identity`` in the place of the layer.
    head : torch.nn.Linear
        A copy of the layer, without parametrizations.

    Raises
    ------
    ValueError
        No linear layer gives the answers.

    Examples
    --------
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> body, head = split_head(network, owner="split_head")
    >>> body[3], head.weight.shape
    (Identity(), torch.Size([2, 3]))
    """
    name = _head_name(module, owner, sample_shape)
    body = copy.deepcopy(module)
    head: Any = body.get_submodule(name)
    parent, _, last = name.rpartition(".")
    setattr(body.get_submodule(parent), last, nn.Identity().train(head.training))
    return body, _plain(head)


def _head_name(module: nn.Module, owner: str, sample_shape: tuple[int, ...] | None) -> str:
    try:
        name = _traced_head(module, owner)
    except ValueError:
        if sample_shape is None:
            raise
        name = _observed_head(module, sample_shape)
    if name is None:
        last = _last_part(module)
        raise ValueError(
            f"{owner} takes a network whose answers are those of a linear layer, called once; "
            f"{type(module).__name__} ends in {last}. Did you mean to give the network without "
            f"what comes after its last nn.Linear?"
        )
    return name


def _traced_head(module: nn.Module, owner: str) -> str | None:
    """Name of the linear layer behind which nothing is done."""
    graph = traced(module, owner=owner)
    *nodes, output = graph.graph.nodes
    node = output.all_input_nodes[0] if len(output.all_input_nodes) == 1 else None
    while node is not None and operation_of(graph, node) == "identity":
        node = node.all_input_nodes[0]
    if node is None or node.op != "call_module" or operation_of(graph, node) != "linear":
        return None
    is_alone = [other.target for other in nodes].count(node.target) == 1
    return str(node.target) if is_alone and len(node.users) == 1 else None


def _observed_head(module: nn.Module, sample_shape: tuple[int, ...]) -> str | None:
    """The same of a network that is run, where the layer's answer is the network's."""
    calls: list[tuple[str, torch.Tensor]] = []
    handles = [
        part.register_forward_hook(
            lambda _part, _inputs, outputs, name=name: calls.append((name, outputs))
        )
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear)
    ]
    parameter = next(module.parameters(), torch.zeros(()))
    try:
        with in_evaluation(module):
            answer = module(torch.zeros(2, *sample_shape, device=parameter.device))
    finally:
        for handle in handles:
            handle.remove()
    if not calls or answer is not calls[-1][1]:
        return None
    name = calls[-1][0]
    return name if [called for called, _ in calls].count(name) == 1 else None


def _plain(head: Any) -> nn.Linear:
    """A linear layer of its own, with the weights that a parametrized one computes."""
    if not is_parametrized(head):
        return head
    layer = nn.Linear(head.in_features, head.out_features, head.bias is not None)
    layer.to(device=head.weight.device, dtype=head.weight.dtype).train(head.training)
    with torch.no_grad():
        layer.weight.copy_(head.weight)
        if head.bias is not None:
            layer.bias.copy_(head.bias)
    return layer


def _last_part(module: nn.Module) -> str:
    *_, (name, part) = module.named_modules()
    return f"{name!r} ({type(part).__name__})" if name else f"a {type(part).__name__}"
