"""How long a search has worked, through all interruptions."""

from __future__ import annotations

import time

__all__ = ["SearchClock"]


class SearchClock:
    """Seconds that a search has worked, with those that its journal knows of."""

    def __init__(self) -> None:
        self._earlier = 0.0
        self._since = time.perf_counter()

    def seconds(self) -> float:
        """Seconds until now."""
        return self._earlier + time.perf_counter() - self._since

    def advance_to(self, seconds: float) -> None:
        """Go on from a later moment; an earlier one changes nothing.

        Parameters
        ----------
        seconds : float
            As :meth:`seconds` told it before the search was interrupted.
        """
        if seconds > self.seconds():
            self._earlier, self._since = seconds, time.perf_counter()
