"""Weights pulled back to where another network had them."""

from __future__ import annotations

import torch
from torch import nn

from skdeepopt._validation import check_real
from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.nets._transferred import TransferNetwork

__all__ = ["L2SP"]


class L2SP(IdleHook):
    """Training hook that pulls the body's parameters to those at the start of the training.

    The head, which starts anywhere, is not pulled.

    Parameters
    ----------
    network : TransferNetwork
    strength : float, default=0.1
        Twice the factor of the squared distance.

    References
    ----------
    Li, Grandvalet & Davoine (2018), arXiv:1802.01483, section 3, the L2-SP penalty.

    Examples
    --------
    >>> network = TransferNetwork((1, 28, 28), 10)
    >>> hook = L2SP(network, strength=2.0)
    >>> hook.before_training(n_steps=1)
    False
    >>> with torch.no_grad():
    ...     _ = network.body.network.features[0].weight[0, 0, 0, 0].add_(3.0)
    >>> round(hook.penalty().item(), 4)
    9.0
    """

    def __init__(self, network: TransferNetwork, strength: float = 0.1) -> None:
        self.network = network
        self.strength = strength
        check_real(self, "strength")
        self._start: dict[nn.Parameter, torch.Tensor] = {}

    def before_training(self, n_steps: int) -> bool:
        """Remember where the body starts."""
        self._start = {p: p.detach().clone() for p in self.network.body.parameters()}
        return False

    def penalty(self) -> torch.Tensor | None:
        """Half the strength times the squared distance; None where nothing that is pulled learns.

        Parameters that were replaced meanwhile, such as those of layers that lost channels, are
        free.
        """
        pulled = [
            (parameter, self._start[parameter])
            for parameter in self.network.body.parameters()
            if parameter.requires_grad and parameter in self._start
        ]
        if not pulled or self.strength == 0:
            return None
        distances = [(parameter - start).square().sum() for parameter, start in pulled]
        return 0.5 * self.strength * torch.stack(distances).sum()

    def restore(self) -> None:
        """Let go of what was remembered."""
        self._start = {}
