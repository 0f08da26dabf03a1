"""What a training goes along: the learning rate step by step, and the sums of an epoch."""

from __future__ import annotations

from typing import Any

import torch

from skdeepopt.training._batches import Batches
from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._schedule import rate_factor

__all__ = ["Course", "Tally"]


class Course:
    """The learning rate, step by step, and the batches and the hook it is for."""

    def __init__(
        self,
        epochs: int,
        lr: float,
        schedule: str,
        batches: Batches,
        hook: TrainingHook | None,
    ) -> None:
        self.batches = batches
        self.lr = lr
        self.schedule = schedule
        self.hook = hook
        self.steps = max(1, epochs * len(batches))
        self.step = 0
        self.last_rate = lr

    def next_rate(self) -> float:
        self.last_rate = self.lr * rate_factor(self.schedule, self.step / self.steps)
        self.step += 1
        return self.last_rate


class Tally:
    """Loss, and right answers of a classifier, summed over the samples of an epoch."""

    def __init__(self, device: torch.device | str) -> None:
        self.loss = torch.zeros((), device=device)
        self.n_right: torch.Tensor | None = None
        self.n_samples = 0

    def add(
        self, loss: torch.Tensor, outputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor | None:
        """Count a batch; how many of its answers are right, or None for regression."""
        self.n_samples += len(targets)
        self.loss += loss * len(targets)
        if targets.is_floating_point():
            return None
        n_right = (outputs.argmax(1) == targets).sum()
        self.n_right = n_right if self.n_right is None else self.n_right + n_right
        return n_right

    def record(self, history: Any, prefix: str) -> None:
        """Write the means into the last row of a history."""
        history.record(f"{prefix}_loss", float(self.loss) / self.n_samples)
        if self.n_right is not None:
            history.record(f"{prefix}_score", float(self.n_right) / self.n_samples)
