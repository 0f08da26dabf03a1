"""What is known of each model that was tried, and which of them is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from skdeepopt.search._pareto import nondominated

__all__ = [
    "COLUMNS",
    "OBJECTIVES",
    "AutoRow",
    "ObjectiveError",
    "as_frame",
    "chosen_row",
    "marked",
    "objective_of",
    "or_least",
]

OBJECTIVES = ("bytes", "latency", "train_time")

_MEASURED = {"bytes": "file_bytes", "latency": "latency_ms", "train_time": "train_seconds"}


class ObjectiveError(ValueError):
    """An objective cannot take a row; what was found until then is kept."""


@dataclass(frozen=True)
class AutoRow:
    """Figures of a model, measured on what runs.

    Parameters
    ----------
    name : str
    recipe : str
        Steps from the data to the model, such as ``"tuned base -> packed"``.
    accuracy : float
        On samples held out, to be expected in all folds; R2 of a regressor. NaN where the model
        failed.
    file_bytes : int or None
        Of the file that ``skdeepopt.save`` writes; None where it cannot hold the model.
    latency_ms : float
        Median milliseconds of ``predict`` on one sample.
    train_seconds : float
        Of all trainings from the data to the model, one after another.
    within_drop, on_front, chosen : bool
    failure : str
        Why there is no model; empty where there is one.
    """

    name: str
    recipe: str
    accuracy: float
    file_bytes: int | None
    latency_ms: float
    train_seconds: float
    within_drop: bool = False
    on_front: bool = False
    chosen: bool = False
    failure: str = ""

    def to_plain(self) -> dict[str, Any]:
        """As a dictionary."""
        return asdict(self)


COLUMNS = tuple(AutoRow.__dataclass_fields__)


def marked(
    rows: Sequence[AutoRow], least: float, standing: Collection[str] | None = None
) -> list[AutoRow]:
    """Rows that know whether they are accurate enough, and which no other beats in everything.

    Parameters
    ----------
    rows : sequence of AutoRow
    least : float
        Accuracy.
    standing : collection of str or None, default=None
        Names of rows that have not been beaten before; None is all.
    """
    stands = [standing is None or row.name in standing for row in rows]
    figures = [_figures(row, stands=known) for row, known in zip(rows, stands, strict=True)]
    front = nondominated(np.reshape(figures, (len(rows), 4)))
    return [
        replace(row, within_drop=bool(row.accuracy >= least), on_front=bool(on_front))
        for row, on_front in zip(rows, front, strict=True)
    ]


def chosen_row(
    rows: Sequence[AutoRow],
    objective: str | Callable[[dict[str, Any]], float],
    *,
    owner: str,
    standing: Collection[str] | None = None,
) -> int:
    """Place of the row that is chosen: the best by the objective of those accurate enough.

    Parameters
    ----------
    rows : sequence of AutoRow
        As :func:`marked` gives them; at least one without a failure. A named objective chooses
        among those on the front.
    objective : {"bytes", "latency", "train_time"} or callable
        Takes a row as a dictionary, and gives a number; smaller is better.
    owner : str
        Who asks; opens every message.
    standing : collection of str or None, default=None
        Names of rows whose models are at hand; None is all without a failure.

    Raises
    ------
    ObjectiveError
        The objective raises, or gives no number, for a row; its name is told.
    """
    sound = [at for at, row in enumerate(rows) if not row.failure]
    sound = [at for at in sound if standing is None or rows[at].name in standing]
    fit = [at for at in sound if rows[at].within_drop]
    if not fit:
        return max(sound, key=lambda at: (or_least(rows[at].accuracy), -at))
    if isinstance(objective, str):  # By a hair of a timing, a row that is beaten may be best.
        fit = [at for at in fit if rows[at].on_front] or fit
    worth = {at: objective_of(rows[at], objective, owner=owner) for at in fit}
    return min(fit, key=lambda at: (worth[at], -rows[at].accuracy, _size(rows[at]), at))


def objective_of(
    row: AutoRow, objective: str | Callable[[dict[str, Any]], float], *, owner: str
) -> float:
    """What an objective says of a row; smaller is better."""
    if isinstance(objective, str):
        value = getattr(row, _MEASURED[objective])
        return math.inf if value is None else float(value)
    where = f"{owner}.objective"
    try:
        said = objective(row.to_plain())
    except Exception as error:
        raise ObjectiveError(
            f"{where} takes a row as a dictionary with the keys {', '.join(COLUMNS)}, and raised "
            f"{type(error).__name__}: {error} for the row {row.name!r}. The models found are kept."
        ) from error
    try:
        number = float(said)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise ObjectiveError(
            f"{where} gives a number, smaller for a better row, not {said!r} as for the row "
            f"{row.name!r}. The models found are kept."
        )
    return number


def as_frame(rows: Sequence[AutoRow]) -> Any:
    """Rows as a ``pandas.DataFrame``."""
    import pandas as pd

    return pd.DataFrame([row.to_plain() for row in rows], columns=list(COLUMNS))


def _figures(row: AutoRow, *, stands: bool) -> tuple[float, ...]:
    """Larger is better; NaN where there is no model."""
    accuracy = row.accuracy if stands else math.nan
    # Timings of one model differ in the third digit.
    latency, seconds = (float(f"{t:.2g}") for t in (row.latency_ms, row.train_seconds))
    return accuracy, -_size(row), -latency, -seconds


def _size(row: AutoRow) -> float:
    return math.inf if row.file_bytes is None else float(row.file_bytes)


def or_least(accuracy: float) -> float:
    """Accuracy to sort by: that of a model without one is below all others."""
    return -math.inf if math.isnan(accuracy) else accuracy
