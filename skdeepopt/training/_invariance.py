"""Answers that do not depend on how many samples are asked about at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from skdeepopt.nets._match import MatchInput
from skdeepopt.training._threads import fair_threads

__all__ = ["batch_invariant"]

_ROWS = 16
"""From so many rows on, MKL adds up each output in one order on one thread (measured with MKL
2024.2, on layers of 2 to 300 outputs and up to 1,024 inputs); below, other kernels change the last
bits. Several threads share out the columns of a wide layer by the number of rows, so that products
run on one. Convolutions change theirs from 16 images on."""

_COLUMNS = 4
"""Rows that start at no multiple of 16 bytes, four float32, go through another kernel of MKL."""

_OUTPUTS = 2
"""A single output is a product with a vector, which adds up the last rows in another order."""


def batch_invariant(module: nn.Module, n_samples: int) -> AbstractContextManager[None]:
    """Give a few samples the arithmetic that they would get among many.

    scikit-learn expects the same answer for a sample alone and among others, but on a CPU torch
    picks other kernels for small batches. Inside, linear layers and the products that resize images
    run on one thread and see a minimum of rows, blank ones where there are fewer, and convolutions
    run in oneDNN whatever their size.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, in float32, on the CPU.
    n_samples : int
        Samples that it is about to see; among many only products on several threads, and broken
        blocks of columns, matter.
    """
    threads = torch.get_num_threads()
    if n_samples < 2 * _ROWS * threads:
        return _replaced_forwards(list(module.modules()))
    layers = [layer for layer in module.modules() if _is_at_risk(layer, threads)]
    return _replaced_forwards(layers) if layers else nullcontext()


def _is_at_risk(layer: nn.Module, threads: int) -> bool:
    """Whether a layer adds up in an order that depends on the number of samples, though many."""
    if not isinstance(layer, nn.Linear):
        return threads > 1 and type(layer) is MatchInput
    is_broken = layer.in_features % _COLUMNS != 0 or layer.out_features < _OUTPUTS
    return threads > 1 or is_broken


@contextmanager
def _replaced_forwards(layers: Sequence[nn.Module]) -> Iterator[None]:
    replaced: list[nn.Module] = []
    for layer in layers:
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
    if type(layer) is MatchInput:
        return _match
    zeros = isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros"
    return _convolution if zeros else None


def _on_one_thread() -> AbstractContextManager[None]:
    return fair_threads(0.0) if torch.get_num_threads() > 1 else nullcontext()


def _linear(layer: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    with _on_one_thread():
        return _product(layer, inputs)


def _product(layer: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    if inputs.ndim != 2:
        return functional.linear(inputs, layer.weight, layer.bias)
    rows = max(0, _ROWS - len(inputs))
    columns = -inputs.shape[1] % _COLUMNS
    lone = max(0, _OUTPUTS - len(layer.weight))
    padded = functional.pad(inputs, (0, columns, 0, rows)) if rows or columns else inputs
    if not columns and not lone:
        return functional.linear(padded, layer.weight, layer.bias)[: len(inputs)]
    weight = functional.pad(layer.weight, (0, columns, 0, lone))
    bias = None if layer.bias is None else functional.pad(layer.bias, (0, lone))
    return functional.linear(padded, weight, bias)[: len(inputs), : len(layer.weight)]


def _match(layer: MatchInput, inputs: torch.Tensor) -> torch.Tensor:
    images = max(0, _ROWS - len(inputs))
    padded = functional.pad(inputs, (0, 0, 0, 0, 0, 0, 0, images)) if images else inputs
    with _on_one_thread():
        return type(layer).forward(layer, padded)[: len(inputs)]


def _convolution(layer: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
    weight, bias = layer.weight, layer.bias
    if inputs.ndim != 4 or isinstance(layer.padding, str):
        return layer._conv_forward(inputs, weight, bias)
    return torch.mkldnn_convolution(
        inputs, weight, bias, layer.padding, layer.stride, layer.dilation, layer.groups
    )
