"""Multiplications with an addition that a network does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

__all__ = ["count_multiply_adds"]


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
    counts: list[int] = []
    with _counting(module, counts):
        run()
    return sum(counts)


@contextmanager
def _counting(module: nn.Module, counts: list[int]) -> Iterator[None]:
    def hook(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        counts.append(_layer_count(layer, inputs[0], output))

    layers = [part for part in module.modules() if isinstance(part, (_ConvNd, nn.Linear))]
    handles = [layer.register_forward_hook(hook) for layer in layers]
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
