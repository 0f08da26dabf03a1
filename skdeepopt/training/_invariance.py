"""Answers that do not depend on how many samples are asked about at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn import functional

__all__ = ["batch_invariant"]

_ROWS_A_THREAD = 8
"""From four rows a thread on, MKL adds up each output in one order (measured with MKL 2024.2);
below, other kernels change the last bits. Convolutions change theirs from 16 images on."""


def batch_invariant(module: nn.Module, n_samples: int) -> AbstractContextManager[None]:
    """Give a few samples the arithmetic that they would get among many.

    scikit-learn expects the same answer for a sample alone and among others, but on a CPU torch
    picks other kernels for small batches. Inside, linear layers see a minimum of rows, blank
    ones where there are fewer, and convolutions run in oneDNN whatever their size.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, in float32, on the CPU.
    n_samples : int
        Samples that it is about to see; nothing is done for many.
    """
    if n_samples >= 2 * _ROWS_A_THREAD * torch.get_num_threads():
        return nullcontext()
    return _replaced_forwards(module)


@contextmanager
def _replaced_forwards(module: nn.Module) -> Iterator[None]:
    replaced: list[nn.Module] = []
    for layer in module.modules():
        forward = _replacement(layer)
        if forward is not None:
            # Straight into the instance, since nn.Module's own assignment is slow.
            layer.__dict__["forward"] = partial(forward, layer)
            replaced.append(layer)
    try:
        yield
    finally:
        for layer in replaced:
            layer.__dict__.pop("forward", None)


def _replacement(layer: nn.Module) -> Callable[..., torch.Tensor] | None:
    if isinstance(layer, nn.Linear):
        return _linear
    zeros = isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros"
    return _convolution if zeros else None


def _linear(layer: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    missing = _ROWS_A_THREAD * torch.get_num_threads() - len(inputs)
    if inputs.ndim != 2 or missing <= 0:
        return functional.linear(inputs, layer.weight, layer.bias)
    padded = functional.pad(inputs, (0, 0, 0, missing))
    return functional.linear(padded, layer.weight, layer.bias)[: len(inputs)]


def _convolution(layer: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
    weight, bias = layer.weight, layer.bias
    if inputs.ndim != 4 or isinstance(layer.padding, str):
        return layer._conv_forward(inputs, weight, bias)
    return torch.mkldnn_convolution(
        inputs, weight, bias, layer.padding, layer.stride, layer.dilation, layer.groups
    )
