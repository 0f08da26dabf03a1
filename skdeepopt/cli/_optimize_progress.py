"""How far an optimization is: a line for each candidate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from skdeepopt.report._page_text import duration, in_bytes, in_score, milliseconds

__all__ = ["CandidateLines", "say"]


def say(text: str) -> None:
    """Write a line at once, whatever the names in it are and whatever the output can carry."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


class CandidateLines:
    """Callback of an ``AutoOptimizer`` that writes a line for each candidate.

    Parameters
    ----------
    time_budget : float
        Seconds from now on.
    metric : {"accuracy", "R2"}
    clock : callable, default=time.perf_counter
        Gives seconds.
    """

    def __init__(
        self, time_budget: float, metric: str, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.end = clock() + time_budget
        self.metric = metric
        self.n_told = 0
        self._clock = clock

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Tell of a row of ``AutoOptimizer.rows_``."""
        self.n_told += 1
        left = max(0.0, self.end - self._clock())
        say(f"[{self.n_told}] {row['name']}: {self._figures(row)}, {duration(round(left))} left")

    def _figures(self, row: Mapping[str, Any]) -> str:
        if row["failure"]:
            return f"failed ({row['failure'].splitlines()[0]})"
        accuracy = in_score(row["accuracy"], self.metric)
        return f"{accuracy}, {in_bytes(row['file_bytes'])}, {milliseconds(row['latency_ms'])}"
