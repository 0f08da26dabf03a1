"""A strided convolutional network that trains in seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from torch import nn

from skdeepopt._typing import ImageShape
from skdeepopt.nets._blocks import Flatten, check_widths, halvings

__all__ = ["CompactCNN"]

_KERNELS = (5, 3)
"""Side of the first convolution's kernel, and of all later ones."""


class CompactCNN(nn.Sequential):
    """Strided convolutions with batch norm, pooling to a small grid, one linear layer.

    Strides do the pooling between stages (Springenberg 2015), so that most of the work is done on
    small images. Where the image is large enough the convolutions are not padded, which spares
    the work at the edges; elsewhere they are, and a side is not halved below three pixels, so that
    one-row images work.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
    n_outputs : int
        Logits or targets.
    widths : sequence of int, default=(16, 32, 64)
        Channels of each stage; as many stages as widths.
    depth : int, default=1
        Convolutions in each stage, the first one strided.
    dropout : float, default=0.0
        Share of the pooled features that is dropped in training.
    pool : int, default=2
        The last feature map is averaged to a grid of at most ``pool * pool`` places; 1 is global
        average pooling. A grid of 4 places learns in one epoch of MNIST what global pooling
        learns in four.

    References
    ----------
    Springenberg, Dosovitskiy, Brox & Riedmiller (2015), arXiv:1412.6806, section 2.

    Examples
    --------
    >>> import torch
    >>> net = CompactCNN((1, 28, 28), 10)
    >>> sum(p.numel() for p in net.parameters())
    26234
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
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
        pool: int = 2,
    ) -> None:
        widths = check_widths(widths, None, type(self).__name__)
        channels, *sides = image_shape
        down, across = (_plan(side, len(widths)) for side in sides)
        layers: list[nn.Module] = []
        for stage, outputs in enumerate(widths):
            kernel = _KERNELS[stage > 0]
            stride, padding = zip(down.steps[stage], across.steps[stage], strict=True)
            layers += _block(channels, outputs, kernel, stride, padding)
            for _ in range(depth - 1):
                layers += _block(outputs, outputs, 3, (1, 1), (1, 1))
            channels = outputs
        grid = (min(pool, down.left), min(pool, across.left))
        pooled = grid == (down.left, across.left)
        super().__init__(
            OrderedDict(
                features=nn.Sequential(*layers),
                pool=nn.Identity() if pooled else nn.AdaptiveAvgPool2d(grid),
                flatten=Flatten(),
                dropout=nn.Dropout(dropout),
                head=nn.Linear(channels * grid[0] * grid[1], n_outputs),
            )
        )


class _Plan(NamedTuple):
    """What happens along one axis: (stride, padding) of each stage, and the pixels left."""

    steps: list[tuple[int, int]]
    left: int


def _plan(side: int, stages: int) -> _Plan:
    kernels = [_KERNELS[stage > 0] for stage in range(stages)]
    left = side
    for kernel in kernels:
        left = (left - kernel) // 2 + 1
    if left >= 2:
        return _Plan([(2, 0)] * stages, left)
    strides = halvings(side, stages)
    for stride in strides:
        side = -(-side // stride)
    return _Plan([(s, k // 2) for s, k in zip(strides, kernels, strict=True)], side)


def _block(
    inputs: int, outputs: int, kernel: int, stride: tuple[int, ...], padding: tuple[int, ...]
) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)  # type: ignore[arg-type]
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
