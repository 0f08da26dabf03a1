"""What a page and results.json are made of: a run of an optimization as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skdeepopt.measurement._record import Measurement, MeasurementRecord

__all__ = ["FORMAT", "candidate", "figures", "paired_difference", "readable"]

FORMAT = "skdeepopt-optimize"

_NUMBERS = ("accuracy", "file_bytes", "latency_ms", "train_seconds")
_CLAIMS = ("within_drop", "on_front", "chosen")


def candidate(row: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """A row of ``AutoOptimizer.rows_`` as JSON holds it: None for what is not known.

    Parameters
    ----------
    row : mapping
    reference : str
        Name of the row that the others are held against.

    Examples
    --------
    >>> row = {"name": "base", "accuracy": float("nan"), "failure": "it burnt"}
    >>> found = candidate(row, "base")
    >>> found["accuracy"] is None, found["is_reference"], found["chosen"], found["failure"]
    (True, True, False, 'it burnt')
    """
    return {
        "name": readable(row["name"]),
        "recipe": readable(row.get("recipe") or ""),
        **{name: _known(row.get(name)) for name in _NUMBERS},
        **{name: bool(row.get(name, False)) for name in _CLAIMS},
        "is_reference": row["name"] == reference,
        "failure": readable(row.get("failure") or ""),
    }


def figures(record: MeasurementRecord, train_seconds: float | None) -> dict[str, Any]:
    """Figures of a measured model, each with unit, spread and count.

    Parameters
    ----------
    record : MeasurementRecord
        Of the test part.
    train_seconds : float or None
        What it took to make the model, where that is known.
    """
    taken = {name: figure for name, figure in record.measurements() if name != "training_seconds"}
    if train_seconds is not None:
        taken["train_seconds"] = Measurement(
            train_seconds, "s", (train_seconds, train_seconds), "one run", 1
        )
    return {name: _plain(figure) for name, figure in taken.items()}


def paired_difference(
    before: Iterable[bool], after: Iterable[bool], *, z: float = 1.959964
) -> dict[str, float]:
    """Change of the share of right answers, with the interval that answers to equal samples give.

    Parameters
    ----------
    before, after : iterable of bool
        Whether each model answers each sample right, in the same order.
    z : float, default=1.959964
        Deviations on either side; 95 % by default.

    Returns
    -------
    difference : dict
        ``value``, ``low`` and ``high`` as ratios, ``n_gained`` and ``n_lost`` as counts.

    References
    ----------
    Agresti & Min (2005), "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24: the Wald interval with half a sample more in each cell.

    Examples
    --------
    >>> found = paired_difference([True] * 90 + [False] * 10, [True] * 92 + [False] * 8)
    >>> found["value"], found["n_gained"], found["n_lost"]
    (0.02, 2, 0)
    >>> bool(found["low"] < 0 < found["high"])
    True
    """
    old, new = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    gained, lost, n = int((new & ~old).sum()), int((old & ~new).sum()), len(old)
    more, less, total = gained + 0.5, lost + 0.5, n + 2
    middle = (more - less) / total
    half = z * math.sqrt(more + less - (more - less) ** 2 / total) / total
    return {
        "value": (gained - lost) / n,
        "low": max(-1.0, middle - half),
        "high": min(1.0, middle + half),
        "n_gained": gained,
        "n_lost": lost,
    }


def readable(value: object) -> str:
    """Text that a file can hold: half a pair of a damaged file name becomes a question mark."""
    return str(value).encode("utf-8", "replace").decode()


def _plain(figure: Measurement) -> dict[str, Any]:
    return {
        "value": float(figure.value),
        "unit": figure.unit,
        "spread": [float(end) for end in figure.spread],
        "spread_kind": figure.spread_kind,
        "n": int(figure.n),
    }


def _known(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
