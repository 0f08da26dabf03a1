"""Forward and backward pass of a plain chain of layers, without autograd.

A step of a small network spends a quarter of its time in Python's module calls, autocast and the
autograd graph rather than in arithmetic. For an ``nn.Sequential`` of known layers, or a graph that
is as plain, the backward pass is known beforehand, so that both passes can call the kernels
outright. The arithmetic is that of autograd under autocast, kernel by kernel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules import module as module_internals
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from skdeepopt.training._chain_links import (
    LINKS,
    Link,
    NormLink,
    QuantizerLink,
    ReLULink,
    WeightLink,
)
from skdeepopt.transfer._batch_norm import KeptNorm

__all__ = ["Chain"]


class Chain:
    """The layers of a module, in the order in which they run.

    Parameters
    ----------
    links : list of Link
        From :meth:`of`.
    """

    def __init__(self, links: list[Link]) -> None:
        self.links = links

    @property
    def draws(self) -> bool:
        """Whether the next forward pass draws random numbers."""
        return any(link.draws for link in self.links)

    @classmethod
    def of(cls, module: nn.Module) -> Chain | None:
        """Chain of `module`, or None where only autograd knows what to do.

        That is where a layer is of an unknown or derived class, has hooks or frozen parameters,
        is in evaluation mode (but a batch norm may keep its statistics), or shares parameters with
        another; and where a graph is more than a sequence of layers, each called once.
        Parametrized weights (masks, fake quantizers) are no hindrance: autograd goes through them
        alone.
        """
        layers = _layers(module)
        parameters = [p for layer in layers or [] for p in layer.parameters()]
        if (
            not layers
            or not parameters
            or len({id(parameter) for parameter in parameters}) < len(parameters)
            or not all(p.requires_grad and p.device.type == "cpu" for p in parameters)
            or not all(part.training or isinstance(part, KeptNorm) for part in module.modules())
            or any(_has_hooks(part) for part in module.modules())
        ):
            return None
        return cls(_linked(layers))

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Float32 outputs; what the backward pass needs is kept until it has run.

        Parameters
        ----------
        inputs : Tensor of shape (n_samples, ...)
        dtype : torch.dtype
            Of the matrix products.
        """
        with torch.no_grad():
            for link in self.links:
                inputs = link.forward(inputs, dtype)
            return inputs.float()

    def backward(self, gradient: torch.Tensor) -> None:
        """Set the gradient of every parameter.

        Parameters
        ----------
        gradient : Tensor
            Of the loss, with respect to the outputs of the last forward pass.
        """
        # Looked up at every step, since a quantizer may begin to learn, or end.
        learning = (i for i, link in enumerate(self.links) if link.has_parameters)
        first = next(learning, len(self.links))
        with torch.no_grad():
            for position in range(len(self.links) - 1, first - 1, -1):
                gradient = self.links[position].backward(gradient, position > first)
        for link in self.links[:first]:
            link.kept = ()


def _layers(module: nn.Module) -> list[nn.Module] | None:
    """Leaves of nested sequences, None where something else is among them."""
    parts = _parts(module)
    if parts is not None:
        leaves = [_layers(part) for part in parts]
        return None if None in leaves else [leaf for some in leaves for leaf in some or []]
    link = LINKS.get(type_before_parametrizations(module))
    if link is None or not link.takes(module):
        return None
    known = {"weight"} if issubclass(link, WeightLink) else set()
    return [module] if _parametrized(module) <= known else None


def _parts(module: nn.Module) -> list[nn.Module] | None:
    """What a sequence calls, in order; None where `module` is none."""
    if isinstance(module, fx.GraphModule):
        return _called(module)
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        return list(module)
    return None


def _called(graph: fx.GraphModule) -> list[nn.Module] | None:
    """What a graph calls, where each reads what the one before gives and no other reads that."""
    nodes = list(graph.graph.nodes)
    operations = ["placeholder", *["call_module"] * (len(nodes) - 2), "output"]
    names = [str(node.target) for node in nodes[1:-1]]
    is_plain = (
        [node.op for node in nodes] == operations
        and all(node.args == (source,) for source, node in pairwise(nodes))
        and not any(node.kwargs for node in nodes)
        and len(set(names)) == len(names)
    )
    return [graph.get_submodule(name) for name in names] if is_plain else None


def _parametrized(layer: Any) -> set[str]:
    """Names of the tensors that are functions of parameters."""
    return set(layer.parametrizations) if is_parametrized(layer) else set()


def _linked(layers: list[nn.Module]) -> list[Link]:
    links: list[Link] = []
    for layer in layers:
        if isinstance(layer, nn.ReLU) and links and isinstance(links[-1], NormLink):
            links[-1].rectifies = True
        elif not _does_nothing(layer):
            link = LINKS[type_before_parametrizations(layer)](layer)
            if isinstance(link, QuantizerLink):
                link.rectifies = _leave_out_rectifier(links)
            links.append(link)
    return links


def _leave_out_rectifier(links: list[Link]) -> bool:
    """Whether there was one at the end."""
    if links and isinstance(links[-1], ReLULink):
        links.pop()
        return True
    if links and isinstance(links[-1], NormLink) and links[-1].rectifies:
        links[-1].rectifies = False
        return True
    return False


def _does_nothing(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Identity) or (isinstance(layer, nn.Dropout) and layer.p == 0)


def _has_hooks(layer: Any) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
        or module_internals._has_any_global_hook()
    )
