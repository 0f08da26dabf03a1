"""Weights put back to where they were early in training, while their masks stay."""

from __future__ import annotations

import math

import torch
from torch import nn

from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.pruning._cut import Cut, OneShot

__all__ = ["EarlyWeights", "Rewound", "rewinding_ratios"]

_KEPT_A_ROUND = 0.8


def rewinding_ratios(ratio: float) -> list[float]:
    """Ratio after each round: every round keeps at least four fifths of what is left.

    Parameters
    ----------
    ratio : float
        Share removed in the end, in [0, 1).

    References
    ----------
    Frankle & Carbin (2019), arXiv:1803.03635, section 2.

    Examples
    --------
    >>> [round(r, 3) for r in rewinding_ratios(0.488)]
    [0.2, 0.36, 0.488]
    """
    n_rounds = max(1, math.ceil(math.log(1 - ratio) / math.log(_KEPT_A_ROUND) - 1e-9))
    return [1 - (1 - ratio) ** (i / n_rounds) for i in range(1, n_rounds + 1)]


class EarlyWeights(IdleHook):
    """Training hook that remembers the weights at one moment.

    Parameters
    ----------
    module : torch.nn.Module
    at : float, default=0.1
        Share of the training after which they are remembered. Weights from the very start work
        only for small networks.

    Attributes
    ----------
    weights : dict of name to Tensor
        As in ``state_dict``; empty before that moment.

    References
    ----------
    Frankle, Dziugaite, Roy & Carbin (2020), arXiv:1912.05671, section 3.
    """

    def __init__(self, module: nn.Module, *, at: float = 0.1) -> None:
        self.module = module
        self.at = at
        self.weights: dict[str, torch.Tensor] = {}

    def after_step(self, progress: float) -> bool:
        """Remember the weights when their moment has come."""
        if not self.weights and progress >= self.at:
            self.weights = {name: v.clone() for name, v in self.module.state_dict().items()}
        return False


class Rewound(OneShot):
    """Training hook that cuts by the trained weights, then puts early ones in their place.

    Parameters
    ----------
    cut : Cut
    ratio : float
        Share removed, in [0, 1).
    module : torch.nn.Module
        What `cut` prunes; its layers keep their shapes.
    weights : dict of name to Tensor
        As :class:`EarlyWeights` has them.

    References
    ----------
    Frankle & Carbin (2019), arXiv:1803.03635, section 2.
    """

    def __init__(
        self, cut: Cut, ratio: float, module: nn.Module, weights: dict[str, torch.Tensor]
    ) -> None:
        super().__init__(cut, ratio)
        self.module = module
        self.weights = weights

    @torch.no_grad()
    def before_training(self, n_steps: int) -> bool:
        """Cut, and rewind."""
        replaced = super().before_training(n_steps)
        for name, value in self.module.state_dict(keep_vars=True).items():
            early = self.weights.get(name.replace(".parametrizations.weight.original", ".weight"))
            if early is not None:
                value.copy_(early)
        return replaced
