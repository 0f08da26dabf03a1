"""Seconds of a call, repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Timing", "time_calls"]


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat of one call, in the order they were taken.

    Parameters
    ----------
    seconds : tuple of float
        At least one.
    """

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds:
            raise ValueError("Timing.seconds holds at least one repeat, not none")

    def quantile(self, share: float) -> float:
        """Seconds that a `share` of the repeats stayed within."""
        return float(np.quantile(self.seconds, share))

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return self.quantile(0.5)

    @property
    def interquartile_range(self) -> tuple[float, float]:
        """Seconds of the first and the third quarter."""
        return self.quantile(0.25), self.quantile(0.75)

    @property
    def p95(self) -> float:
        """Seconds that 95 % of the repeats stayed within."""
        return self.quantile(0.95)


def time_calls(
    function: Callable[[], object],
    *,
    repeats: int = 100,
    warmup: int = 10,
    synchronize: Callable[[], object] | None = None,
) -> Timing:
    """Seconds of `repeats` calls, after `warmup` calls that are thrown away.

    Parameters
    ----------
    function : callable
        Takes nothing.
    repeats : int, default=100
        At least 1.
    warmup : int, default=10
        The first calls allocate, fill caches and choose kernels; they say nothing about the rest.
    synchronize : callable, optional
        Called before each reading of the clock, for work that a device does later
        (``torch.cuda.synchronize``).

    Returns
    -------
    timing : Timing

    Raises
    ------
    ValueError
        `repeats` below 1 or `warmup` below 0.

    Examples
    --------
    >>> timing = time_calls(lambda: sum(range(100)), repeats=5, warmup=1)
    >>> len(timing.seconds), timing.median > 0
    (5, True)
    """
    if repeats < 1 or warmup < 0:
        raise ValueError(f"time_calls takes repeats >= 1 and warmup >= 0, not {repeats}, {warmup}")
    for _ in range(warmup):
        function()
    return Timing(tuple(_seconds(function, synchronize) for _ in range(repeats)))


def _seconds(function: Callable[[], object], synchronize: Callable[[], object] | None) -> float:
    if synchronize is not None:
        synchronize()
    start = time.perf_counter()
    function()
    if synchronize is not None:
        synchronize()
    return time.perf_counter() - start
