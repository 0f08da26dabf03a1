"""The study's own two columns, measured and as the study says, with bytes and latency beside."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from skdeepopt.report._claims import Claim, Claimed, claimed, reasons
from skdeepopt.report._grid import aligned_text, fitting_table
from skdeepopt.report._table import COLUMNS, Change, Row, change_text

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["claims_caption", "rich_claims", "study_grid", "text_claims"]

_HEADER = ["technique", "accuracy", "study", "points", "training", "study", "file", "latency"]

_COLUMNS = {column.figure: column for column in COLUMNS}

_LEVELS = {
    "accuracy": (100.0, "{:.2f} %"),
    "model_seconds": (1.0, "{:.1f} s"),
    "file_bytes": (1e-3, "{:.1f} KB"),
    "latency_ms": (1.0, "{:.2f} ms"),
}
"""Scale of a baseline's own figures, and how they are written."""

_WIDTH = 96
"""Columns of the caption."""


def study_grid(
    rows: Sequence[Row], claims: Mapping[str, Claim]
) -> tuple[list[str], list[list[str]]]:
    """Titles, and a list of texts per row.

    Parameters
    ----------
    rows : sequence of Row
    claims : mapping of technique to Claim
        What the study says; a technique that it is silent about has a dash.
    """
    letters = reasons(rows, claims)
    return list(_HEADER), [_texts(row, claims.get(row.technique), letters) for row in rows]


def text_claims(
    rows: Sequence[Row], claims: Mapping[str, Claim], *, ascii_only: bool = False
) -> str:
    """Table in aligned plain text, a line per row, made for a width of 100 columns.

    Parameters
    ----------
    rows, claims
        As in `study_grid`.
    ascii_only : bool, default=False
        Write ``+-`` for ``±``, where the output cannot carry it.
    """
    return aligned_text(*study_grid(rows, claims), ascii_only=ascii_only)


def rich_claims(
    rows: Sequence[Row],
    claims: Mapping[str, Claim],
    *,
    width: int = 100,
    ascii_only: bool = False,
) -> Table:
    """Rich table with the columns of `text_claims`.

    Parameters
    ----------
    rows, claims
        As in `study_grid`.
    width : int, default=100
        Columns of the terminal; where they are too few, the study's figure stands under the
        measured one.
    ascii_only : bool, default=False
        As in `text_claims`.
    """
    return fitting_table(*study_grid(rows, claims), width=width, ascii_only=ascii_only)


def claims_caption(rows: Sequence[Row], claims: Mapping[str, Claim], *, width: int = _WIDTH) -> str:
    """What the percentages are of, and which of the study's figures are out of reach, and why.

    Parameters
    ----------
    rows, claims
        As in `study_grid`.
    width : int, default=96
        Columns of a line.
    """
    meaning = (
        "accuracy: relative change of the test accuracy, in per cent of that of the nearest "
        "baseline above, and the same in points. training: relative change of the time that fit "
        "takes, for a search that of the fit of the model that it found, without the search. "
        "study: what the study says of such techniques. file and latency: as a ratio."
    )
    out_of_reach = [
        f"({letter}) out of reach: {reason}." for reason, letter in reasons(rows, claims).items()
    ]
    return "\n".join(
        textwrap.fill(text, max(width, 20), subsequent_indent="    " * (text[0] == "("))
        for text in [meaning, *out_of_reach]
    )


def _texts(row: Row, claim: Claim | None, letters: Mapping[str, str]) -> list[str]:
    if row.technique == row.against:
        return [row.technique, *_levels(row)]
    said = claimed(row, claim)
    accuracy, seconds = said or (None, None)
    return [
        row.technique,
        _percent(row.relative.get("accuracy"), 1),
        _said(accuracy, letters),
        _change(row, "accuracy"),
        _percent(row.relative.get("model_seconds"), 0),
        _said(seconds, letters),
        _change(row, "file_bytes"),
        _change(row, "latency_ms"),
    ]


def _levels(row: Row) -> list[str]:
    """Figures of a baseline, in the place of changes."""
    texts = {
        name: text.format(scale * row.summaries[name].mean)
        for name, (scale, text) in _LEVELS.items()
        if name in row.summaries
    }
    accuracy, seconds, size, latency = (texts.get(name, "-") for name in _LEVELS)
    return [accuracy, "", "", seconds, "", size, latency]


def _change(row: Row, figure: str) -> str:
    return change_text(row.changes.get(figure), _COLUMNS[figure])


def _percent(change: Change | None, decimals: int) -> str:
    if change is None:
        return "-"
    # Adding zero turns the minus zero of a rounded loss into a plain zero.
    value = round(change.value, decimals) + 0.0
    spread = f" ± {change.deviation:.{decimals}f}" if change.deviation else ""
    return f"{value:+.{decimals}f}{spread} %"


def _said(entry: Claimed | None, letters: Mapping[str, str]) -> str:
    if entry is None:
        return "-"
    mark = f" ({letters[entry.reason]})" if entry.reason else ""
    return f"{entry.percent:+g} %{mark}"
