"""Latencies of the models that are left, taken in turns, with nothing else running."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from skdeepopt.search._auto_rows import AutoRow
from skdeepopt.search._auto_trials import Trials

__all__ = ["timed_in_turns"]

_SECONDS = 0.5
_FEWEST_ROUNDS = 5
_MOST_ROUNDS = 50


def timed_in_turns(trials: Trials) -> tuple[list[AutoRow], dict[str, Any]]:
    """Rows with new latencies for the models that are left, and those models by name.

    Parameters
    ----------
    trials : Trials
    """
    models = {trial.row.name: trial.model for trial in trials.done if trial.model is not None}
    one = trials.parts.validation.first()
    latencies = dict(zip(models, _medians(list(models.values()), one), strict=True))
    rows = [
        replace(trial.row, latency_ms=latencies[trial.row.name])
        if trial.row.name in latencies
        else trial.row
        for trial in trials.done
    ]
    return rows, models


def _medians(models: list[Any], one: Any) -> list[float]:
    """Median milliseconds of each model's ``predict`` on one sample."""
    taken: list[list[float]] = [[] for _ in models]
    began = time.perf_counter()
    for turn in range(1 + _MOST_ROUNDS):
        if turn > _FEWEST_ROUNDS and time.perf_counter() - began > _SECONDS:
            break
        for model, seconds in zip(models, taken, strict=True):
            start = time.perf_counter()
            model.predict(one)
            seconds.append(time.perf_counter() - start)
    # The first call opens sessions and fills caches.
    return [1e3 * float(np.median(seconds[1:])) for seconds in taken]
