"""The built-in architectures by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from numbers import Real
from typing import Any

from torch import nn

from skdeepopt.nets._compact import CompactCNN
from skdeepopt.nets._lenet import LeNet5, LeNet300
from skdeepopt.nets._mlp import MLP
from skdeepopt.nets._residual import ResidualCNN

__all__ = ["ARCHITECTURES", "build_network"]

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "compact": CompactCNN,
    "lenet5": LeNet5,
    "lenet300": LeNet300,
    "mlp": MLP,
    "residual": ResidualCNN,
}


def build_network(
    architecture: str,
    image_shape: tuple[int, ...],
    n_outputs: int,
    *,
    widths: Sequence[int] | float | None = None,
    depth: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """New network of a built-in architecture.

    Parameters
    ----------
    architecture : str
        A key of ``ARCHITECTURES``.
    image_shape : tuple of (channels, height, width)
    n_outputs : int
        Logits or targets.
    widths : sequence of int, float or None, default=None
        Width of each stage; a number multiplies the default ones; None keeps them.
    depth : int or None, default=None
        Repeats of each stage, where the architecture has stages.
    dropout : float, default=0.0
        Share dropped in training.

    Raises
    ------
    TypeError, ValueError
        The architecture has no depth, takes other widths, or larger images.
    """
    network = ARCHITECTURES[architecture]
    arguments: dict[str, Any] = {"widths": _widths(network, widths), "dropout": dropout}
    if depth is not None:
        if "depth" not in inspect.signature(network).parameters:
            raise ValueError(
                f"depth is for 'compact' and 'residual'; {architecture!r} has none, not {depth!r}. "
                f"Did you mean depth=None?"
            )
        arguments["depth"] = depth
    return network(image_shape, n_outputs, **arguments)


def _widths(network: Any, widths: Any) -> Sequence[int]:
    if widths is None:
        return network.default_widths
    if isinstance(widths, Real):
        if not float(widths) > 0:
            raise ValueError(
                f"widths as a number multiplies the default ones; it is above 0, not {widths!r}."
            )
        return tuple(max(1, round(width * float(widths))) for width in network.default_widths)
    return widths
