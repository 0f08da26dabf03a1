"""Tensors between layers on a grid of a few bits."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import nn

from skdeepopt._validation import check_integer
from skdeepopt.quantization._observers import Observer

__all__ = ["ActivationQuantizer"]

_MOST_BITS = 8
_SMALLEST_STEP = 1e-8
"""A step size that is learned stays above this; at zero the grid would be a point."""


class ActivationQuantizer(nn.Module):
    """Rounds to an affine grid with one scale for the tensor; the codes are unsigned.

    It has no range at first, and raises a RuntimeError when it is called before
    :meth:`set_range`. While `observer` is set, inputs pass through unchanged and are observed.

    Parameters
    ----------
    bits : int, default=8
        From 2 to 8; the codes go from 0 to ``2**bits - 1``.

    Attributes
    ----------
    scale : float32 Tensor of shape ()
        Step between neighbours on the grid; 0 before a range is set. A buffer, or a Parameter
        while it is learned.
    zero_point : int32 Tensor of shape ()
        Code of exactly zero.
    observer : Observer or None
    name : str
        Names the tensor in messages.

    References
    ----------
    Jacob et al. (2018), arXiv:1712.05877, section 2.1; the arithmetic is that of ONNX
    ``QuantizeLinear`` and ``DequantizeLinear``, which round half to even.

    Examples
    --------
    >>> quantizer = ActivationQuantizer(bits=2)
    >>> quantizer.set_range(-1.0, 2.0)
    >>> quantizer(torch.tensor([-5.0, -0.4, 0.0, 0.6, 9.0])).tolist()
    [-1.0, 0.0, 0.0, 1.0, 2.0]
    """

    is_activation_quantizer: ClassVar[bool] = True
    scale: torch.Tensor
    zero_point: torch.Tensor

    def __init__(self, bits: int = 8) -> None:
        super().__init__()
        self.bits = self._checked(bits)
        self.register_buffer("scale", torch.zeros(()))
        self.register_buffer("zero_point", torch.zeros((), dtype=torch.int32))
        self.observer: Observer | None = None
        self.name = ""
        self._is_ready = False

    @property
    def top(self) -> int:
        """Largest code."""
        return 2**self.bits - 1

    @property
    def has_range(self) -> bool:
        """A range was set, or loaded."""
        return bool(self.scale != 0)

    @property
    def range(self) -> tuple[float, float]:
        """Least and largest value on the grid."""
        step, zero = float(self.scale), int(self.zero_point)
        return -zero * step, (self.top - zero) * step

    def set_range(self, low: float, high: float) -> None:
        """Lay the grid over a range, widened to hold zero, which is exactly on the grid.

        Parameters
        ----------
        low, high : float
            Finite. Where both are zero the scale is 1.

        Raises
        ------
        ValueError
            The numbers are not finite, or `low` is above `high`.
        """
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            slip = f" Did you mean ({high:g}, {low:g})?" if high < low else ""
            raise ValueError(
                f"ActivationQuantizer.set_range takes finite numbers, the lower one first, "
                f"not ({low:g}, {high:g}).{slip}"
            )
        low, high = min(low, 0.0), max(high, 0.0)
        step = torch.tensor((high - low) / self.top, dtype=torch.float32).item() or 1.0
        with torch.no_grad():
            self.scale.fill_(step)
            self.zero_point.fill_(min(self.top, round(-low / step)))
        self._is_ready = True

    def set_grid(self, scale: float, zero_point: int) -> None:
        """Take the very grid of another quantizer.

        Parameters
        ----------
        scale : float
            Finite and above 0.
        zero_point : int
            From 0 to the largest code.

        Raises
        ------
        ValueError
            The numbers make no grid.
        """
        if not (math.isfinite(scale) and scale > 0 and 0 <= zero_point <= self.top):
            raise ValueError(
                f"ActivationQuantizer.set_grid takes a finite scale above 0 and a zero_point from "
                f"0 to {self.top}, not {scale:g} and {zero_point}."
            )
        with torch.no_grad():
            self.scale.fill_(scale)
            self.zero_point.fill_(zero_point)
        self._is_ready = True

    def learn(self, learns: bool) -> None:
        """Make `scale` a Parameter that training moves, or a buffer again.

        Parameters
        ----------
        learns : bool

        Raises
        ------
        RuntimeError
            There is no range to start from.

        References
        ----------
        Esser, McKinstry, Bablani, Appuswamy & Modha (2020), arXiv:1902.08153, section 2; the
        zero point stays fixed.
        """
        self._check_ready()
        if learns == isinstance(self.scale, nn.Parameter):
            return
        step = self.scale.detach().clamp_min(_SMALLEST_STEP)
        del self.scale
        if learns:
            self.scale = nn.Parameter(step)
        else:
            self.register_buffer("scale", step)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values of `x` on the grid, or `x` itself while it is observed."""
        if self.observer is not None:
            self.observer.observe(x.detach())
            return x
        if not self._is_ready and not torch.compiler.is_compiling():
            self._check_ready()
        step = self.scale.detach()
        if isinstance(self.scale, nn.Parameter):
            step = step.clamp_min(_SMALLEST_STEP)
        if torch.is_grad_enabled() and (x.requires_grad or self.scale.requires_grad):
            return _OnGrid.apply(x, self.scale, step, self.zero_point, self.top)
        return _on_grid(x, step, self.zero_point, self.top)

    def extra_repr(self) -> str:
        """Bits, and the range where there is one."""
        if not self.has_range:
            return f"bits={self.bits}"
        low, high = self.range
        return f"bits={self.bits}, range=({low:.4g}, {high:.4g})"

    def _check_ready(self) -> None:
        if not self.has_range:
            raise RuntimeError(
                f"ActivationQuantizer {self.name!r} has no range yet. Did you mean to calibrate it "
                f"first, or to load its state?"
            )
        self._is_ready = True

    def _checked(self, bits: int) -> int:
        bits = check_integer(self, "bits", minimum=2, value=bits)
        if bits > _MOST_BITS:
            raise ValueError(
                f"ActivationQuantizer.bits is an integer from 2 to {_MOST_BITS}, not {bits}. "
                f"Did you mean {_MOST_BITS}?"
            )
        return bits

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._is_ready = False


def _on_grid(
    x: torch.Tensor, step: torch.Tensor, zero_point: torch.Tensor, top: int
) -> torch.Tensor:
    codes = x.div(step).round_().add_(zero_point).clamp_(0, top)
    return codes.sub_(zero_point).mul_(step)


class _OnGrid(torch.autograd.Function):
    """Gradients of Esser et al. (2020), equations 3 and 5, and the scale of section 2.2."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        scale: torch.Tensor,
        step: torch.Tensor,
        zero_point: torch.Tensor,
        top: int,
    ) -> torch.Tensor:
        """`scale` is there for its gradient; `step` is its value, above zero."""
        ctx.save_for_backward(x, step, zero_point)
        ctx.top = top
        return _on_grid(x, step, zero_point, top)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Straight through where nothing is clipped, and on to the scale."""
        x, step, zero_point = ctx.saved_tensors
        (gradient,) = gradients
        # Numbers for bounds, `where` and in place: products with masks take ten times as long.
        ratio, zero = x / step, float(zero_point)
        clipped = ratio.clamp(-zero, ctx.top - zero)
        passed = torch.where(clipped == ratio, gradient, 0.0)
        if not ctx.needs_input_grad[1]:
            return passed, None, None, None, None
        slopes = clipped.round_().mul_(gradient).sum() - ratio.mul_(passed).sum()
        n_elements = x.numel() / max(1, len(x)) if x.ndim else 1
        damping = 1 / math.sqrt(max(1, n_elements) * ctx.top)
        return passed, slopes.mul(damping).to(step.dtype), None, None, None
