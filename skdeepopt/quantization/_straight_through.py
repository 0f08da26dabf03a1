"""Roundings whose gradient passes straight through, as far as the rounded weight follows."""

from __future__ import annotations

from typing import Any

import torch

from skdeepopt.quantization._codebook import places_in
from skdeepopt.quantization._weights import TERNARY_THRESHOLD

__all__ = ["LEAST_STEP", "Tape", "to_signs", "to_steps", "to_table", "to_three_values"]

LEAST_STEP = 1e-12
"""Between two values of a grid, whatever an optimizer does to the step."""

_SLACK = 1e-3
"""In steps. A weight on the last value of its grid is not clipped yet, whichever way its quotient
was rounded: all weights of a ternary layer are there when it is trained on."""

_TINY = 1e-30
"""Divides the zeros of a channel of zeros."""

aten = torch.ops.aten


class Tape:
    """Keeps what the backward pass of one rounding needs, in the place of autograd.

    Examples
    --------
    >>> tape, step = Tape(), torch.tensor([0.5], requires_grad=True)
    >>> to_steps(torch.tensor([[0.6, 9.0]]), step, 1, 1.0, tape).tolist()
    [[0.5, 0.5]]
    >>> tape.backward(torch.tensor([[3.0, 3.0]])).tolist(), round(step.grad.item(), 3)
    ([[0.0, 0.0]], 6.0)
    """

    saved_tensors: tuple[torch.Tensor, ...] = ()

    def forward(self, rounding: Any, inputs: tuple[Any, ...]) -> torch.Tensor:
        """Values that a rounding gives.

        Parameters
        ----------
        rounding : type of torch.autograd.Function
        inputs : tuple
            Of the rounding; the weight comes first.
        """
        self._rounding, self._inputs = rounding, inputs
        self.needs_input_grad = [getattr(each, "requires_grad", False) for each in inputs]
        with torch.no_grad():
            return rounding.forward(self, *inputs)

    def save_for_backward(self, *tensors: torch.Tensor) -> None:
        """As autograd's context has it.

        Parameters
        ----------
        *tensors : Tensor
        """
        self.saved_tensors = tensors

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Gradient of the weight; sets those of the other inputs.

        Parameters
        ----------
        gradient : Tensor
            Of the loss, with respect to the values.
        """
        with torch.no_grad():
            by_weight, *by_others = self._rounding.backward(self, gradient)
        for tensor, by_tensor in zip(self._inputs[1:], by_others, strict=True):
            if by_tensor is not None:
                tensor.grad = by_tensor
        return by_weight


def to_steps(
    weight: torch.Tensor,
    step: torch.Tensor,
    top: int,
    gradient_scale: float,
    tape: Tape | None = None,
) -> torch.Tensor:
    """Weight in multiples of a step, from ``-top`` to `top`.

    The gradient of a weight that is not clipped passes. The step's is that of learned step sizes,
    times `gradient_scale`.

    Parameters
    ----------
    weight : Tensor of shape (n_channels, ...)
    step : Tensor of shape (n_channels,)
        Its absolute value counts, if it is above 1e-12.
    top : int
    gradient_scale : float
    tape : Tape or None, default=None
        Keeps what the backward pass needs; None leaves that to autograd.

    References
    ----------
    Esser, McKinstry, Bablani, Appuswamy & Modha (2020), arXiv:1902.08153, equations 1 to 3, 5.
    """
    return _applied(_Steps, tape, weight, step, top, gradient_scale)


def to_three_values(weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
    """Weight as -1, 0 or 1 times a scale of its channel; the gradient passes.

    Zeros have no part in the mean that tells the threshold.

    Parameters
    ----------
    weight : Tensor of shape (n_channels, ...)
    tape : Tape or None, default=None
        As for :func:`to_steps`.

    References
    ----------
    Li & Liu (2016), arXiv:1605.04711, section 2.2 and equation 6.
    """
    return _applied(_ThreeValues, tape, weight)


def to_signs(weight: torch.Tensor, scaled: bool, tape: Tape | None = None) -> torch.Tensor:
    """Weight as -1 or 1, times a scale of its channel; the gradient passes from -1 to 1.

    Parameters
    ----------
    weight : Tensor of shape (n_channels, ...)
    scaled : bool
        Scale by the mean absolute weight, zeros left out, rather than by 1.
    tape : Tape or None, default=None
        As for :func:`to_steps`.

    References
    ----------
    Courbariaux, Bengio & David (2015), arXiv:1511.00363, section 2 and algorithm 1.
    Rastegari, Ordonez, Redmon & Farhadi (2016), arXiv:1603.05279, section 3.1 (scale).
    """
    return _applied(_Signs, tape, weight, scaled)


def to_table(
    weight: torch.Tensor, table: torch.Tensor, free: torch.Tensor, tape: Tape | None = None
) -> torch.Tensor:
    """Weight in the nearest values of a table; the gradient passes.

    A value of the table gets the mean gradient of the weights that have it.

    Parameters
    ----------
    weight : Tensor
    table : Tensor of shape (n_values,), in any order
    free : Tensor of shape (n_values,)
        1, or 0 for a value that gets no gradient.
    tape : Tape or None, default=None
        As for :func:`to_steps`.

    References
    ----------
    Han, Mao & Dally (2016), arXiv:1510.00149, section 3.3, which has the sum.
    """
    return _applied(_Table, tape, weight, table, free)


def _applied(rounding: Any, tape: Tape | None, *inputs: Any) -> torch.Tensor:
    if tape is None:
        return rounding.apply(*inputs)
    return tape.forward(rounding, inputs)


class _Steps(torch.autograd.Function):
    """Both passes by hand: a quarter of the time of the same in autograd's operations."""

    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, step: torch.Tensor, top: int, gradient_scale: float
    ) -> torch.Tensor:
        ctx.top, ctx.gradient_scale = top, gradient_scale
        scale = _along_channels(step.abs().clamp_min(LEAST_STEP), weight)
        quotient = weight / scale
        codes = quotient.round().clamp_(-top, top)
        ctx.save_for_backward(quotient, codes, step)
        return _times(codes, scale, weight)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        quotient, codes, step = ctx.saved_tensors
        end = ctx.top + _SLACK
        by_weight = aten.hardtanh_backward(gradient, quotient, -end, end)
        by_step = None
        if ctx.needs_input_grad[1]:
            by_step = _products(gradient, codes) - _products(by_weight, quotient)
            by_step *= torch.where(step < 0, -ctx.gradient_scale, ctx.gradient_scale)
        return by_weight, by_step, None, None


class _ThreeValues(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor) -> torch.Tensor:
        twice = (2 * TERNARY_THRESHOLD * _mean_absolute(weight)).clamp_min_(_TINY)
        # What is above the threshold is above a half here, and a half itself is rounded to zero.
        codes = (weight / _along_channels(twice, weight)).round_().clamp_(-1, 1)
        scale = _products(codes, weight) / _products(codes, codes).clamp_min_(1)
        return _times(codes, _along_channels(scale, weight), weight)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor]:
        return (gradient,)


class _Signs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, scaled: bool) -> torch.Tensor:
        ctx.save_for_backward(weight)
        # No number, rather than 1, where a weight is none.
        scale = _mean_absolute(weight) if scaled else 0 * weight.flatten(1).sum(1) + 1
        return torch.copysign(
            _along_channels(scale, weight), weight, out=_of_the_strides_of(weight)
        )

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (weight,) = ctx.saved_tensors
        # torch leaves out the ends, where clipping puts weights that must find back.
        end = 1 + _SLACK
        return aten.hardtanh_backward(gradient, weight, -end, end), None


class _Table(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: torch.Tensor, table: torch.Tensor, free: torch.Tensor
    ) -> torch.Tensor:
        ascending, order = table.sort()
        places = places_in(ascending, weight)
        ctx.save_for_backward(places, order, free)
        values = ascending.index_select(0, places.flatten()).view(weight.shape)
        # The product has the weight's memory format, and is no number where the weight is none.
        return (weight * 0).add_(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        places, order, free = ctx.saved_tensors
        by_table = None
        if ctx.needs_input_grad[1]:
            places, n_values = places.flatten(), len(order)
            total = torch.bincount(places, gradient.flatten(), n_values).to(gradient.dtype)
            mean = total / torch.bincount(places, minlength=n_values).clamp_min_(1)
            by_table = torch.empty_like(mean).index_copy_(0, order, mean) * free
        return gradient, by_table, None


def _mean_absolute(weight: torch.Tensor) -> torch.Tensor:
    """Of the weights of each channel that are not zero."""
    signs = weight.sign()
    return _products(signs, weight) / _products(signs, signs).clamp_min_(1)


def _products(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Sum for each channel of the products, as fast as `torch.linalg.vecdot`.

    Autocast would compute that one in a short format.
    """
    if one.ndim == 4 and one.is_contiguous(memory_format=torch.channels_last):
        # As the weights lie in memory, so that flattening need not copy them.
        one, other = one.permute(0, 2, 3, 1), other.permute(0, 2, 3, 1)
    return one.flatten(1).mul(other.flatten(1)).sum(1)


def _times(codes: torch.Tensor, scale: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.mul(codes, scale, out=_of_the_strides_of(weight))


def _of_the_strides_of(weight: torch.Tensor) -> torch.Tensor:
    """An empty tensor, for values with the very strides of the weight.

    Broadcasting loses those of an axis of length 1, and with them the memory format of what a
    first convolution hands on: LeNet-5 then pools twelve times slower.
    """
    return torch.empty_like(weight)


def _along_channels(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return values.view(-1, *(1,) * (weight.ndim - 1))
