"""Clocks of several contenders, read in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def interleaved(
    contenders: dict[str, Callable[[], object]], *, rounds: int, warmup: int = 1
) -> dict[str, list[float]]:
    """Seconds of each contender in each round.

    Every round calls each of them once, so that a machine that slows down slows all of them. Each
    round starts with the next one, so that none always runs on another's warm cache.

    Parameters
    ----------
    contenders : dict of label to callable
    rounds : int
        Timed calls of each.
    warmup : int, default=1
        Rounds before these that are thrown away.
    """
    labels = list(contenders)
    seconds: dict[str, list[float]] = {label: [] for label in labels}
    for turn in range(-warmup, rounds):
        shift = turn % len(labels)
        for label in labels[shift:] + labels[:shift]:
            start = time.perf_counter()
            contenders[label]()
            elapsed = time.perf_counter() - start
            if turn >= 0:
                seconds[label].append(elapsed)
    return seconds


def paired_ratios(baseline: Sequence[float], ours: Sequence[float]) -> dict[str, float | int]:
    """How many times faster ours is: median and quartiles of the ratios of each round."""
    ratios = [before / after for before, after in zip(baseline, ours, strict=True)]
    low, middle, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    )
    return {"median": middle, "q25": low, "q75": high, "n": len(ratios)}
