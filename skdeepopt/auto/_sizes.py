"""The smallest size that is still good enough, found a few trials at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

__all__ = ["SizeSearch"]

_NEAR_ENOUGH = 1.12
"""Factor between a size that fits and one that does not at which the search ends."""

_DOWN, _UP = 3.0, 2.0
"""Factors between the sizes tried before one fits and one does not."""


@dataclass
class SizeSearch:
    """Finds the smallest number that fits, on a logarithmic scale, without running anything.

    Parameters
    ----------
    first : float
        Number to begin with.
    low, high : float
        Numbers below and above which nothing is tried.
    most : int
        Trials in all.
    is_whole : bool, default=False
        Whether the numbers are integers.

    Examples
    --------
    >>> search = SizeSearch(first=64, low=1, high=1000, most=12)
    >>> while (sizes := search.proposed(2)):
    ...     for size in sizes:
    ...         search.tell(size, size >= 20)
    >>> 20 <= search.smallest < 23
    True
    """

    first: float
    low: float
    high: float
    most: int
    is_whole: bool = False
    smallest: float = math.inf
    failing: float = 0.0
    told: dict[float, bool] = field(default_factory=dict)

    def proposed(self, n: int) -> list[float]:
        """Up to `n` numbers to try next, largest first; none where the search is over."""
        n = min(n, self.most - len(self.told))
        if n < 1 or self.smallest / max(self.failing, self.low / _NEAR_ENOUGH) < _NEAR_ENOUGH:
            return []
        tried = [min(max(size, self.low), self.high) for size in self._next(n)]
        tried = [float(round(size)) for size in tried] if self.is_whole else tried
        return sorted({size for size in tried if size not in self.told}, reverse=True)

    def tell(self, size: float, fits: bool) -> None:
        """What came of a trial."""
        self.told[size] = fits
        if fits:
            self.smallest = min(self.smallest, size)
        # A lucky small one counts, whatever failed above it.
        failed = [size for size, fits in self.told.items() if not fits and size < self.smallest]
        self.failing = max(failed, default=0.0)

    def _next(self, n: int) -> list[float]:
        if not self.told:
            return [self.first / _DOWN**at for at in range(n)]
        if math.isinf(self.smallest):
            return [self.failing * _UP ** (at + 1) for at in range(n)]
        if not self.failing:
            return [self.smallest / _DOWN ** (at + 1) for at in range(n)]
        ratio = self.smallest / self.failing
        return [self.failing * ratio ** ((at + 1) / (n + 1)) for at in range(n)]
