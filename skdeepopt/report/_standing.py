"""A technique against the best of the others, in accuracy, training time, bytes and latency."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from skdeepopt.report._cells import Cell
from skdeepopt.report._table import COLUMNS, Change, change_between, change_text

__all__ = ["Rivals", "Standing", "rivals", "standing_text"]

Verdict = Literal["better", "same", "worse"]

_COLUMNS = {column.figure: column for column in COLUMNS}

_FIGURES = {
    "accuracy": "accuracy",
    "fit_seconds": "training",
    "file_bytes": "file",
    "latency_ms": "latency",
}
"""By name, as a sentence calls them."""

_CLOCKED = {"fit_seconds": 0.02, "latency_ms": 0.02}
"""Share that a ratio of two clocks is off by, however little its seeds happen to deviate."""


@dataclass(frozen=True)
class Standing:
    """A figure of a technique against that of another.

    Parameters
    ----------
    figure : str
    technique : str
        The other one.
    change : Change
        Over the seeds that both have.
    verdict : {"better", "same", "worse"}
        "same" where the change is within its own deviation over seeds, or a clock's 2 %.
    """

    figure: str
    technique: str
    change: Change
    verdict: Verdict


@dataclass(frozen=True)
class Rivals:
    """A technique against the others.

    Parameters
    ----------
    technique : str
    best_single : str
        The single technique with the highest mean accuracy; of equal ones, the quickest to train.
    against_best_single : tuple of Standing
        Accuracy, training time, bytes, latency.
    against_each_best : tuple of Standing
        The same, each against the technique that has the best mean of it.
    """

    technique: str
    best_single: str
    against_best_single: tuple[Standing, ...]
    against_each_best: tuple[Standing, ...]

    def count(self, verdict: Verdict) -> int:
        """Figures that have a verdict against the best single technique."""
        return sum(standing.verdict == verdict for standing in self.against_best_single)


def rivals(
    cells: Iterable[Cell], technique: str, *, singles: Sequence[str], others: Sequence[str]
) -> Rivals | None:
    """How a technique stands; None where it, or any single technique, is not finished.

    Parameters
    ----------
    cells : iterable of Cell
    technique : str
    singles : sequence of str
        Techniques that are neither searches nor combinations.
    others : sequence of str
        All that the best of each figure is looked for among.
    """
    found: dict[str, dict[int, Cell]] = {}
    for cell in cells:
        found.setdefault(cell.technique, {})[cell.seed] = cell
    own = found.get(technique)
    finished = [name for name in singles if name in found]
    if own is None or not finished:
        return None
    best = max(finished, key=lambda name: (_rank(found[name], "accuracy"), _quick(found[name])))
    known = [name for name in others if name in found]
    each = {figure: max(known, key=lambda name: _rank(found[name], figure)) for figure in _FIGURES}
    return Rivals(
        technique,
        best,
        _standings(own, found, dict.fromkeys(_FIGURES, best)),
        _standings(own, found, each),
    )


def standing_text(found: Rivals, *, width: int = 96) -> str:
    """The standing in two sentences.

    Parameters
    ----------
    found : Rivals
    width : int, default=96
        Columns of a line.
    """
    verdicts = ", ".join(
        f"{_FIGURES[s.figure]} {change_text(s.change, _COLUMNS[s.figure])} {s.verdict}"
        for s in found.against_best_single
    )
    each = ", ".join(
        f"{_FIGURES[s.figure]} {change_text(s.change, _COLUMNS[s.figure])} ({s.technique})"
        for s in found.against_each_best
    )
    n_worse = found.count("worse")
    first = (
        f"{found.technique}, against {found.best_single}, the single technique with the highest "
        f"accuracy: {verdicts}; better in {found.count('better')} of "
        f"{len(found.against_best_single)}, worse in {n_worse or 'none'}. A change within its "
        "deviation over seeds, or within 2 % by the clock, counts as the same."
    )
    second = f"Against the best of each column: {each}."
    return "\n".join(textwrap.fill(text, max(width, 20)) for text in (first, second))


def _standings(
    own: Mapping[int, Cell], found: Mapping[str, Mapping[int, Cell]], chosen: Mapping[str, str]
) -> tuple[Standing, ...]:
    standings = []
    for figure, name in chosen.items():
        change = change_between(own, found[name], figure, _COLUMNS[figure].change)
        if change is not None:
            standings.append(Standing(figure, name, change, _verdict(figure, change)))
    return tuple(standings)


def _verdict(figure: str, change: Change) -> Verdict:
    gain = 1 - change.value if change.kind == "ratio" else change.value
    if abs(gain) <= max(change.deviation or 0.0, _CLOCKED.get(figure, 0.0)):
        return "same"
    return "better" if gain > 0 else "worse"


def _rank(cells: Mapping[int, Cell], figure: str) -> float:
    """Mean of a figure, turned so that more is better; of equal ones the first is taken."""
    values = [cell.figures[figure].value for cell in cells.values() if figure in cell.figures]
    if not values:
        return float("-inf")
    return fmean(values) if figure == "accuracy" else -fmean(values)


def _quick(cells: Mapping[int, Cell]) -> float:
    return _rank(cells, "fit_seconds")
