"""Texts in columns, for a file and for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BASELINE", "aligned_text", "fitting_table", "to_ascii"]

BASELINE = "baseline"

_ATTACHED = ("change", "study", "points")
"""Titles of columns that say more of the one before them."""

Grid = tuple[list[str], list[list[str]]]


def aligned_text(
    header: Sequence[str], body: Sequence[Sequence[str]], *, ascii_only: bool = False
) -> str:
    """Columns in plain text, a line per row.

    Parameters
    ----------
    header : sequence of str
    body : sequence of sequence of str
        As long as the header each.
    ascii_only : bool, default=False
        Write ``+-`` for ``±``, where the output cannot carry it.

    Examples
    --------
    >>> print(aligned_text(["technique", "file", "change"], [["packed", "3.4", "0.04x"]]))
    technique  file change
    ---------  ---- ------
    packed      3.4  0.04x
    """
    widths = [max(len(text) for text in column) for column in zip(header, *body, strict=True)]
    rule = ["-" * width for width in widths]
    text = "\n".join(_aligned(texts, widths, header) for texts in (header, rule, *body))
    return to_ascii(text) if ascii_only else text


def fitting_table(
    header: Sequence[str],
    body: Sequence[Sequence[str]],
    *,
    width: int,
    ascii_only: bool = False,
) -> Table:
    """Rich table for a terminal of so many columns.

    Parameters
    ----------
    header, body
        As in `aligned_text`.
    width : int
        Where it is too small for a line per row, what says more of a figure stands under it; where
        that is still too wide, so does the deviation.
    ascii_only : bool, default=False
        As in `aligned_text`.
    """
    from rich.console import Console

    measuring = Console(width=10_000)
    table = None
    for grid in _layouts(list(header), [list(texts) for texts in body]):
        table = _table(grid, ascii_only=ascii_only)
        if measuring.measure(table).maximum <= width:
            break
    assert table is not None
    # The last layout that there is: names may break where they have to.
    table.columns[0].no_wrap = False
    return table


def to_ascii(text: str) -> str:
    """Text with the one sign of the tables that is not ASCII spelt out."""
    return text.replace("±", "+-")


def _layouts(header: list[str], body: list[list[str]]) -> Iterator[Grid]:
    yield header, body
    yield _stacked(header, body)
    apart = [[texts[0], *(text.replace(" ± ", "\n± ") for text in texts[1:])] for texts in body]
    yield _stacked(header, apart)


def _stacked(header: list[str], body: list[list[str]]) -> Grid:
    """Columns in which a change stands under its figure, and a unit under its name."""
    kept = [index for index, title in enumerate(header) if title not in _ATTACHED]
    ends = [*kept[1:], len(header)]
    stacked = [
        ["\n".join(texts[start:end]).rstrip("\n") for start, end in zip(kept, ends, strict=True)]
        for texts in body
    ]
    return [header[index].replace(" ", "\n") for index in kept], stacked


def _table(grid: Grid, *, ascii_only: bool) -> Table:
    from rich import box
    from rich.table import Table

    header, body = grid
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for place, title in enumerate(header):
        table.add_column(
            title if place == 0 or title in _ATTACHED else f" {title}",
            justify="right" if place else "left",
            style="dim" if title in _ATTACHED else None,
            no_wrap=True,
        )
    for texts in body:
        shown = [to_ascii(text) if ascii_only else text for text in texts]
        table.add_row(*shown, style="bold" if texts[0].startswith(BASELINE) else None)
    return table


def _aligned(texts: Sequence[str], widths: Sequence[int], header: Sequence[str]) -> str:
    line = texts[0].ljust(widths[0])
    for text, width, title in zip(texts[1:], widths[1:], header[1:], strict=True):
        # What says more of a figure stands closer to it than to the next one.
        line += ("" if title in _ATTACHED else " ") + " " + text.rjust(width)
    return line.rstrip()
