"""What a study says of its techniques, and what of it can be reached against a baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skdeepopt.report._table import Change, Row

__all__ = ["Claim", "Claimed", "claimed", "reasons"]


@dataclass(frozen=True)
class Claim:
    """What the study says of a technique, as relative changes in per cent of its baseline.

    Parameters
    ----------
    group : str
        Techniques that the study speaks of together.
    accuracy_percent, time_percent : float
        Of the accuracy, and of the time that the model is trained for.
    begins_trained : bool, default=False
        Whether the technique begins with all that the baseline does, so that no time can be saved.
    """

    group: str
    accuracy_percent: float
    time_percent: float
    begins_trained: bool = False


@dataclass(frozen=True)
class Claimed:
    """A figure of the study beside what was measured.

    Parameters
    ----------
    figure : {"accuracy", "model_seconds"}
    percent : float
        What the study says.
    measured : Change or None
        What was measured; None without a baseline.
    bound : float or None
        The largest change of an accuracy, or the smallest of a time, that there can be, in per
        cent; None where nothing bounds it.
    reason : str
        Why the study's figure is out of reach; empty where it is not.
    """

    figure: Literal["accuracy", "model_seconds"]
    percent: float
    measured: Change | None
    bound: float | None
    reason: str

    @property
    def can_be_reached(self) -> bool:
        """Whether the study's figure lies within the bound."""
        return not self.reason


def claimed(row: Row, claim: Claim | None) -> tuple[Claimed, Claimed] | None:
    """The study's accuracy and time beside those of a row; None where the study says nothing.

    Parameters
    ----------
    row : Row
    claim : Claim or None

    Examples
    --------
    >>> row = Row("quantized", (0,), {}, {}, {}, accuracy_room=1.2)
    >>> accuracy, time = claimed(row, Claim("quantization", 2, -30, begins_trained=True))
    >>> accuracy.reason
    "the baseline's 98.81 % leave room for +1.2 % at most"
    >>> time.can_be_reached
    False
    """
    if claim is None:
        return None
    floor = 0.0 if claim.begins_trained else -100.0
    accuracy, seconds = (row.relative.get(name) for name in ("accuracy", "model_seconds"))
    return (
        Claimed("accuracy", claim.accuracy_percent, accuracy, row.accuracy_room, _room(row, claim)),
        Claimed("model_seconds", claim.time_percent, seconds, floor, _time(row, claim, floor)),
    )


def reasons(rows: Sequence[Row], claims: Mapping[str, Claim]) -> dict[str, str]:
    """A letter for each reason why a figure of the study is out of reach, in order of appearance.

    Parameters
    ----------
    rows : sequence of Row
    claims : mapping of technique to Claim
    """
    found = dict.fromkeys(entry.reason for entry in _entries(rows, claims) if entry.reason)
    return {reason: chr(ord("a") + place) for place, reason in enumerate(found)}


def _entries(rows: Sequence[Row], claims: Mapping[str, Claim]) -> Iterator[Claimed]:
    for row in rows:
        yield from claimed(row, claims.get(row.technique)) or ()


def _room(row: Row, claim: Claim) -> str:
    room = row.accuracy_room
    if room is None or claim.accuracy_percent <= room:
        return ""
    # Of an accuracy a, what is missing is 1 / a - 1 of it.
    reached = 100 / (1 + room / 100)
    return f"the {row.against}'s {reached:.2f} % leave room for +{room:.1f} % at most"


def _time(row: Row, claim: Claim, floor: float) -> str:
    if claim.time_percent >= floor:
        return ""
    return f"it begins with the whole training of the {row.against}, and adds to it"
