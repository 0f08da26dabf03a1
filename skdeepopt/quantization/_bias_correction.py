"""Biases that make up for the mean error of a quantized layer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import fx, nn

from skdeepopt.layers._weighted import Layer
from skdeepopt.quantization._layerwise import LayerStep, for_each_layer, output_channels_last

__all__ = ["correct_biases"]


def correct_biases(
    graph: fx.GraphModule, reference: fx.GraphModule, batches: Iterable[torch.Tensor]
) -> None:
    """Take each layer's mean error off its bias, layer by layer from the input on.

    The error is that of a channel's output before the activation, against the float network; what
    is left of those of the layers before is part of it. A layer without bias gets one.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Changed in place. Its weights are on their grids already.
    reference : torch.fx.GraphModule
        The same network in float, for inference.
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs, all kept at once.

    Raises
    ------
    ValueError
        No data, data that is not finite, or networks that differ.

    References
    ----------
    Nagel, van Baalen, Blankevoort & Welling (2019), arXiv:1906.04721, section 4.2 and
    appendix D (empirical).

    Examples
    --------
    >>> from skdeepopt.layers._trace import folded, traced
    >>> graph = traced(nn.Sequential(nn.Linear(1, 1)), owner="example")
    >>> rounded = folded(graph)
    >>> rounded.get_submodule("0").weight.data.round_()
    tensor([[...]])
    >>> correct_biases(rounded, graph, [inputs := torch.tensor([[1.0], [3.0]])])
    >>> torch.allclose(rounded(inputs).mean(), graph(inputs).mean())
    True
    """
    for_each_layer(graph, reference, batches, _correct, owner="correct_biases")


def _correct(step: LayerStep) -> None:
    total, count = torch.zeros((), dtype=torch.float64), 0
    for inputs, targets in zip(step.inputs, step.targets, strict=True):
        errors = output_channels_last(step.layer, step.layer(inputs) - targets)
        errors = errors.reshape(-1, errors.shape[-1])
        total = total + errors.sum(0, dtype=torch.float64)
        count += len(errors)
    _add_to_bias(step.layer, -total / count)


def _add_to_bias(layer: Layer, change: torch.Tensor) -> None:
    change = change.to(layer.weight.dtype)
    if layer.bias is None:
        layer.bias = nn.Parameter(change, requires_grad=layer.weight.requires_grad)
    else:
        layer.bias.add_(change)
