"""How much of a time budget is left, and how many passes over the data fit into it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

__all__ = ["Budget"]

_MARGIN = 1.25
"""Times as long as expected that a training may take."""

_RESERVE = 0.04
_MOST_RESERVED = 3.0
"""Share of the budget, and seconds at most, kept for the last measurements."""

_GUESSES = {
    "quick": 1.0,
    "base": 1.0,
    "transferred": 3.0,
    "packed": 2.0,
    "pruned": 1.5,
    "distilled": 1.5,
    "quantized by training": 3.0,
    "quantized by range": 0.3,
    "quantized": 0.2,
}
"""Seconds of a pass by those of the base, before one of the kind has been measured."""


@dataclass
class Budget:
    """Seconds from now on, and what a pass over the training part takes in each kind of recipe.

    Passes that fit easily are never cut, so that small data take the same course every time: the
    clock only says whether they fit.

    Parameters
    ----------
    seconds : float

    Examples
    --------
    >>> budget = Budget(100.0)
    >>> budget.learn("base", 2.0)
    >>> 35 < budget.passes_left("base") < 40
    True
    """

    seconds: float
    began: float = field(default_factory=time.perf_counter)
    rates: dict[str, float] = field(default_factory=dict)
    reserved: float = 0.0
    """Seconds for what comes after the search."""

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.began

    @property
    def left(self) -> float:
        """Seconds, less those for what comes after the search and for the last measurements."""
        kept = min(_RESERVE * self.seconds, _MOST_RESERVED)
        return self.seconds - kept - self.reserved - self.spent

    def allows(self, seconds: float, share: float = 1.0) -> bool:
        """Whether a share of the time that is left suffices for a training.

        Parameters
        ----------
        seconds : float
            That it is expected to take.
        share : float, default=1.0
        """
        return _MARGIN * seconds <= share * self.left

    def suffices_for(self, seconds: float) -> bool:
        """Whether there is time for a last training, once all is measured.

        Parameters
        ----------
        seconds : float
            That it is expected to take.
        """
        return seconds <= self.seconds - self.spent

    def reserve(self, seconds: float) -> None:
        """Keep time free for a last training.

        Parameters
        ----------
        seconds : float
            That it is expected to take.
        """
        self.reserved = _MARGIN * seconds

    def passes_left(self, kind: str, share: float = 1.0) -> float:
        """Passes of a kind that a share of the time that is left suffices for.

        Parameters
        ----------
        kind : str
            Of a recipe.
        share : float, default=1.0
        """
        left = share * self.left
        if left <= 0:
            return 0.0
        rate = self.rates.get(kind, self.rates.get("base", 0.0) * _GUESSES.get(kind, 1.0))
        return left / (_MARGIN * rate) if rate else math.inf

    def learn(self, kind: str, seconds: float) -> None:
        """What a pass took.

        Parameters
        ----------
        kind : str
            "quick" is a guess of what the base will take.
        seconds : float
        """
        self.rates["base" if kind == "quick" else kind] = seconds
