"""The three panels of a pruning display."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepopt.report._layer_rows import draw_bars, draw_dots, frame_layers
from skdeepopt.report._panels import (
    DENSE,
    draw_curve,
    draw_lowest,
    frame_scores,
    frame_sizes,
    marker,
    note_chosen,
    score_scale,
    size_unit,
)
from skdeepopt.report._style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeepopt.report._pruning_display import PruningDisplay

__all__ = ["draw_layers", "draw_scores", "draw_sizes"]

HALVINGS_FROM = 0.9
"""Largest ratio from which on equal steps along the axis divide what is left, not subtract."""

TICKS = (0, 0.5, 0.75, 0.9, 0.95, 0.98)
FAR_TICKS = (0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9999, 0.99999)
"""Where the largest ratio lies beyond the last of the others."""


def draw_scores(axes: Axes, display: PruningDisplay) -> None:
    """Score against ratio, with the dense network's as a line."""
    scale = score_scale(display.score_name)
    scores = [None if score is None else scale * score for score in display.scores]
    deviations = [scale * (deviation or 0.0) for deviation in display.deviations]
    lowest = None if display.lowest_score is None else scale * display.lowest_score
    _draw_curve(axes, display, scores, deviations)
    if lowest is not None:
        draw_lowest(axes, lowest)
    dense = scores[0] if display.ratios[0] == 0 else None
    frame_scores(axes, scores, deviations, name=display.score_name, dense=dense, lowest=lowest)
    if display.chosen is not None:
        note_chosen(axes, display.chosen, f"{display.chosen:.4g}")


def draw_sizes(axes: Axes, display: PruningDisplay) -> None:
    """File size against ratio; from zero, unless the sizes are far apart."""
    unit, scale = size_unit(display.size_bytes)
    sizes = [None if size is None else scale * size for size in display.size_bytes]
    _draw_curve(axes, display, sizes)
    frame_sizes(axes, sizes, unit)


def draw_layers(axes: Axes, display: PruningDisplay) -> None:
    """Share that each layer kept, the first layer on top; a bar, or a point for each ratio."""
    names = list(next(iter(display.kept_shares.values()), {}))
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    font_size = frame_layers(axes, names)
    ratios = [f"{ratio:.4g}" for ratio in display.kept_shares]
    percents = [
        [100 * share for share in layers.values()] for layers in display.kept_shares.values()
    ]
    at_ratio = f" at ratio {ratios[0]}" if len(ratios) == 1 else ""
    axes.set_xlabel(f"{display.kept_name} (%){at_ratio}")
    if len(ratios) == 1:
        draw_bars(axes, percents[0], font_size)
    elif names:
        draw_dots(axes, ratios, percents, title="ratio")


def _draw_curve(
    axes: Axes,
    display: PruningDisplay,
    values: Sequence[float | None],
    deviations: Sequence[float] | None = None,
) -> None:
    markers = [_marker(ratio, display.chosen) for ratio in display.ratios]
    draw_curve(axes, display.ratios, values, markers, deviations=deviations)
    _style_ratios(axes, display)


def _marker(ratio: float, chosen: float | None) -> Any:
    if ratio == 0:
        return DENSE
    is_hollow = chosen is not None and not math.isclose(ratio, chosen)
    return marker(COLOURS[0], is_hollow=is_hollow)


def _style_ratios(axes: Axes, display: PruningDisplay) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    low, high = min(display.ratios), max(display.ratios)
    axes.set_xlabel(display.ratio_name)
    if high > HALVINGS_FROM:
        axes.set_xscale("function", functions=(_halvings, _ratio_of))
        axes.xaxis.set_major_locator(FixedLocator(TICKS if high <= TICKS[-1] else FAR_TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        ends = _widened(float(_halvings(low)), float(_halvings(high)))
        axes.set_xlim(float(_ratio_of(ends[0])), float(_ratio_of(ends[1])))
    else:
        axes.xaxis.set_major_locator(
            MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]) if high > low else FixedLocator([low])
        )
        axes.set_xlim(*_widened(low, high))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def _widened(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low) or 0.1
    return low - margin, high + margin


def _halvings(ratio: Any) -> Any:
    return -np.log2(np.maximum(1 - np.asarray(ratio, dtype=float), 1e-12))


def _ratio_of(halvings: Any) -> Any:
    return 1 - np.exp2(-np.asarray(halvings, dtype=float))
