"""The table of a study: a row per technique, every figure with its change against the baseline."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from skdeepopt.report._cells import Cell
from skdeepopt.report._grid import BASELINE, aligned_text, fitting_table, to_ascii

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BASELINE", "COLUMNS", "Change", "ChangeKind", "Column", "Row", "Summary", "build_rows"]
__all__ += [
    "change_between",
    "change_text",
    "chart_subtitle",
    "header_and_body",
    "rich_table",
    "short_ratio",
    "table_caption",
    "text_table",
    "to_ascii",
]

ChangeKind = Literal["difference", "ratio", "percent"]

RELATIVE = ("accuracy", "model_seconds")
"""Figures of which a study gives relative changes in per cent."""

_LEAST = 1e-12
"""No figure is so small and of any use below a fraction line."""


@dataclass(frozen=True)
class Column:
    """A figure as the table shows it: multiplied by `scale`, with `decimals` places."""

    figure: str
    title: str
    scale: float
    decimals: int
    change: Literal["difference", "ratio"]


COLUMNS = (
    Column("accuracy", "accuracy %", 100.0, 2, "difference"),
    Column("fit_seconds", "training s", 1.0, 1, "ratio"),
    Column("file_bytes", "file KB", 1e-3, 1, "ratio"),
    Column("latency_ms", "latency ms", 1.0, 2, "ratio"),
    Column("throughput", "img/ms", 1e-3, 1, "ratio"),
)


@dataclass(frozen=True)
class Summary:
    """Mean over seeds; the sample deviation is None where one seed leaves nothing to deviate."""

    mean: float
    deviation: float | None
    n: int


@dataclass(frozen=True)
class Change:
    """A figure against the baseline's, over the seeds that both have finished.

    A difference is a mean minus the baseline's mean, a ratio the mean over the baseline's mean, and
    per cent are what that ratio is above one, times a hundred; the deviation is that of the
    seed-by-seed differences, ratios or per cent.
    """

    kind: ChangeKind
    value: float
    deviation: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """A technique: its seeds, and by figure its summary and its change (None: no baseline yet).

    Its changes are against the technique `against`. In `relative` are those of accuracy and of the
    time that the model itself was trained for, in per cent; `accuracy_room` is the largest that an
    accuracy can have, in per cent of the baseline's.
    """

    technique: str
    seeds: tuple[int, ...]
    units: Mapping[str, str]
    summaries: Mapping[str, Summary]
    changes: Mapping[str, Change | None]
    against: str = BASELINE
    relative: Mapping[str, Change] = field(default_factory=dict)
    accuracy_room: float | None = None


def build_rows(
    cells: Iterable[Cell], order: Sequence[str], *, against: Mapping[str, str] | None = None
) -> list[Row]:
    """Rows of the techniques that have finished cells, in the order given.

    Parameters
    ----------
    cells : iterable of Cell
        Each technique and seed at most once.
    order : sequence of str
        Names of the techniques; a cell of another technique is left out.
    against : mapping of str to str or None, default=None
        By technique, the one that its changes are taken against, where that is not the baseline.

    Returns
    -------
    rows : list of Row
        None for a technique without a cell. A figure that is missing from a seed is missing from
        the row.
    """
    by_technique: dict[str, dict[int, Cell]] = {name: {} for name in order}
    for cell in cells:
        if cell.technique in by_technique:
            by_technique[cell.technique][cell.seed] = cell
    bases = {name: (against or {}).get(name, BASELINE) for name in order}
    return [
        _row(name, found, bases[name], by_technique.get(bases[name], {}))
        for name, found in by_technique.items()
        if found
    ]


def change_between(
    own: Mapping[int, Cell], base: Mapping[int, Cell], figure: str, kind: ChangeKind
) -> Change | None:
    """A figure of a technique against that of another; None where no seed has both.

    Parameters
    ----------
    own, base : mapping of seed to Cell
    figure : str
    kind : {"difference", "ratio", "percent"}
    """
    return _change(_values(own, figure), _values(base, figure), kind)


def _row(name: str, cells: Mapping[int, Cell], against: str, base: Mapping[int, Cell]) -> Row:
    seeds = tuple(sorted(cells))
    shared = set.intersection(*(set(cells[seed].figures) for seed in seeds))
    figures = [figure for figure in cells[seeds[0]].figures if figure in shared]
    units = {figure: cells[seeds[0]].figures[figure].unit for figure in figures}
    summaries = {figure: _summary([*_values(cells, figure).values()]) for figure in figures}
    changes = {figure: change_between(cells, base, figure, _kind(figure)) for figure in figures}
    relative = {figure: change_between(cells, base, figure, "percent") for figure in RELATIVE}
    return Row(
        name,
        seeds,
        units,
        summaries,
        changes,
        against,
        {figure: change for figure, change in relative.items() if change is not None},
        _accuracy_room(cells, base),
    )


def _accuracy_room(cells: Mapping[int, Cell], base: Mapping[int, Cell]) -> float | None:
    values = [base[seed].figures["accuracy"].value for seed in cells if seed in base]
    mean = fmean(values) if values else 0.0
    return 100 * (1 / mean - 1) if mean > _LEAST else None


def _values(cells: Mapping[int, Cell], figure: str) -> dict[int, float]:
    return {
        seed: cell.figures[figure].value
        for seed, cell in sorted(cells.items())
        if figure in cell.figures
    }


def _kind(figure: str) -> ChangeKind:
    return next((column.change for column in COLUMNS if column.figure == figure), "ratio")


def _summary(values: Sequence[float]) -> Summary:
    deviation = stdev(values) if len(values) > 1 else None
    return Summary(fmean(values), deviation, len(values))


def _change(own: Mapping[int, float], base: Mapping[int, float], kind: ChangeKind) -> Change | None:
    seeds = sorted(own.keys() & base.keys())
    if not seeds or (kind != "difference" and any(base[seed] <= _LEAST for seed in seeds)):
        return None
    mean, base_mean = fmean(own[seed] for seed in seeds), fmean(base[seed] for seed in seeds)
    if kind == "difference":
        paired = _summary([own[seed] - base[seed] for seed in seeds])
        return Change(kind, mean - base_mean, paired.deviation, paired.n)
    paired = _summary([own[seed] / base[seed] for seed in seeds])
    if kind == "ratio":
        return Change(kind, mean / base_mean, paired.deviation, paired.n)
    deviation = None if paired.deviation is None else 100 * paired.deviation
    return Change(kind, 100 * (mean / base_mean - 1), deviation, paired.n)


def header_and_body(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Titles of the columns, and a list of texts per row, as every rendering shows them.

    The number of seeds has a column where it differs between the rows.
    """
    header = ["technique", *(["seeds"] if _uneven(rows) else [])]
    for column in COLUMNS:
        header += [column.title, "change"]
    return header, [_texts(row, with_seeds=_uneven(rows)) for row in rows]


def text_table(rows: Sequence[Row], *, ascii_only: bool = False) -> str:
    """Table in aligned plain text, a line per row, made for a width of 120 columns.

    Parameters
    ----------
    rows : sequence of Row
    ascii_only : bool, default=False
        Write ``+-`` for ``±``, where the output cannot carry it.
    """
    return aligned_text(*header_and_body(rows), ascii_only=ascii_only)


def rich_table(rows: Sequence[Row], *, width: int = 120, ascii_only: bool = False) -> Table:
    """Rich table with the columns of `text_table`.

    Parameters
    ----------
    rows : sequence of Row
    width : int, default=120
        Columns of the terminal; where they are too few, a change stands under its figure.
    ascii_only : bool, default=False
        As in `text_table`.
    """
    return fitting_table(*header_and_body(rows), width=width, ascii_only=ascii_only)


def table_caption(rows: Sequence[Row], *, width: int = 96) -> str:
    """What the figures of the table mean.

    Parameters
    ----------
    rows : sequence of Row
    width : int, default=96
        Columns of a line.
    """
    of_seeds = chart_subtitle(rows).replace("and", "±").capitalize()
    return textwrap.fill(
        f"{of_seeds}. Changes are against the nearest baseline above: accuracy in points, the "
        "rest as a ratio. Training is all of fit, a search with every candidate it tries; 1 KB is "
        "1000 bytes; latency is predict on one image, img/ms predict on a batch, in images a "
        "millisecond; both with one thread.",
        max(width, 20),
    )


def chart_subtitle(rows: Sequence[Row]) -> str:
    """What a point and its bars stand for."""
    n_seeds = max(len(row.seeds) for row in rows)
    return f"mean and sample deviation over {n_seeds} seeds" if n_seeds > 1 else "one seed"


def _uneven(rows: Sequence[Row]) -> bool:
    return len({row.seeds for row in rows}) > 1


def _texts(row: Row, *, with_seeds: bool) -> list[str]:
    texts = [row.technique, *([str(len(row.seeds))] if with_seeds else [])]
    for column in COLUMNS:
        texts += [_summary_text(row, column), _change_text(row, column)]
    return texts


def _summary_text(row: Row, column: Column) -> str:
    summary = row.summaries.get(column.figure)
    if summary is None:
        return "-"
    mean = summary.mean * column.scale
    decimals = _decimals(mean, column)
    if not summary.deviation:
        return f"{mean:.{decimals}f}"
    return f"{mean:.{decimals}f} ± {summary.deviation * column.scale:.{decimals}f}"


def _decimals(value: float, column: Column) -> int:
    # Past a hundred, the last decimal of a time or a size is noise that only takes room.
    is_large = column.change == "ratio" and value >= 100
    return max(0, column.decimals - 1) if is_large else column.decimals


def _change_text(row: Row, column: Column) -> str:
    if row.technique == row.against:
        return ""
    return change_text(row.changes.get(column.figure), column)


def change_text(change: Change | None, column: Column) -> str:
    """A change as the table shows it, in the scale of its column."""
    if change is None:
        return "-"
    if change.kind == "ratio":
        return f"{short_ratio(change.value)}x"
    # Adding zero turns the minus zero of a rounded loss into a plain zero.
    value = round(change.value * column.scale, column.decimals) + 0.0
    return f"{value:+.{column.decimals}f}"


def short_ratio(ratio: float) -> str:
    """Ratio with two digits behind the first that is not zero, in six characters at most."""
    if ratio >= 10:
        return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"
