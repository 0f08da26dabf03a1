"""Ending a training that no longer improves, with the best weights put back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

__all__ = ["EarlyStop"]


class EarlyStop:
    """Watches the validation loss.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which to end.

    References
    ----------
    Prechelt (1998), Early Stopping - But When?, section 2.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_loss = float("inf")
        self.best_weights: dict[str, Any] | None = None
        self.waited = 0

    def update(self, module: nn.Module, record: Mapping[str, Any]) -> bool:
        """Remember the weights where they are the best so far; True when it is time to end."""
        if record["valid_loss"] < self.best_loss:
            self.best_loss = record["valid_loss"]
            self.best_weights = copy.deepcopy(module.state_dict())
            self.waited = 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def forget(self) -> None:
        """Start anew, since the weights so far fit the module no more."""
        self.best_loss, self.best_weights, self.waited = float("inf"), None, 0

    def restore(self, module: nn.Module) -> None:
        """Put the best weights back."""
        if self.best_weights is not None:
            module.load_state_dict(self.best_weights)
