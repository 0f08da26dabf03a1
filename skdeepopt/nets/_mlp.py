"""A multilayer perceptron."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from skdeepopt.nets._blocks import Flatten, check_widths

__all__ = ["MLP"]


class MLP(nn.Sequential):
    """Linear layers with ReLU between them; any input is flattened first.

    Parameters
    ----------
    image_shape : tuple of int, or int
        Shape of a sample.
    n_outputs : int
        Logits or targets.
    widths : sequence of int, default=(256, 128)
        Units of each hidden layer.
    dropout : float, default=0.0
        Share of the hidden units that is dropped in training, after each layer.

    Examples
    --------
    >>> import torch
    >>> net = MLP(64, 10)
    >>> net(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    default_widths: ClassVar[tuple[int, ...]] = (256, 128)

    def __init__(
        self,
        image_shape: Sequence[int] | int,
        n_outputs: int,
        *,
        widths: Sequence[int] = default_widths,
        dropout: float = 0.0,
    ) -> None:
        inputs = image_shape if isinstance(image_shape, int) else math.prod(image_shape)
        layers: list[nn.Module] = []
        for width in check_widths(widths, None, type(self).__name__):
            layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            inputs = width
        super().__init__(
            OrderedDict(
                flatten=Flatten(),
                features=nn.Sequential(*layers),
                head=nn.Linear(inputs, n_outputs),
            )
        )
