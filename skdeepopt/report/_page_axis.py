"""Axes of a chart in a page: where numbers go, and which numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "log_axis", "score_axis", "shown_loss"]

MOST_TICKS = 7

HIGHEST_LOSS = 4.0
"""Allowed drops that a chart shows below the reference; what lost more lies on its lower edge."""

LEAST_LOSS = 0.02


@dataclass(frozen=True)
class Axis:
    """Range of values, laid on a range of picture units.

    Parameters
    ----------
    low, high : float
        Values at the ends, ``low < high``; positive where `is_log`.
    start, end : float
        Picture units at the ends.
    ticks : tuple of float
        Values that are written at the axis.
    is_log : bool, default=False
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Picture units of a value; outside of the range, those of its nearer end."""
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self.is_log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def log_axis(values: Sequence[float], start: float, end: float) -> Axis:
    """Logarithmic axis that holds positive values, and room beside them.

    Examples
    --------
    >>> log_axis([300, 9_000], 0, 100).ticks
    (200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)
    """
    low, high = min(values), max(values)
    # Small differences must not look large: the axis spans at least a factor of four.
    stretch = max(1.5, 2 / math.sqrt(high / low))
    low, high = low / stretch, high * stretch
    return Axis(low, high, start, end, _decades(low, high), is_log=True)


def shown_loss(drop: float) -> float:
    """How far below the reference a chart goes on, by the drop that is allowed.

    Examples
    --------
    >>> shown_loss(0.01), shown_loss(0.001)
    (0.04, 0.02)
    """
    return max(HIGHEST_LOSS * drop, LEAST_LOSS)


def score_axis(
    scores: Sequence[float], reference: float | None, drop: float, start: float, end: float
) -> Axis:
    """Linear axis of scores, which cuts off those far below the reference.

    Parameters
    ----------
    scores : sequence of float
    reference : float or None
        Score that the others are held against.
    drop : float
        Allowed drop below it.
    start, end : float
        Picture units of the lowest and the highest score.
    """
    low, high = min(scores), max(scores)
    if reference is not None:
        low = max(min(low, reference - 1.5 * drop), reference - shown_loss(drop))
    room = 0.12 * max(high - low, 0.005)
    low, high = min(low, high) - room, high + room
    step = _step((high - low) / (MOST_TICKS - 1))
    first, last = math.ceil(low / step), math.floor(high / step)
    ticks = (round(index * step, 10) for index in range(first, last + 1))
    # Rounded, the first may lie just below the axis.
    inside = tuple(tick for tick in ticks if low <= tick <= min(high, 1))
    return Axis(low, high, start, end, inside)


def _decades(low: float, high: float) -> tuple[float, ...]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in exponents for digit in digits]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= MOST_TICKS:
            return tuple(inside)
    return tuple(inside[:: math.ceil(len(inside) / MOST_TICKS)])


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * (1 - 1e-9))
