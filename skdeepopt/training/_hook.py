"""What a compression takes part in a training with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn

__all__ = ["Hooks", "TrainingHook", "rate_factors_of", "tell_rows"]


class TrainingHook(Protocol):
    """Is told of every step of a training, and may change the module between two of them.

    Pruning, quantization and distillation act while a network trains; how it trains is none of
    their business, and what they do is none of the training's.

    A hook may also offer `before_step(rows)`, which is told the rows of the data in the next batch,
    `rate_factors`, a mapping of parameters to the factors of their learning rates, which is read
    when the optimizer begins, and `restore()`, which puts back what would have been put back after
    the training, wherever that has ended.
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


def rate_factors_of(hook: TrainingHook | None) -> Mapping[nn.Parameter, float]:
    """Factors of learning rates by parameter that a hook asks for; empty where it asks for none."""
    factors: Mapping[nn.Parameter, float] = getattr(hook, "rate_factors", {})
    return factors


def tell_rows(hook: TrainingHook | None, rows: torch.Tensor) -> None:
    """Tell a hook that asks for it which rows of the data are in the next batch."""
    before_step: Any = getattr(hook, "before_step", None)
    if before_step is not None:
        before_step(rows)


class Hooks:
    """Several training hooks as one, asked in order.

    Parameters
    ----------
    *hooks : TrainingHook
    """

    def __init__(self, *hooks: TrainingHook) -> None:
        self.hooks = hooks

    @property
    def rate_factors(self) -> Mapping[nn.Parameter, float]:
        """Product of the factors that they ask for."""
        factors: dict[nn.Parameter, float] = {}
        for hook in self.hooks:
            for parameter, factor in rate_factors_of(hook).items():
                factors[parameter] = factors.get(parameter, 1.0) * factor
        return factors

    def before_training(self, n_steps: int) -> bool:
        """Begin all; True where any has replaced parameters."""
        replaced = [hook.before_training(n_steps) for hook in self.hooks]
        return any(replaced)

    def before_step(self, rows: torch.Tensor) -> None:
        """Tell those that ask for it which rows are in the next batch."""
        for hook in self.hooks:
            tell_rows(hook, rows)

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

    def restore(self) -> None:
        """Let all of them put back what they changed, the last one first."""
        for hook in reversed(self.hooks):
            restore: Any = getattr(hook, "restore", None)
            if restore is not None:
                restore()
