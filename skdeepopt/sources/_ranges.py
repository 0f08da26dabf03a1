"""Which pixels a network was trained on, as far as its first layer tells."""

from __future__ import annotations

import torch
from torch import nn

from skdeepopt.nets._blocks import Standardize

__all__ = ["standardized_range", "usual_range"]

_BRIGHTEST = (1.0, 16.0, 255.0, 65535.0)
"""Usual values of the brightest pixel: of floats, of scikit-learn's digits, of 8 and 16 bits."""


def standardized_range(module: nn.Module) -> tuple[float, float] | None:
    """Range of the pixels that a network's first layer standardizes, None where it has none."""
    layer = next((part for part in module.modules() if isinstance(part, Standardize)), None)
    return None if layer is None else usual_range(layer.mean.flatten(), layer.scale.flatten())


def usual_range(mean: torch.Tensor, deviation: torch.Tensor) -> tuple[float, float] | None:
    """Least usual range that holds pixels of such means and deviations.

    Numbers from 0 to m have a variance of at most mean * (m - mean), so that m is at least mean +
    variance / mean.

    Parameters
    ----------
    mean, deviation : Tensor of shape (channels,)

    References
    ----------
    Bhatia & Davis (2000), "A better bound on the variance", American Mathematical Monthly 107(4).

    Examples
    --------
    >>> usual_range(torch.tensor([33.3]), torch.tensor([78.6]))
    (0.0, 255.0)
    >>> usual_range(torch.tensor([0.1]), torch.tensor([1.0])) is None
    True
    """
    if not bool((mean > 0).all()):
        return None
    least = float((mean + deviation.square() / mean).max())
    # Pixels that were shifted to around zero would seem to reach far beyond their deviation.
    if least > float((mean + 8 * deviation).max()):
        return None
    return next(((0.0, high) for high in _BRIGHTEST if high >= least * (1 - 1e-4)), None)
