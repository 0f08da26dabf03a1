"""Multiplications with an addition that a network does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

__all__ = ["count_multiply_adds", "multiply_adds_by_layer"]


def count_multiply_adds(module: nn.Module, run: Callable[[], object]) -> int:
    """Multiply-adds of every convolution and linear layer of `module` while `run` is called.

    Counted: ``Conv1d`` to ``Conv3d``, their transposes, and ``Linear``, by the shapes that pass
    through them. Not counted: biases, normalisation, activations, pooling and attention
    products, which are a small part of a convolutional network.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Sends the data through; one sample gives the count of a sample.

    Returns
    -------
    count : int
        0 where `run` never reaches such a layer.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Conv2d(1, 20, kernel_size=5)
    >>> count_multiply_adds(layer, lambda: layer(torch.zeros(1, 1, 28, 28)))
    288000
    """
    return sum(multiply_adds_by_layer(module, run).values())


def multiply_adds_by_layer(module: nn.Module, run: Callable[[], object]) -> dict[str, int]:
    """What :func:`count_multiply_adds` counts, by the qualified name of the layer.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Sends the data through.

    Returns
    -------
    counts : dict of layer name to int
        0 for a layer that `run` never reaches; a layer that is reached twice counts twice.

    Examples
    --------
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 3))
    >>> multiply_adds_by_layer(network, lambda: network(torch.zeros(1, 4)))
    {'0': 32, '1': 24}
    """
    layers = {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, (_ConvNd, nn.Linear))
    }
    counts = dict.fromkeys(layers, 0)
    with _counting(layers, counts):
        run()
    return counts


@contextmanager
def _counting(layers: Mapping[str, nn.Module], counts: dict[str, int]) -> Iterator[None]:
    names = {layer: name for name, layer in layers.items()}

    def hook(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        counts[names[layer]] += _layer_count(layer, inputs[0], output)

    handles = [layer.register_forward_hook(hook) for layer in layers.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layer_count(layer: nn.Module, inputs: torch.Tensor, output: torch.Tensor) -> int:
    if isinstance(layer, _ConvTransposeNd):
        # Each input value is spread over a kernel of each output channel of its group.
        return inputs.numel() * layer.out_channels // layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, _ConvNd):
        return output.numel() * layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    return output.numel() * inputs.shape[-1]
