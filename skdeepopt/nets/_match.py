"""Images of one shape as a network for images of another takes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral

import torch
from torch import nn
from torch.nn.functional import interpolate

from skdeepopt._typing import ImageShape

__all__ = ["LUMA", "MatchInput"]

LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in a grey value: ITU-R BT.601, section 2.5.1."""


class MatchInput(nn.Module):
    """Channels, sides and range of images brought to those that another network learned on.

    Channels come first, then the sides, then ``inputs * scale + shift``. A single channel is
    repeated, red, green and blue become grey. The resize is bilinear, and where a side shrinks it
    averages over all pixels that fall together, so that thin strokes stay.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
        Of the images that come.
    source_shape : tuple of (channels, height, width)
        Of those that the network takes.

    Attributes
    ----------
    scale, shift : Tensor of shape (1, source channels, 1, 1)
        1 and 0 until they are set.
    rows : Tensor of shape (source height, height) or None
        Weights of each row of pixels in each row that comes out; None where the height stays.
    columns : Tensor of shape (source width, width) or None
        The same of the columns.

    Raises
    ------
    TypeError, ValueError
        A shape is none, or there is no rule that turns the one number of channels into the other.

    Notes
    -----
    A bilinear resize is linear, and works on rows and columns apart, so that it is two products
    with constant matrices, in every runtime.

    Examples
    --------
    >>> match = MatchInput((1, 8, 8), (3, 28, 28))
    >>> match(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 3, 28, 28])
    """

    scale: torch.Tensor
    shift: torch.Tensor
    rows: torch.Tensor | None
    columns: torch.Tensor | None
    luma: torch.Tensor | None

    def __init__(self, image_shape: Sequence[int], source_shape: Sequence[int]) -> None:
        super().__init__()
        channels, height, width = _checked(image_shape, "image_shape")
        wanted, *sides = _checked(source_shape, "source_shape")
        if channels not in (1, wanted) and (channels, wanted) != (3, 1):
            raise ValueError(
                f"MatchInput takes images with the {wanted} channels of its network, with a single "
                f"one, or three for a network that takes one; not {tuple(image_shape)} for a "
                f"network of {tuple(source_shape)}. Did you mean to choose or to average channels?"
            )
        self.image_shape: ImageShape = (channels, height, width)
        self.source_shape: ImageShape = (wanted, sides[0], sides[1])
        is_grey = (channels, wanted) == (3, 1)
        self.register_buffer("scale", torch.ones(1, wanted, 1, 1))
        self.register_buffer("shift", torch.zeros(1, wanted, 1, 1))
        self.register_buffer("rows", _resize(height, sides[0]), persistent=False)
        self.register_buffer("columns", _resize(width, sides[1]), persistent=False)
        luma = torch.tensor(LUMA).reshape(1, 3, 1, 1) if is_grey else None
        self.register_buffer("luma", luma, persistent=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        with _in_full_precision(inputs.device.type):
            inputs = inputs.to(self.scale.dtype)
            if self.luma is not None:
                inputs = (inputs * self.luma).sum(1, keepdim=True)
            if self.columns is not None:
                inputs = inputs @ self.columns.t()
            if self.rows is not None:
                inputs = self.rows @ inputs
            # A single channel is repeated as it is multiplied.
            return inputs * self.scale + self.shift

    def extra_repr(self) -> str:
        return f"{self.image_shape} to {self.source_shape}"


def _checked(shape: Sequence[int], name: str) -> ImageShape:
    described = f"MatchInput.{name} is (channels, height, width), three positive integers"
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise TypeError(f"{described}, not {shape!r}.")
    is_whole = all(isinstance(size, Integral) and not isinstance(size, bool) for size in shape)
    if not is_whole or len(shape) != 3 or min(shape) < 1:
        slip = " Did you mean to give image_shape?" if is_whole and len(shape) < 3 else ""
        raise ValueError(f"{described}, not {tuple(shape)}.{slip}")
    channels, height, width = (int(size) for size in shape)
    return channels, height, width


def _resize(side: int, wanted: int) -> torch.Tensor | None:
    """Matrix that takes `side` pixels in a line to `wanted`."""
    if side == wanted:
        return None
    if side == 1:  # torch 2.13 resizes the rows of images of one column wrongly.
        return torch.ones(wanted, 1)
    pixels = torch.eye(side, dtype=torch.float64)[None, None]
    size = (wanted, side)
    return interpolate(pixels, size, mode="bilinear", antialias=True)[0, 0].float()


def _in_full_precision(device: str) -> AbstractContextManager[object]:
    """bfloat16 has 8 bits, which is what pixels have before they are averaged."""
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()
