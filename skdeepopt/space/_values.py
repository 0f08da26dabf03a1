"""What a parameter may be, said once and turned into what each search takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Choice", "Part", "Range"]


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included.

    Parameters
    ----------
    low, high : float
        Finite, low < high.
    log : bool, default=False
        Every doubling is as likely as any other; `low` is above 0.
    integer : bool, default=False
        Whole numbers only.

    Raises
    ------
    ValueError
        There is no such range.

    Examples
    --------
    >>> Range(1e-4, 1e-1, log=True).dimension()
    Real(low=0.0001, high=0.1, prior='log-uniform', transform='identity')
    >>> Range(1, 3, integer=True).dimension()
    Integer(low=1, high=3, prior='uniform', transform='identity')
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        shown = f"Range({self.low!r}, {self.high!r})"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{shown} has finite ends, low < high.")
        if self.log and self.low <= 0:
            raise ValueError(f"{shown} is logarithmic, so it begins above 0.")
        if self.integer and (self.low != int(self.low) or self.high != int(self.high)):
            raise ValueError(f"{shown} is of integers, so its ends are.")

    def distribution(self) -> Any:
        """Frozen distribution of scipy, as random searches take it; integers are all as likely."""
        from scipy import stats

        if self.integer:
            return stats.randint(int(self.low), int(self.high) + 1)
        if self.log:
            return stats.loguniform(self.low, self.high)
        return stats.uniform(self.low, self.high - self.low)

    def dimension(self) -> Any:
        """Dimension of skopt, as Bayesian searches take it."""
        from skopt.space import Integer, Real

        prior = "log-uniform" if self.log else "uniform"
        if self.integer:
            return Integer(int(self.low), int(self.high), prior=prior)
        return Real(float(self.low), float(self.high), prior=prior)


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Parameters
    ----------
    values : tuple
        Two different ones at least.

    Raises
    ------
    ValueError
        There are fewer.

    Examples
    --------
    >>> Choice(("int8", "int4")).distribution()
    ['int8', 'int4']
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2 or len(set(self.values)) < len(self.values):
            raise ValueError(f"Choice takes two different values at least, not {self.values!r}.")

    def distribution(self) -> list[Any]:
        """List, as random searches take it."""
        return list(self.values)

    def dimension(self) -> Any:
        """Dimension of skopt, as Bayesian searches take it."""
        from skopt.space import Categorical

        return Categorical(list(self.values))


@dataclass(frozen=True)
class Part:
    """A parameter that has an effect, and what it may be.

    Parameters
    ----------
    name : str
        As in ``set_params`` of the estimator that has it.
    values : Range or Choice
    grid : sequence, default=()
        What a grid tries, the most likely value first; none leaves the parameter out of grids.
    rank : int, default=0
        A grid that becomes too large loses parts of high rank first.
    """

    name: str
    values: Range | Choice
    grid: Sequence[Any] = ()
    rank: int = 0
