"""The one panel of a Pareto display."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepopt.report._labels import Box, Obstacle, place_labels
from skdeepopt.report._page_axis import shown_loss
from skdeepopt.report._panels import (
    LEAST_SPAN,
    draw_lowest,
    score_label,
    score_scale,
    size_unit,
)
from skdeepopt.report._style import COLOURS, logarithmic_axis, open_axes, percent_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeepopt.report._pareto_display import ParetoDisplay

__all__ = ["draw_front"]

_PALE = "0.75"
_FRONT, _CHOSEN = COLOURS[0], COLOURS[1]

_LABELS = {
    "latency_ms": "latency of one sample (ms)",
    "train_seconds": "training (s)",
}

_MOST_NAMES = 9
"""Points of a front that are named; more would cover each other."""

_FAR_BELOW = 1.5
"""Heights of the front that the axis goes on below it. What lies further down is counted, not
shown: a candidate that learned nothing would flatten all others."""

_POINTS_PER_INCH = 72


def draw_front(axes: Axes, display: ParetoDisplay) -> None:
    """All candidates, the front as a line of steps, and the one that was chosen.

    Parameters
    ----------
    axes : matplotlib Axes
    display : ParetoDisplay
    """
    scale = score_scale(display.score_name)
    label, unit, factor = _cost_axis(display)
    costs, scores = factor * display.costs, scale * display.scores
    deviations = None if display.deviations is None else scale * display.deviations
    lowest = None if display.lowest_score is None else scale * display.lowest_score
    _frame_costs(axes, costs, scores, label)
    _frame_scores(axes, scores, display, lowest)
    _draw_points(axes, costs, scores, display)
    _draw_steps(axes, costs, scores, deviations, display)
    if lowest is not None:
        draw_lowest(axes, lowest)  # Left of the front there is nothing.
    _name_looks(axes, display)
    _draw_names(axes, costs, scores, display, unit)


def _cost_axis(display: ParetoDisplay) -> tuple[str, str, float]:
    """Label of the axis, unit of a cost in words, and what costs are multiplied by."""
    if display.cost_name == "file_bytes":
        unit, factor = size_unit([float(cost) for cost in display.costs if np.isfinite(cost)])
        return f"model file ({unit})", f" {unit}", factor
    units = {"latency_ms": " ms", "train_seconds": " s"}
    label = _LABELS.get(display.cost_name, display.cost_name)
    return label, units.get(display.cost_name, ""), 1.0


def _frame_costs(axes: Axes, costs: np.ndarray, scores: np.ndarray, label: str) -> None:
    shown = costs[np.isfinite(costs) & np.isfinite(scores)]
    low, high = float(shown.min()), float(shown.max())
    axes.set_xlabel(label)
    open_axes(axes)
    if low > 0:
        axes.set_xlim(low / 1.15, high * 1.15)
        logarithmic_axis(axes)
    else:
        margin = 0.06 * (high - low) or 1.0
        axes.set_xlim(low - margin, high + margin)


def _frame_scores(
    axes: Axes, scores: np.ndarray, display: ParetoDisplay, lowest: float | None
) -> None:
    front = score_scale(display.score_name) * _worth_showing(display)
    ends = [float(front.min()), float(front.max())]
    ends += [] if lowest is None else [lowest]
    ends += [] if display.chosen is None else [_or(scores[display.chosen], ends[0])]
    least = score_scale(display.score_name) * LEAST_SPAN
    span = max(max(ends) - min(ends), least)
    shown = scores[np.isfinite(scores) & np.isfinite(display.costs)]
    near = shown[shown >= min(ends) - _FAR_BELOW * span]
    low, high = min(float(near.min()), *ends), max(ends)
    margin = max(0.14 * (high - low), (least - (high - low)) / 2)
    if score_scale(display.score_name) == 100:
        percent_axis(axes)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(score_label(display.score_name))
    _note_below(axes, int((shown < low).sum()))


def _worth_showing(display: ParetoDisplay) -> np.ndarray:
    """Scores of the front, where a score was asked for without those far below it."""
    front, lowest = display.scores[display.on_front], display.lowest_score
    if lowest is None:
        return front
    best = float(front.max())
    return front[front >= best - shown_loss(max(0.0, best - lowest))]


def _note_below(axes: Axes, count: int) -> None:
    if count:
        words = f"{count} candidate{'s' if count > 1 else ''} below"
        axes.text(0.01, 0.01, words, fontsize=8, color="0.5", transform=axes.transAxes, va="bottom")


def _draw_points(axes: Axes, costs: np.ndarray, scores: np.ndarray, display: ParetoDisplay) -> None:
    pale = ~display.on_front
    axes.plot(costs[pale], scores[pale], "o", color=_PALE, markersize=4.5, zorder=2, mew=0)


def _draw_steps(
    axes: Axes,
    costs: np.ndarray,
    scores: np.ndarray,
    deviations: np.ndarray | None,
    display: ParetoDisplay,
) -> None:
    order = _front_order(display)
    x, y = costs[order], scores[order]
    # Whoever can pay more has at least what costs less: the line goes on to the right.
    ends = np.append(x, max(axes.get_xlim()[1], x[-1])), np.append(y, y[-1])
    axes.plot(*ends, color=_FRONT, linewidth=1.4, drawstyle="steps-post", zorder=3)
    if deviations is not None:
        bars = np.nan_to_num(deviations[order])
        axes.errorbar(x, y, yerr=bars, fmt="none", ecolor=_FRONT, alpha=0.35, zorder=2)
    _mark(axes, x, y, "o", _FRONT, 8)
    if display.chosen is not None:
        place = slice(display.chosen, display.chosen + 1)
        _mark(axes, costs[place], scores[place], "D", _CHOSEN, 10)


def _mark(axes: Axes, x: Any, y: Any, shape: str, colour: str, size: float) -> None:
    axes.plot(x, y, shape, color=colour, markersize=size, markeredgecolor="white", zorder=5)


def _name_looks(axes: Axes, display: ParetoDisplay) -> None:
    """What the colours say, where there is most room."""
    from matplotlib.lines import Line2D

    looks = [("best at its cost", "o", _FRONT, 1.4), ("another is better", "o", _PALE, 0.0)]
    looks += [] if display.chosen is None else [("chosen", "D", _CHOSEN, 0.0)]
    handles = [
        Line2D([], [], color=colour, marker=shape, markersize=6, linewidth=width, label=words)
        for words, shape, colour, width in looks
    ]
    axes.legend(handles=handles, loc="best", fontsize=8, edgecolor="none", framealpha=0.85)


def _draw_names(
    axes: Axes, costs: np.ndarray, scores: np.ndarray, display: ParetoDisplay, unit: str
) -> None:
    """Write the names of the front, and what was chosen, each beside its marker."""
    named = [row for row in _named(display) if scores[row] >= axes.get_ylim()[0]]
    words = [_words(row, costs, scores, display, unit) for row in named]
    rest = [row for row in np.flatnonzero(np.isfinite(costs + scores)) if row not in named]
    _write_beside(
        axes,
        [(float(costs[row]), float(scores[row])) for row in named],
        words,
        [_CHOSEN if row == display.chosen else _FRONT for row in named],
        [(float(costs[row]), float(scores[row])) for row in rest],
    )


def _named(display: ParetoDisplay) -> list[int]:
    chosen = display.chosen
    rows = [] if chosen is None or not np.isfinite(display.costs[chosen]) else [chosen]
    front = [int(row) for row in _front_order(display)]
    if display.names is not None and len(front) <= _MOST_NAMES:
        rows += [row for row in front if row != chosen]
    return rows


def _words(
    row: int, costs: np.ndarray, scores: np.ndarray, display: ParetoDisplay, unit: str
) -> str:
    name = "" if display.names is None else display.names[row]
    if row != display.chosen:
        return name
    is_percent = score_scale(display.score_name) == 100
    score = f"{scores[row]:.2f} %" if is_percent else f"{scores[row]:.4g}"
    figures = f"{costs[row]:.4g}{unit}, {score}"
    return f"chosen: {name}\n{figures}" if name else f"chosen: {figures}"


def _write_beside(
    axes: Axes,
    places: list[tuple[float, float]],
    words: list[str],
    colours: list[str],
    others: list[tuple[float, float]],
) -> None:
    from matplotlib.patheffects import withStroke

    # Labels are placed by their size, which is known once the layout is settled.
    figure: Any = axes.figure
    getattr(figure, "figure", figure).draw_without_rendering()  # the whole of a part of a figure
    scale = _POINTS_PER_INCH / figure.get_dpi()
    written = [text.get_window_extent() for text in axes.texts] + [_settled_legend(axes)]
    texts: list[Any] = [
        axes.annotate(text, at, xytext=(0, 0), textcoords="offset points", fontsize=8.5)
        for text, at in zip(words, places, strict=True)
    ]
    extents = [text.get_window_extent() for text in texts]
    sizes = [(extent.width * scale, extent.height * scale) for extent in extents]
    markers = _in_points(axes, places, scale)
    obstacles = [Obstacle(_around(at, 6), 10.0) for at in markers]
    obstacles += [Obstacle(_around(at, 3), 4.0) for at in _in_points(axes, others, scale)]
    obstacles += [Obstacle(box, 3.0) for box in _line_boxes(axes, scale)]
    obstacles += [Obstacle(_scaled(extent.extents, scale), 10.0) for extent in written]
    frame = _scaled(axes.get_window_extent().extents, scale)
    found = place_labels(markers, sizes, obstacles, frame)
    for text, colour, marker, box in zip(texts, colours, markers, found, strict=True):
        text.set(color=colour, zorder=6, position=(box.x0 - marker[0], box.y0 - marker[1]))
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _settled_legend(axes: Axes) -> Any:
    """Where the legend stands, and stays, whatever is written later."""
    legend: Any = axes.get_legend()
    extent = legend.get_window_extent()
    corner = axes.transAxes.inverted().transform((extent.x0, extent.y0))
    legend.set(loc=tuple(corner))
    legend.borderaxespad = 0
    return extent


def _line_boxes(axes: Axes, scale: float) -> list[Box]:
    """Thin boxes along the horizontal and vertical runs of all lines."""
    boxes = []
    for line in axes.lines:
        if line.get_linestyle() in ("None", "none"):
            continue
        path = line.get_path().transformed(line.get_transform())
        corners = np.asarray(path.vertices) * scale
        for (x0, y0), (x1, y1) in pairwise(corners):
            boxes.append(Box(min(x0, x1) - 3, min(y0, y1) - 3, max(x0, x1) + 3, max(y0, y1) + 3))
    return boxes


def _scaled(edges: Any, scale: float) -> Box:
    return Box(*(float(edge) * scale for edge in edges))


def _in_points(
    axes: Axes, places: list[tuple[float, float]], scale: float
) -> list[tuple[float, float]]:
    if not places:
        return []
    pixels = axes.transData.transform(np.asarray(places)) * scale
    return [(float(x), float(y)) for x, y in pixels]


def _around(place: tuple[float, float], radius: float) -> Box:
    x, y = place
    return Box(x - radius, y - radius, x + radius, y + radius)


def _front_order(display: ParetoDisplay) -> np.ndarray:
    rows = np.flatnonzero(display.on_front)
    return np.asarray(rows[np.argsort(display.costs[rows], kind="stable")])


def _or(value: float, default: float) -> float:
    return float(value) if np.isfinite(value) else default
