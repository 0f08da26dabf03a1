"""Gradients of strided convolutions: faster than torch's on a CPU, right where its are not.

oneDNN writes past the end of a buffer when it computes the gradient of a strided convolution of one
pixel, on images that lie channels last and have fewer channels than a register has numbers: 8 with
AVX2, 16 with AVX-512 (uxlfoundation/oneDNN#6035, open in version 3.12 that torch 2.13 brings). The
process aborts, hangs, or goes on with wrong gradients. Such a convolution looks at few of the
pixels; of those alone it is one of stride 1, which oneDNN gets right.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn import functional

__all__ = ["has_fast_gradients", "has_unsound_gradients", "sound_gradients", "strided_gradients"]

_FEWEST_CHANNELS = 16
"""Below, the copies of the columns cost more than the product saves."""

_WIDEST_REGISTER = 16
"""Numbers of float32 that the widest register holds."""


@contextmanager
def sound_gradients(module: nn.Module) -> Iterator[None]:
    """Convolutions of a module whose gradients oneDNN gets wrong computed otherwise meanwhile.

    Parameters
    ----------
    module : torch.nn.Module
        Its layers, names and parameters stay as they are; copies made meanwhile compute as it does.

    Examples
    --------
    >>> layer = nn.Conv2d(4, 8, 1, stride=2)
    >>> with sound_gradients(layer):
    ...     layer(torch.ones(1, 4, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """
    own = nn.Conv2d._conv_forward
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and _skips(layer) and type(layer)._conv_forward is own:
            vars(layer)["_conv_forward"] = partial(_convolved, layer.stride)
    try:
        yield
    finally:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                vars(layer).pop("_conv_forward", None)


def has_unsound_gradients(layer: nn.Conv2d) -> bool:
    """Whether the gradient of a layer's weight is one that oneDNN gets wrong."""
    return _skips(layer) and layer.in_channels < _WIDEST_REGISTER


def _skips(layer: nn.Conv2d) -> bool:
    return (
        layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.padding in ((0, 0), "valid")
        and layer.groups == 1
    )


def _convolved(
    stride: tuple[int, ...],
    inputs: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Strided convolution of one pixel; of a weight that gets a gradient, in two steps."""
    if weight.requires_grad and torch.is_grad_enabled() and weight.shape[1] < _WIDEST_REGISTER:
        inputs, stride = inputs[..., :: stride[0], :: stride[1]], (1, 1)
    return functional.conv2d(inputs, weight, bias, stride)


def has_fast_gradients(layer: nn.Conv2d, inputs: torch.Tensor) -> bool:
    """Whether :func:`strided_gradients` is for this layer, and the faster way.

    It is for square kernels and strides above one, without padding, bias, dilation or groups, on
    bfloat16 images that lie channels last.
    """
    (kernel, width), (stride, across) = layer.kernel_size, layer.stride
    return (
        inputs.dtype == torch.bfloat16
        and layer.in_channels >= _FEWEST_CHANNELS
        and kernel == width
        and stride == across
        and kernel >= stride > 1
        and layer.padding == (0, 0)
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.bias is None
        and inputs.is_contiguous(memory_format=torch.channels_last)
    )


def strided_gradients(
    gradient: torch.Tensor, inputs: torch.Tensor, weight: torch.Tensor, stride: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of a strided convolution with respect to its inputs and its weight.

    oneDNN's own run at a third of the speed of a matrix product of the same size. The weight's
    gradient here is one product with the unfolded inputs (Chellapilla, Puri & Simard 2006, section
    2); the inputs' gradient is a transposed convolution with the missed edge added after it, which
    oneDNN does faster than what it does for a gradient. The numbers are the same up to rounding.

    Parameters
    ----------
    gradient : Tensor of shape (n_samples, outputs, rows, columns)
        Of the loss, with respect to what the convolution gave.
    inputs : Tensor of shape (n_samples, channels, height, width)
    weight : Tensor of shape (outputs, channels, kernel, kernel)
    stride : int

    Examples
    --------
    >>> images, kernels = torch.ones(1, 1, 5, 5), torch.ones(2, 1, 3, 3)
    >>> of_images, of_kernels = strided_gradients(torch.ones(1, 2, 2, 2), images, kernels, 2)
    >>> of_images.shape, of_kernels[0, 0].tolist()
    (torch.Size([1, 1, 5, 5]), [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0], [4.0, 4.0, 4.0]])
    """
    outputs, channels, kernel, _ = weight.shape
    rows = gradient.permute(0, 2, 3, 1).reshape(-1, outputs)
    of_weight = rows.t() @ _unfolded(inputs, gradient.shape, kernel, stride)
    of_inputs = functional.conv_transpose2d(gradient, weight, None, stride)
    below, right = (
        inputs.shape[2] - of_inputs.shape[2],
        inputs.shape[3] - of_inputs.shape[3],
    )
    if below or right:
        # oneDNN's own output padding would cost half as much again.
        of_inputs = functional.pad(of_inputs, (0, right, 0, below))
    return of_inputs, of_weight.view(outputs, kernel, kernel, channels).permute(0, 3, 1, 2)


def _unfolded(inputs: torch.Tensor, outputs: torch.Size, kernel: int, stride: int) -> torch.Tensor:
    """What each output pixel sees: (samples * height * width, kernel * kernel * channels)."""
    samples, channels, height, width = inputs.shape
    line = width * channels
    shape = (samples, outputs[2], outputs[3], kernel, kernel * channels)
    steps = (height * line, stride * line, stride * channels, line, 1)
    windows = inputs.permute(0, 2, 3, 1).as_strided(shape, steps)
    return windows.reshape(-1, kernel * kernel * channels)
