"""What a compression takes part in a training with."""

from __future__ import annotations

from typing import Protocol

import torch

__all__ = ["Hooks", "TrainingHook"]


class TrainingHook(Protocol):
    """Is told of every step of a training, and may change the module between two of them.

    Pruning, quantization and distillation act while a network trains; how it trains is none of
    their business, and what they do is none of the training's.
    """

    def before_training(self, n_steps: int) -> bool:
        """`n_steps` steps are about to come; True where parameters were replaced."""

    def after_step(self, progress: float) -> bool:
        """The optimizer has stepped, `progress` of the way from 0 to 1.

        The gradients of the step are still there. True where parameters were replaced: the
        optimizer then starts anew.
        """

    def penalty(self) -> torch.Tensor | None:
        """Addend of the next step's loss, a scalar with a graph; None for none."""

    def after_training(self) -> None:
        """All steps are done; not called where an exception or an interrupt ended them."""


class Hooks:
    """Several training hooks as one, asked in order.

    Parameters
    ----------
    *hooks : TrainingHook
    """

    def __init__(self, *hooks: TrainingHook) -> None:
        self.hooks = hooks

    def before_training(self, n_steps: int) -> bool:
        """Begin all; True where any has replaced parameters."""
        replaced = [hook.before_training(n_steps) for hook in self.hooks]
        return any(replaced)

    def after_step(self, progress: float) -> bool:
        """Tell all; True where any has replaced parameters."""
        replaced = [hook.after_step(progress) for hook in self.hooks]
        return any(replaced)

    def penalty(self) -> torch.Tensor | None:
        """Sum of what they add to the loss."""
        parts = [part for hook in self.hooks if (part := hook.penalty()) is not None]
        return sum(parts[1:], parts[0]) if parts else None

    def after_training(self) -> None:
        """End all, the last one first."""
        for hook in reversed(self.hooks):
            hook.after_training()
