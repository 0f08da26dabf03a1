"""The picture of where the bytes of a model file go."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skdeepopt._validation import did_you_mean
from skdeepopt.report._byte_table import ByteRow, whole_file
from skdeepopt.report._layer_rows import FONT_SIZE, frame_layers
from skdeepopt.report._results import write_bytes
from skdeepopt.report._style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "check_picture", "shown_rows", "write_byte_chart"]

FORMATS = (".png", ".svg", ".pdf")

LEAST_SHARE = 0.01
"""Of the file, from which on a tensor has a row of its own; so has the largest at any rate."""

MOST_TENSORS = 40
"""With a row of their own."""

WIDTH, HEIGHT, ROW_HEIGHT = 10.0, 1.75, 0.26
"""Inches of the figure, and of each row besides."""

REST = "checksum and the rest"
"""Of the file: what neither describes the model nor holds numbers."""

PART_COLOURS = {
    "values": COLOURS[0],
    "positions": COLOURS[1],
    "tables": COLOURS[2],
    "description": COLOURS[3],
    REST: "0.6",
}

UNITS = ((1e7, "MB", 1e-6), (1e5, "KB", 1e-3), (0, "bytes", 1.0))
"""From the largest: least bytes of a file, its unit, and what bytes are multiplied by."""


def check_picture(path: Path) -> None:
    """Refuse a name that no picture can have.

    Raises
    ------
    ValueError, FileNotFoundError
        It ends otherwise than in one of `FORMATS`, or lies in no folder.
    """
    if path.suffix.lower() not in FORMATS:
        slip = did_you_mean(path.suffix.lower(), FORMATS)
        raise ValueError(f"--out ends in {', '.join(FORMATS)}, not {path.name!r}.{slip}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"--out is in a folder that exists, not in {str(path.parent)!r}.")


def write_byte_chart(path: Path, rows: Sequence[ByteRow], *, title: str) -> None:
    """Write the picture, a bar for the whole file and one for each tensor and section.

    Parameters
    ----------
    path : Path
        Ends in one of `FORMATS`.
    rows : sequence of ByteRow
        At least one.
    title : str
    """
    buffer = io.BytesIO()
    _figure(rows, title).savefig(buffer, format=path.suffix.lower()[1:])
    write_bytes(path, buffer.getvalue())


def shown_rows(rows: Sequence[ByteRow]) -> list[ByteRow]:
    """Rows in their order, with the smallest tensors as one row after the last tensor.

    Parameters
    ----------
    rows : sequence of ByteRow
    """
    least = LEAST_SHARE * sum(row.total_bytes for row in rows)
    by_size = sorted((row for row in rows if row.n_values), key=lambda row: -row.total_bytes)
    small = [row for row in by_size[1:MOST_TENSORS] if row.total_bytes < least]
    small += by_size[MOST_TENSORS:]
    if len(small) < 2:
        return list(rows)
    folded = {id(row) for row in small}
    last = max(place for place, row in enumerate(rows) if row.n_values)
    smaller = [row for row in rows if id(row) in folded]
    head, tail = rows[: last + 1], rows[last + 1 :]
    together = _together(smaller, f"{len(smaller)} smaller tensors")
    return [*(row for row in head if id(row) not in folded), together, *tail]


def _together(rows: Sequence[ByteRow], name: str) -> ByteRow:
    whole = whole_file(rows)
    return ByteRow(name, whole.n_values, whole.n_nonzero, whole.size_bytes)


def _figure(rows: Sequence[ByteRow], title: str) -> Figure:
    # The object-oriented interface: pyplot would keep every figure and pick a window system.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown, whole = shown_rows(rows), whole_file(rows)
    height = HEIGHT + ROW_HEIGHT * len(shown)
    figure = Figure(figsize=(WIDTH, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, parse_math=False)
    heights = [0.75, 0.8 + ROW_HEIGHT * len(shown)]
    strip, bars = figure.subplots(2, 1, height_ratios=heights)
    _draw_strip(strip, whole)
    _draw_bars(bars, shown, whole.total_bytes)
    return figure


def _draw_strip(axes: Axes, whole: ByteRow) -> None:
    """The whole file as one bar, and its parts by name and size below."""
    sizes = _ordered(whole.size_bytes)
    unit, scale = _unit(whole.total_bytes)
    _stack(axes, 0, sizes, scale=1.0)
    axes.set_xlim(0, whole.total_bytes)
    axes.set_axis_off()
    labels = [
        f"{part}, {_amount(size * scale)} {unit} ({100 * size / whole.total_bytes:.0f} %)"
        for part, size in sizes.items()
    ]
    axes.legend(
        axes.patches,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        frameon=False,
        fontsize=FONT_SIZE,
        handlelength=1.0,
        handletextpad=0.5,
        borderaxespad=0.2,
    )


def _draw_bars(axes: Axes, rows: Sequence[ByteRow], total_bytes: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    unit, scale = _unit(total_bytes)
    largest = max(row.total_bytes for row in rows)
    # Room for the label of the largest.
    axes.set_xlim(0, 1.55 * scale * largest)
    axes.set_xlabel(f"{unit} of the file")
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    # A name is no formula, whatever it contains.
    font_size = frame_layers(axes, [row.name.replace("$", r"\$") for row in rows])
    for place, row in enumerate(rows):
        _stack(axes, place, _ordered(row.size_bytes), scale=scale)
        axes.annotate(
            _label(row, total_bytes, unit, scale),
            (scale * row.total_bytes, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=font_size,
        )


def _stack(axes: Axes, place: float, sizes: Mapping[str, float], *, scale: float) -> None:
    left = 0.0
    for part, size in sizes.items():
        axes.barh(place, scale * size, 0.7, left=scale * left, color=PART_COLOURS[part])
        left += size


def _ordered(sizes: Mapping[str, float]) -> dict[str, float]:
    """Parts in the order of the colours, and what has none of its own together at the end."""
    rest = sum(size for part, size in sizes.items() if part not in PART_COLOURS)
    together = {**sizes, REST: rest}
    return {part: together[part] for part in PART_COLOURS if together.get(part)}


def _label(row: ByteRow, total_bytes: float, unit: str, scale: float) -> str:
    share = 100 * row.total_bytes / total_bytes
    texts = [f"{_amount(row.total_bytes * scale)} {unit}", f"{share:.1f} %"]
    if row.bits_a_value is not None:
        texts.append(f"{row.bits_a_value:.3g} bits a value")
    return ", ".join(texts)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _unit(total_bytes: float) -> tuple[str, float]:
    return next((unit, scale) for least, unit, scale in UNITS if total_bytes >= least)
