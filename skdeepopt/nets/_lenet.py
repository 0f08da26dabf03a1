"""LeCun's networks in the sizes that the compression literature compares on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from skdeepopt._typing import ImageShape
from skdeepopt.nets._blocks import Flatten, check_widths
from skdeepopt.nets._mlp import MLP

__all__ = ["LeNet5", "LeNet300"]

_SMALLEST_SIDE = 16


class LeNet5(nn.Sequential):
    """Two 5x5 convolutions with max pooling and two linear layers, as Caffe has it.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
        Sides of at least 16 pixels.
    n_outputs : int
        Logits or targets.
    widths : sequence of 3 ints, default=(20, 50, 500)
        Channels of the convolutions, then units of the hidden linear layer.
    dropout : float, default=0.0
        Share of the hidden units that is dropped in training.

    Raises
    ------
    ValueError
        The image is smaller than 16 x 16.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86(11), section II.B; the widths are those
    of Caffe's ``lenet_train_test.prototxt``.

    Examples
    --------
    >>> sum(p.numel() for p in LeNet5((1, 28, 28), 10).parameters())
    431080
    """

    default_widths: ClassVar[tuple[int, ...]] = (20, 50, 500)

    def __init__(
        self,
        image_shape: ImageShape,
        n_outputs: int,
        *,
        widths: Sequence[int] = default_widths,
        dropout: float = 0.0,
    ) -> None:
        channels, height, width = image_shape
        if min(height, width) < _SMALLEST_SIDE:
            raise ValueError(
                f"LeNet5 takes images of at least {_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels, not "
                f"{height} x {width}. Did you mean architecture='compact'?"
            )
        first, second, hidden = check_widths(widths, 3, type(self).__name__)
        positions = _pooled_side(height) * _pooled_side(width)
        super().__init__(
            OrderedDict(
                features=nn.Sequential(
                    nn.Conv2d(channels, first, 5),
                    nn.MaxPool2d(2),
                    nn.Conv2d(first, second, 5),
                    nn.MaxPool2d(2),
                ),
                flatten=Flatten(),
                hidden=nn.Linear(second * positions, hidden),
                relu=nn.ReLU(inplace=True),
                dropout=nn.Dropout(dropout),
                head=nn.Linear(hidden, n_outputs),
            )
        )


class LeNet300(MLP):
    """A multilayer perceptron with 300 and 100 hidden units.

    Parameters
    ----------
    image_shape : tuple of int, or int
        Shape of a sample; it is flattened.
    n_outputs : int
        Logits or targets.
    widths : sequence of int, default=(300, 100)
        Units of each hidden layer.
    dropout : float, default=0.0
        Share of the hidden units that is dropped in training.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86(11), section III.C.

    Examples
    --------
    >>> sum(p.numel() for p in LeNet300((1, 28, 28), 10).parameters())
    266610
    """

    default_widths: ClassVar[tuple[int, ...]] = (300, 100)

    def __init__(
        self,
        image_shape: Sequence[int] | int,
        n_outputs: int,
        *,
        widths: Sequence[int] = default_widths,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(image_shape, n_outputs, widths=widths, dropout=dropout)


def _pooled_side(side: int) -> int:
    """Pixels left of a side: valid 5x5 convolution and halving, twice."""
    return ((side - 4) // 2 - 4) // 2
