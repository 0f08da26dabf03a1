"""The table of a study: a row per technique, every figure with its change against the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from skdeepopt.report._cells import Cell

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BASELINE", "COLUMNS", "Change", "Column", "Row", "Summary", "build_rows"]
__all__ += [
    "chart_subtitle",
    "header_and_body",
    "rich_table",
    "table_caption",
    "text_table",
    "to_ascii",
]

BASELINE = "baseline"


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

    A difference is a mean minus the baseline's mean, a ratio the mean over the baseline's mean;
    the deviation is that of the seed-by-seed differences or ratios.
    """

    kind: Literal["difference", "ratio"]
    value: float
    deviation: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """A technique: its seeds, and by figure its summary and its change (None: no baseline yet)."""

    technique: str
    seeds: tuple[int, ...]
    units: Mapping[str, str]
    summaries: Mapping[str, Summary]
    changes: Mapping[str, Change | None]


def build_rows(cells: Iterable[Cell], order: Sequence[str]) -> list[Row]:
    """Rows of the techniques that have finished cells, in the order given.

    Parameters
    ----------
    cells : iterable of Cell
        Each technique and seed at most once.
    order : sequence of str
        Names of the techniques; a cell of another technique is left out.

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
    baseline = by_technique.get(BASELINE, {})
    return [_row(name, found, baseline) for name, found in by_technique.items() if found]


def _row(name: str, cells: Mapping[int, Cell], baseline: Mapping[int, Cell]) -> Row:
    seeds = tuple(sorted(cells))
    shared = set.intersection(*(set(cells[seed].figures) for seed in seeds))
    figures = [figure for figure in cells[seeds[0]].figures if figure in shared]
    units = {figure: cells[seeds[0]].figures[figure].unit for figure in figures}
    summaries = {figure: _summary([*_values(cells, figure).values()]) for figure in figures}
    changes = {
        figure: _change(_values(cells, figure), _values(baseline, figure), _kind(figure))
        for figure in figures
    }
    return Row(name, seeds, units, summaries, changes)


def _values(cells: Mapping[int, Cell], figure: str) -> dict[int, float]:
    return {
        seed: cell.figures[figure].value
        for seed, cell in sorted(cells.items())
        if figure in cell.figures
    }


def _kind(figure: str) -> Literal["difference", "ratio"]:
    return next((column.change for column in COLUMNS if column.figure == figure), "ratio")


def _summary(values: Sequence[float]) -> Summary:
    deviation = stdev(values) if len(values) > 1 else None
    return Summary(fmean(values), deviation, len(values))


def _change(
    own: Mapping[int, float], base: Mapping[int, float], kind: Literal["difference", "ratio"]
) -> Change | None:
    seeds = sorted(own.keys() & base.keys())
    if not seeds or (kind == "ratio" and any(base[seed] == 0 for seed in seeds)):
        return None
    mean, base_mean = fmean(own[seed] for seed in seeds), fmean(base[seed] for seed in seeds)
    if kind == "difference":
        paired = _summary([own[seed] - base[seed] for seed in seeds])
        return Change(kind, mean - base_mean, paired.deviation, paired.n)
    paired = _summary([own[seed] / base[seed] for seed in seeds])
    return Change(kind, mean / base_mean, paired.deviation, paired.n)


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
    header, body = header_and_body(rows)
    widths = [max(len(text) for text in column) for column in zip(header, *body, strict=True)]
    rule = ["-" * width for width in widths]
    text = "\n".join(_aligned(texts, widths, header) for texts in (header, rule, *body))
    return to_ascii(text) if ascii_only else text


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
    from rich import box
    from rich.table import Table

    header, body = header_and_body(rows)
    if width < max(len(line) for line in text_table(rows).splitlines()):
        header, body = _stacked(header, body)
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for title in header:
        gap = "" if title in ("technique", "change") else " "
        table.add_column(
            f"{gap}{title}",
            justify="left" if title == "technique" else "right",
            style="dim" if title == "change" else None,
            no_wrap=True,
        )
    for texts in body:
        shown = [to_ascii(text) if ascii_only else text for text in texts]
        table.add_row(*shown, style="bold" if texts[0] == BASELINE else None)
    return table


def table_caption(rows: Sequence[Row]) -> str:
    """What the figures of the table mean."""
    of_seeds = chart_subtitle(rows).replace("and", "±").capitalize()
    return (
        f"{of_seeds}. Changes are against the {BASELINE}:\n"
        "accuracy in points, the rest as a ratio. Training is all of fit, a search with every\n"
        "candidate it tries; 1 KB is 1000 bytes; latency is predict on one image, img/ms predict\n"
        "on a batch, in images a millisecond; both with one thread."
    )


def chart_subtitle(rows: Sequence[Row]) -> str:
    """What a point and its bars stand for."""
    n_seeds = max(len(row.seeds) for row in rows)
    return f"mean and sample deviation over {n_seeds} seeds" if n_seeds > 1 else "one seed"


def to_ascii(text: str) -> str:
    """Text with the one sign of the table that is not ASCII spelt out."""
    return text.replace("±", "+-")


def _uneven(rows: Sequence[Row]) -> bool:
    return len({row.seeds for row in rows}) > 1


def _stacked(header: list[str], body: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Columns in which a change stands under its figure, and a unit under its name."""
    kept = [index for index, title in enumerate(header) if title != "change"]
    stacked = []
    for texts in body:
        under = {index - 1: texts[index] for index in range(len(texts)) if index not in kept}
        lines = [f"{texts[index]}\n{under.get(index, '')}".rstrip("\n") for index in kept]
        stacked.append(lines)
    return [header[index].replace(" ", "\n") for index in kept], stacked


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
    change = row.changes.get(column.figure)
    if row.technique == BASELINE:
        return ""
    if change is None:
        return "-"
    if change.kind == "ratio":
        return f"{_short(change.value)}x"
    # Adding zero turns the minus zero of a rounded loss into a plain zero.
    value = round(change.value * column.scale, column.decimals) + 0.0
    return f"{value:+.{column.decimals}f}"


def _short(ratio: float) -> str:
    """Ratio with two digits behind the first that is not zero, in six characters at most."""
    if ratio >= 10:
        return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _aligned(texts: Sequence[str], widths: Sequence[int], header: Sequence[str]) -> str:
    line = texts[0].ljust(widths[0])
    for text, width, title in zip(texts[1:], widths[1:], header[1:], strict=True):
        # A change stands closer to its own figure than to the next one.
        line += ("" if title == "change" else " ") + " " + text.rjust(width)
    return line.rstrip()
