"""A small residual network for colour images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from skdeepopt._typing import ImageShape
from skdeepopt.nets._blocks import check_widths, conv_norm, halvings

__all__ = ["ResidualBlock", "ResidualCNN"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input is passed on.

    Parameters
    ----------
    inputs, outputs : int
        Channels. A 1x1 convolution matches the shortcut where they or the sizes differ.
    stride : int or tuple of int, default=1
        Stride of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int | tuple[int, int] = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_norm(inputs, outputs, 3, stride),
            nn.ReLU(inplace=True),
            *conv_norm(outputs, outputs, 3),
        )
        same = inputs == outputs and stride in (1, (1, 1))
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*conv_norm(inputs, outputs, 1, stride))
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.shortcut(images) + self.residual(images))


class ResidualCNN(nn.Module):
    """A stem, stages of residual blocks, global average pooling, one linear layer.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
    n_outputs : int
        Logits or targets.
    widths : sequence of int, default=(16, 32, 64)
        Channels of each stage. All stages but the first halve the image, down to 3 pixels.
    depth : int, default=1
        Blocks in each stage; 3 stages of 1 are ResNet-8, of 3 ResNet-20.
    dropout : float, default=0.0
        Share of the pooled features that is dropped in training.

    References
    ----------
    He, Zhang, Ren & Sun (2016), arXiv:1512.03385, section 4.2; the shortcut is its option B.

    Examples
    --------
    >>> sum(p.numel() for p in ResidualCNN((3, 32, 32), 10).parameters())
    78042
    """

    default_widths: ClassVar[tuple[int, ...]] = (16, 32, 64)

    def __init__(
        self,
        image_shape: ImageShape,
        n_outputs: int,
        *,
        widths: Sequence[int] = default_widths,
        depth: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        widths = check_widths(widths, None, type(self).__name__)
        later = len(widths) - 1
        strides = [(1, 1), *zip(halvings(height, later), halvings(width, later), strict=True)]
        self.stem = nn.Sequential(*conv_norm(channels, widths[0], 3), nn.ReLU(inplace=True))
        blocks: list[nn.Module] = []
        channels = widths[0]
        for outputs, stride in zip(widths, strides, strict=True):
            for repeat in range(depth):
                blocks.append(ResidualBlock(channels, outputs, stride if repeat == 0 else 1))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, n_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = self.blocks(self.stem(images)).mean((2, 3))
        return self.head(self.dropout(pooled))
