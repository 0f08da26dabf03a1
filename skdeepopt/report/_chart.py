"""The chart of a study: accuracy against its costs, and changes beside what the study says."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdeepopt.report._claims import Claim
from skdeepopt.report._claims_panels import draw_claims
from skdeepopt.report._labels import Box, Obstacle, place_labels
from skdeepopt.report._results import write_bytes
from skdeepopt.report._style import COLOURS, MARKERS, logarithmic_axis, open_axes, percent_axis
from skdeepopt.report._table import BASELINE, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["write_chart"]

PANELS = (
    ("file_bytes", 1e-3, "model file (KB)"),
    ("latency_ms", 1.0, "latency of one image (ms)"),
    ("throughput", 1e-3, "images a millisecond, in batches"),
)
ABOVE, BELOW, BELOW_A_ROW = 4.8, 1.2, 0.26
"""Inches of the panels above, and of those below, with what each of their rows adds."""

DOTS_PER_INCH = 150
POINTS_PER_INCH = 72

LEADER_FROM = 12
"""Points between a marker and its label from which on a line leads from one to the other."""


def write_chart(
    path: Path,
    rows: Sequence[Row],
    *,
    title: str,
    claims: Mapping[str, Claim] | None = None,
    compared: Sequence[Row] = (),
) -> None:
    """Write the chart as a PNG file.

    Parameters
    ----------
    path : Path
    rows : sequence of Row
        At least one; a row without one of the figures is left out of that panel.
    title : str
        What was compared, over how many seeds.
    claims : mapping of technique to Claim or None, default=None
        What the study says.
    compared : sequence of Row, default=()
        Rows that stand beside it, below the panels of the others; none leaves that part out.

    Raises
    ------
    ValueError
        No row.
    """
    if not rows:
        raise ValueError("write_chart.rows holds at least one finished technique, not none.")
    buffer = io.BytesIO()
    _figure(rows, title, claims or {}, compared).savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())


def _figure(
    rows: Sequence[Row], title: str, claims: Mapping[str, Claim], compared: Sequence[Row]
) -> Figure:
    # The object-oriented interface: pyplot would keep every figure and pick a window system.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    below = BELOW + BELOW_A_ROW * len(compared) if compared else 0.0
    figure = Figure(figsize=(14, ABOVE + below), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    upper, lower = _halves(figure, below)
    panels = upper.subplots(1, len(PANELS), sharey=True)
    for axes, (name, scale, label) in zip(panels, PANELS, strict=True):
        _draw_panel(axes, rows, name, scale)
        axes.set_xlabel(label)
    panels[0].set_ylabel("test accuracy (%)")
    if lower is not None:
        draw_claims(lower, compared, claims)
    # Labels are placed by their size in pixels, which is known once the layout is settled.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in panels:
        _draw_labels(axes)
    return figure


def _halves(figure: Figure, below: float) -> tuple[Figure | SubFigure, SubFigure | None]:
    if not below:
        return figure, None
    # One column of two rows; squeezing would make it a list of another shape.
    ((upper,), (lower,)) = figure.subfigures(2, 1, squeeze=False, height_ratios=(ABOVE, below))
    return upper, lower


def _draw_panel(axes: Axes, rows: Sequence[Row], name: str, scale: float) -> None:
    shown = [row for row in rows if {name, "accuracy"} <= row.summaries.keys()]
    for row in shown:
        _draw_point(axes, row, name, scale, _style(row, rows))
    baseline = [row for row in shown if row.technique == BASELINE]
    for row in baseline:
        height = 100 * row.summaries["accuracy"].mean
        axes.axhline(height, color="0.75", linewidth=1, linestyle="--", zorder=0)
    _style_axes(axes)


def _draw_point(axes: Axes, row: Row, name: str, scale: float, style: dict[str, Any]) -> None:
    x, y = row.summaries[name], row.summaries["accuracy"]
    # An error bar wider than the value would cross zero, which a logarithmic axis cannot show.
    left = min(x.deviation or 0.0, 0.9 * x.mean)
    axes.errorbar(
        x.mean * scale,
        100 * y.mean,
        xerr=[[left * scale], [(x.deviation or 0.0) * scale]],
        yerr=100 * (y.deviation or 0.0),
        markeredgecolor="white",
        elinewidth=1.2,
        capsize=2.5,
        label=row.technique,
        **style,
    )


def _style(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    if row.technique == BASELINE:
        return {"color": "black", "fmt": "*", "markersize": 13, "zorder": 3}
    index = [other.technique for other in rows if other.technique != BASELINE].index(row.technique)
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    return {"color": colour, "fmt": marker, "markersize": 8}


def _style_axes(axes: Axes) -> None:
    logarithmic_axis(axes)
    percent_axis(axes)
    open_axes(axes)


def _draw_labels(axes: Axes) -> None:
    """Write each technique's name beside its marker; all geometry is in points."""
    from matplotlib.patheffects import withStroke

    bars: list[Any] = list(axes.containers)
    markers = [_in_points(axes, bar[0].get_xydata())[0] for bar in bars]
    texts = [axes.text(0, 0, str(bar.get_label()), fontsize=9) for bar in bars]
    extents = [text.get_window_extent() for text in texts]
    scale = POINTS_PER_INCH / DOTS_PER_INCH
    sizes = [(extent.width * scale, extent.height * scale) for extent in extents]
    obstacles = [part for bar in bars for part in _obstacles(axes, bar)]
    frame = Box(*(edge * scale for edge in axes.get_window_extent().extents))
    places = place_labels(markers, sizes, obstacles, frame)
    for bar, text, marker, place in zip(bars, texts, markers, places, strict=True):
        text.set(color=bar[0].get_color(), zorder=5)
        # Where no place is free, a rim of white keeps the letters off the bar behind them.
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        text.set_position(_from_points(axes, (place.x0, place.y0)))
        if math.dist(marker, place.nearest(marker)) >= LEADER_FROM:
            _draw_leader(axes, marker, place, bar[0].get_color())


def _draw_leader(axes: Axes, marker: tuple[float, float], place: Box, colour: str) -> None:
    ends = [_from_points(axes, marker), _from_points(axes, place.nearest(marker))]
    x, y = zip(*ends, strict=True)
    axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.6, zorder=1, scalex=False, scaley=False)


def _obstacles(axes: Axes, bar: Any) -> list[Obstacle]:
    (x, y), *_ = _in_points(axes, bar[0].get_xydata())
    found = [Obstacle(Box(x - 5, y - 5, x + 5, y + 5), 10.0)]
    for lines in bar[2]:
        for path in lines.get_paths():
            (x0, y0), (x1, y1) = sorted(_in_points(axes, path.vertices))
            found.append(Obstacle(Box(x0 - 4, y0 - 4, x1 + 4, y1 + 4), 6.0))
    return found


def _in_points(axes: Axes, data: Any) -> list[tuple[float, float]]:
    pixels = axes.transData.transform(data) * (POINTS_PER_INCH / DOTS_PER_INCH)
    return [(float(x), float(y)) for x, y in pixels]


def _from_points(axes: Axes, place: tuple[float, float]) -> tuple[float, float]:
    scale = DOTS_PER_INCH / POINTS_PER_INCH
    x, y = axes.transData.inverted().transform((place[0] * scale, place[1] * scale))
    return float(x), float(y)
