"""The layers that the networks here have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

import torch
from torch import nn

__all__ = ["Flatten", "Standardize", "check_widths", "conv_norm", "halvings"]


class Flatten(nn.Module):
    """All axes but the first in one, channels first whatever the memory order.

    Examples
    --------
    >>> Flatten()(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 48])
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        last = inputs.ndim == 4 and inputs.is_contiguous(memory_format=torch.channels_last)
        if last and inputs.requires_grad:
            # The gradient comes back in another layout, which would slow all layers before.
            inputs.register_hook(_channels_last)
        return inputs.flatten(1)


def _channels_last(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


class Standardize(nn.Module):
    """Pixels shifted and scaled, channel by channel, by numbers learned from the data.

    Parameters
    ----------
    mean, scale : Tensor of shape (channels,)
        ``(inputs - mean) / scale`` comes out.

    Examples
    --------
    >>> layer = Standardize(torch.tensor([2.0]), torch.tensor([4.0]))
    >>> layer(torch.full((1, 1, 1, 2), 10.0)).tolist()
    [[[[2.0, 2.0]]]]
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("scale", scale.reshape(1, -1, 1, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs - self.mean) / self.scale


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int] = 1
) -> list[nn.Module]:
    """Convolution without bias and the batch norm that brings one."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def halvings(side: int, stages: int, *, smallest: int = 3) -> list[int]:
    """Stride of each stage, so that a `side` is halved late, and never below `smallest` pixels.

    Examples
    --------
    >>> halvings(28, 3), halvings(8, 3), halvings(1, 3)
    ([2, 2, 2], [1, 1, 2], [1, 1, 1])
    """
    count = 0
    while count < stages and side >= 2 * smallest:
        side = -(-side // 2)
        count += 1
    return [1] * (stages - count) + [2] * count


def check_widths(widths: Sequence[int], count: int | None, owner: str) -> tuple[int, ...]:
    """`widths` as a tuple of `count` positive integers (any count when None)."""
    described = f"{owner}.widths is {'one or more' if count is None else count} positive integers"
    if isinstance(widths, (str, bytes, Mapping)) or not isinstance(widths, Iterable):
        raise TypeError(f"{described}, not {widths!r}.")
    values = tuple(widths)
    if not all(isinstance(width, Integral) and not isinstance(width, bool) for width in values):
        raise TypeError(f"{described}, not {values!r}.")
    if not values or min(values) < 1 or (count is not None and len(values) != count):
        raise ValueError(f"{described}, not {values!r}.")
    return tuple(int(width) for width in values)
