"""Running a network to look at it, and leaving it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["in_evaluation", "samples_for"]


def samples_for(module: nn.Module, example: torch.Tensor, n_samples: int) -> torch.Tensor:
    """First samples of `example`, on the device of the module's parameters."""
    parameter = next(module.parameters(), None)
    return example[:n_samples].to(example.device if parameter is None else parameter.device)


@contextmanager
def in_evaluation(module: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside; each part's mode and the generator as before."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
