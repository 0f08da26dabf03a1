"""Losses that take a weight a sample."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ClassificationLoss", "RegressionLoss"]


class ClassificationLoss(nn.Module):
    """Mean cross entropy of logits, in nats.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes (Szegedy 2016,
        arXiv:1512.00567, section 7).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        losses = nn.functional.cross_entropy(
            logits.float(),
            labels,
            label_smoothing=self.label_smoothing,
            reduction="mean" if weights is None else "none",
        )
        return losses if weights is None else (losses * weights).mean()


class RegressionLoss(nn.Module):
    """Mean squared error over samples and targets."""

    def forward(
        self,
        predictions: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        squares = (predictions.float().reshape(targets.shape) - targets).square().mean(1)
        return squares.mean() if weights is None else (squares * weights).mean()
