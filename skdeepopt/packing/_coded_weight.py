"""Numbers in multiples of a step while they are trained, each pulled to where it takes fewer bits.

The bits are those of the coder that writes model files, given what all other numbers of the tensor
are: a number in a row and a column of zeros is dear, one among many is cheap. So what is rare dies
out, by rows and columns too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepopt.coding import CodeLengths, code_lengths

__all__ = ["CodedWeight"]

_LEAST_STEP = 1e-6
_NEAR = 1e-4
"""Of a whole number, within which a quotient counts as one."""

_STEEPEST = 12.0
"""Most bits that one multiple of the step is told to cost more than the one below; tables of few
values know no bounds."""


class CodedWeight(nn.Module):
    """Parametrization by integer codes times one step, which is trained with the numbers.

    Parameters
    ----------
    tensor : Tensor
        Whose numbers are coded.
    largest : int
        Codes go from ``-largest`` to ``largest``.
    first_step : float
        Where the step begins, in standard deviations of the tensor; numbers that are multiples of
        one step already keep it.

    Attributes
    ----------
    price : float
        Of one bit, in units of the loss; its slope is added to the gradient of the numbers.

    References
    ----------
    Oktay, Balle, Singh & Shrivastava (2020), arXiv:1906.06624, section 3 (a coded length in the
    loss). Wiedemann et al. (2020), DeepCABAC, arXiv:1907.11900 (lengths of an actual coder). Esser
    et al. (2020), arXiv:1902.08153 (the gradient of a step).

    Examples
    --------
    >>> weight = torch.tensor([[0.9, 0.1], [-1.2, 0.0]])
    >>> coded = CodedWeight(weight, largest=7, first_step=2.0)
    >>> coded.codes(weight).tolist()
    [[1, 0], [-1, 0]]
    """

    first_bits: torch.Tensor
    next_bits: torch.Tensor

    def __init__(self, tensor: torch.Tensor, largest: int, first_step: float) -> None:
        super().__init__()
        step = _step_of(tensor.detach(), largest) or first_step * _spread(tensor.detach())
        # Steps of Adam are of one length: on the logarithm, of one share of the step.
        start = math.log(max(step, 100 * _LEAST_STEP))
        self.log_step = nn.Parameter(torch.tensor(start, device=tensor.device))
        self.largest = largest
        self.price = 0.0
        self.register_buffer("first_bits", torch.zeros_like(tensor), persistent=False)
        self.register_buffer(
            "next_bits", torch.zeros(largest + 1, device=tensor.device), persistent=False
        )

    @property
    def step(self) -> torch.Tensor:
        """Difference of two neighbouring numbers: one that two bytes hold."""
        return _rounded_step(self.log_step.detach())

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Numbers on the grid.

        Parameters
        ----------
        latent : Tensor
            As free as ever.
        """
        rounded: torch.Tensor = _Rounding.apply(latent, self.log_step, self)
        return rounded

    def right_inverse(self, tensor: torch.Tensor) -> torch.Tensor:
        """`tensor` itself, so that the Parameter stays the one that an optimizer knows."""
        return tensor

    @torch.no_grad()
    def codes(self, latent: torch.Tensor) -> torch.Tensor:
        """Integer codes, of the shape of the tensor.

        Parameters
        ----------
        latent : Tensor
        """
        # Zero where training has gone astray, which whoever trains will say.
        scaled = (latent.detach() / self.step).nan_to_num(0.0)
        return _codes(scaled, self.largest).to(torch.int64)

    @torch.no_grad()
    def take_lengths(self, latent: torch.Tensor) -> float:
        """Learn what codes cost among those that there are now; bits of them all.

        Parameters
        ----------
        latent : Tensor
        """
        lengths = code_lengths(self.codes(latent).cpu().numpy())
        value_bits = _by_size(lengths, self.largest)
        first = lengths.nonzero_bits - lengths.zero_bits + value_bits[1]
        self.first_bits = torch.empty_like(latent).copy_(
            torch.from_numpy(first.clip(-_STEEPEST, _STEEPEST))
        )
        further = np.diff(value_bits[1:], append=value_bits[-1] + 1).clip(-1.0, _STEEPEST)
        self.next_bits[1:] = torch.from_numpy(further)
        return lengths.total_bits


class _Rounding(torch.autograd.Function):
    """Straight through, with the slopes of the coded length on top."""

    @staticmethod
    def forward(
        ctx: Any, latent: torch.Tensor, log_step: torch.Tensor, owner: CodedWeight
    ) -> torch.Tensor:
        step = _rounded_step(log_step)
        scaled = latent / step
        codes = _codes(scaled, owner.largest)
        ctx.owner = owner
        ctx.save_for_backward(scaled, codes, step)
        return codes * step

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        scaled, codes, step = ctx.saved_tensors
        owner: CodedWeight = ctx.owner
        within = scaled.abs() <= owner.largest
        by_step = (gradient * (codes - scaled * within)).sum() * step
        by_step = by_step / math.sqrt(gradient.numel())
        channels_have_gone = owner.first_bits.shape != scaled.shape
        if not owner.price or channels_have_gone:
            return gradient, by_step, None
        # As integers, numbers that training has lost may be far below zero.
        below = scaled.abs().clamp_(max=owner.largest).long().clamp_(min=0)
        bits = torch.where(below == 0, owner.first_bits, owner.next_bits[below])
        return gradient + bits * scaled.sign() * (owner.price / step), by_step, None


def _spread(tensor: torch.Tensor) -> float:
    return float(tensor.std(correction=0)) or float(tensor.abs().max())


def _step_of(tensor: torch.Tensor, largest: int) -> float | None:
    """Step that all numbers are small multiples of, None where there is none."""
    sizes = tensor.abs().unique()
    sizes = sizes[sizes > 0]
    if not 0 < len(sizes) <= largest:
        return None
    codes = sizes.double() / float(sizes[0])
    on_grid = codes[-1] < largest + 0.5 and bool((codes - codes.round()).abs().max() < _NEAR)
    return float(sizes[0]) if on_grid and tensor.numel() > largest else None


def _rounded_step(log_step: torch.Tensor) -> torch.Tensor:
    return log_step.exp().clamp_min(_LEAST_STEP).to(torch.bfloat16).to(log_step.dtype)


def _codes(scaled: torch.Tensor, largest: int) -> torch.Tensor:
    return scaled.round().clamp_(-largest, largest) + 0.0  # No negative zeros.


def _by_size(lengths: CodeLengths, largest: int) -> np.ndarray:
    """Bits of values from 0 to `largest`, of either sign in the mean, longer beyond those seen."""
    seen = len(lengths.value_bits) // 2
    both = (lengths.value_bits[seen:] + lengths.value_bits[seen::-1]) / 2
    beyond = both[-1] + 2.0 * np.arange(1, largest - seen + 1)
    return np.concatenate([both, beyond])[: largest + 1]
