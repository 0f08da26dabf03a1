"""Latencies of the models that are left, taken in turns, with nothing else running."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from skdeepopt.auto._rows import AutoRow
from skdeepopt.auto._trials import Trials
from skdeepopt.meta._figures import latencies_ms

__all__ = ["timed_in_turns"]

_SECONDS = 0.5
_ROUNDS = range(6, 51)


def timed_in_turns(trials: Trials) -> tuple[list[AutoRow], dict[str, Any]]:
    """Rows with new latencies for the models that are left, and those models by name.

    Parameters
    ----------
    trials : Trials
    """
    models = {trial.row.name: trial.model for trial in trials.done if trial.model is not None}
    one = trials.parts.validation.first()
    calls = [partial(model.predict, one) for model in models.values()]
    taken = latencies_ms(calls, seconds=_SECONDS, rounds=_ROUNDS)
    latencies = dict(zip(models, taken, strict=True))
    rows = [
        replace(trial.row, latency_ms=latencies[trial.row.name])
        if trial.row.name in latencies
        else trial.row
        for trial in trials.done
    ]
    return rows, models
