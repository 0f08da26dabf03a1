"""Intervals that say how far a measured figure may be from the true one."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

__all__ = ["bootstrap_interval", "wilson_interval"]


def wilson_interval(n_correct: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval for a ratio of successes that stays inside [0, 1], at the ends too.

    Parameters
    ----------
    n_correct, n : int
        Successes and trials, ``0 <= n_correct <= n`` and ``n >= 1``.
    level : float, default=0.95
        Share of such intervals that hold the true ratio.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        The counts or the level are out of range.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22(158), pages 209 to 212.

    Examples
    --------
    >>> low, high = wilson_interval(99, 100)
    >>> round(low, 3), round(high, 3)
    (0.946, 0.998)
    """
    if not 0 <= n_correct <= n or n < 1:
        raise ValueError(f"wilson_interval takes 0 <= n_correct <= n, n >= 1, not {n_correct}, {n}")
    z = NormalDist().inv_cdf(0.5 + _checked_level(level) / 2)
    ratio, shrink = n_correct / n, 1 + z * z / n
    centre = (ratio + z * z / (2 * n)) / shrink
    half = z * math.sqrt(ratio * (1 - ratio) / n + z * z / (4 * n * n)) / shrink
    # Rounding must not push the bound past the observed ratio at 0 and at 1, where they coincide.
    return max(0.0, min(centre - half, ratio)), min(1.0, max(centre + half, ratio))


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    n: int,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic over resamples drawn with replacement.

    Parameters
    ----------
    statistic : callable
        Takes an integer array of shape (n,), the rows of one resample, and returns a number.
    n : int
        Number of rows to draw from.
    level : float, default=0.95
    n_resamples : int, default=1000
    random_state : int, default=0
        Seed of a generator of its own; the global one is left alone.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        A count or the level is out of range.

    References
    ----------
    Efron (1979), "Bootstrap methods: another look at the jackknife", Annals of Statistics 7(1);
    the percentile interval is Efron & Tibshirani (1993), chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.arange(100.0)
    >>> low, high = bootstrap_interval(lambda rows: values[rows].mean(), 100)
    >>> bool(low < values.mean() < high)
    True
    """
    if n < 1 or n_resamples < 1:
        raise ValueError(f"bootstrap_interval takes positive counts, not {n=}, {n_resamples=}")
    tail = (1 - _checked_level(level)) / 2
    generator = np.random.default_rng(random_state)
    values = [statistic(generator.integers(n, size=n)) for _ in range(n_resamples)]
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        slip = f" Did you mean {level / 100:g}?" if 1 < level < 100 else ""
        raise ValueError(f"level of an interval is a ratio in (0, 1), not {level!r}.{slip}")
    return level
