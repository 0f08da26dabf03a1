"""Tensors between layers on a grid of a few bits."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn

from skdeepopt._validation import check_integer
from skdeepopt.quantization._observers import Observer

__all__ = ["ActivationQuantizer", "Grid", "grid_gradients", "on_grid"]

aten = torch.ops.aten

_MOST_BITS = 8
_SMALLEST_STEP = 1e-8
"""A step size that is learned stays above this; at zero the grid would be a point."""

_SLACK = 1e-3
"""In steps. A number on an end of the grid is not clipped yet, whichever way its quotient was
rounded."""


class Grid(NamedTuple):
    """Where the values of a tensor may lie: whole multiples of a step.

    Parameters
    ----------
    step : Tensor of shape ()
    lowest, highest : float
        Least and largest multiple, of the full grid.
    is_rectified : bool, default=False
        Whether the numbers pass a ReLU first, which the grid then does the work of.
    """

    step: torch.Tensor
    lowest: float
    highest: float
    is_rectified: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """Multiples between which a gradient passes, both excluded."""
        return 0.0 if self.is_rectified else self.lowest - _SLACK, self.highest + _SLACK


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
        step, zero = float(self.scale.detach()), int(self.zero_point)
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
        if torch.is_grad_enabled() and (x.requires_grad or self.scale.requires_grad):
            return _OnGrid.apply(x, self.scale, self.grid())
        codes = x.div(self._step()).round_().add_(self.zero_point).clamp_(0, self.top)
        return codes.sub_(self.zero_point).mul_(self._step())

    def grid(self, *, rectified: bool = False) -> Grid:
        """Where the values lie.

        Parameters
        ----------
        rectified : bool, default=False
            Whether a ReLU comes first that is left to the grid.
        """
        zero = float(self.zero_point)
        return Grid(self._step(), -zero, self.top - zero, rectified)

    def extra_repr(self) -> str:
        """Bits, and the range where there is one."""
        if not self.has_range:
            return f"bits={self.bits}"
        low, high = self.range
        return f"bits={self.bits}, range=({low:.4g}, {high:.4g})"

    def _step(self) -> torch.Tensor:
        step = self.scale.detach()
        return step.clamp_min(_SMALLEST_STEP) if isinstance(self.scale, nn.Parameter) else step

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


def on_grid(
    x: torch.Tensor, grid: Grid, *, learns: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Nearest values on a grid, and how each moves when the step does.

    The numbers are rounded in float32 at least, whatever format they come in.

    Parameters
    ----------
    x : Tensor
    grid : Grid
    learns : bool
        Whether the step needs a gradient.

    Returns
    -------
    values : Tensor
        Of the format and strides of `x`.
    slopes : Tensor or None
        Derivative of each value with respect to the step; None where none is needed.

    References
    ----------
    Esser et al. (2020), arXiv:1902.08153, equations 1 to 3.
    """
    is_short = x.dtype in (torch.bfloat16, torch.float16)
    # In place, and with numbers for bounds: each new tensor of this size takes as long as three
    # operations, and products with masks take ten times as long.
    ratio = x.float().div_(grid.step) if is_short else x / grid.step
    slopes = aten.hardtanh_backward(ratio, ratio, *grid.ends) if learns else None
    codes = ratio.round_().clamp_(0.0 if grid.is_rectified else grid.lowest, grid.highest)
    if slopes is not None:
        slopes = torch.sub(codes, slopes, out=slopes).to(x.dtype)
    return codes.mul_(grid.step).to(x.dtype), slopes


def grid_gradients(
    gradient: torch.Tensor, x: torch.Tensor, slopes: torch.Tensor | None, grid: Grid
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Gradients of what was rounded, and of the step.

    It passes straight through where nothing is clipped.

    Parameters
    ----------
    gradient : Tensor
        Of the loss, with respect to the values.
    x : Tensor
        What was rounded.
    slopes : Tensor or None
        From :func:`on_grid`.
    grid : Grid

    Returns
    -------
    of_x : Tensor
    of_step : float32 Tensor of shape (), or None where there are no slopes

    References
    ----------
    Esser et al. (2020), arXiv:1902.08153, equations 3 and 5, and section 2.2 (scale).
    """
    step = float(grid.step)
    below, above = grid.ends
    of_x = aten.hardtanh_backward(gradient, x, below * step, above * step)
    if slopes is None:
        return of_x, None
    n_elements = x.numel() / max(1, len(x)) if x.ndim else 1
    damping = 1 / math.sqrt(max(1, n_elements) * (grid.highest - grid.lowest))
    return of_x, (gradient * slopes).sum().to(grid.step.dtype).mul_(damping)


class _OnGrid(torch.autograd.Function):
    """`scale` is there for its gradient; the grid has its value, above zero."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, grid: Grid) -> torch.Tensor:
        values, slopes = on_grid(x, grid, learns=ctx.needs_input_grad[1])
        ctx.save_for_backward(x, slopes)
        ctx.grid = grid
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, slopes = ctx.saved_tensors
        return *grid_gradients(gradients[0], x, slopes, ctx.grid), None
