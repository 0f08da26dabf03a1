"""A training hook that does nothing, for hooks that do one thing."""

from __future__ import annotations

import torch

__all__ = ["IdleHook"]


class IdleHook:
    """Takes part in a training and leaves it as it is; a hook overrides what it is about.

    Examples
    --------
    >>> hook = IdleHook()
    >>> hook.before_training(n_steps=1), hook.after_step(1.0), hook.penalty()
    (False, False, None)
    >>> hook.after_training()
    """

    def before_training(self, n_steps: int) -> bool:
        """Leave the network as it is."""
        return False

    def after_step(self, progress: float) -> bool:
        """Nothing is left to do."""
        return False

    def penalty(self) -> torch.Tensor | None:
        """Nothing is added to the loss."""
        return None

    def after_training(self) -> None:
        """Put back what was changed for the training."""
        self.restore()

    def restore(self) -> None:
        """Do so wherever the training has ended, even before it began."""
