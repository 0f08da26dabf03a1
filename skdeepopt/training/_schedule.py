"""Learning rate over the course of a training."""

from __future__ import annotations

import math

__all__ = ["SCHEDULES", "rate_factor"]

SCHEDULES = ("onecycle", "cosine", "linear", "constant")

_WARM_UP = 0.3
_START = 1 / 25


def rate_factor(schedule: str, progress: float) -> float:
    """Share of the peak learning rate at `progress`, from 0 at the start to 1 at the end.

    ``"onecycle"`` rises over the first 30 % and falls to zero along cosines (Smith & Topin 2018),
    ``"cosine"`` falls from the start (Loshchilov & Hutter 2017), ``"linear"`` falls in a
    straight line, ``"constant"`` stays.

    References
    ----------
    Smith & Topin (2018), arXiv:1708.07120, section 2.
    Loshchilov & Hutter (2017), arXiv:1608.03983, section 3.

    Examples
    --------
    >>> [round(rate_factor("onecycle", t), 2) for t in (0.0, 0.3, 0.65, 1.0)]
    [0.04, 1.0, 0.5, 0.0]
    """
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return _cosine(1.0, 0.0, progress)
    if progress < _WARM_UP:
        return _cosine(_START, 1.0, progress / _WARM_UP)
    return _cosine(1.0, 0.0, (progress - _WARM_UP) / (1 - _WARM_UP))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
