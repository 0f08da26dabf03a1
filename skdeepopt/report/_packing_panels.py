"""The three panels of a packing display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skdeepopt.report._layer_rows import draw_bars, draw_dots, frame_layers
from skdeepopt.report._panels import (
    DENSE,
    Mosaic,
    draw_curve,
    draw_lowest,
    frame_scores,
    marker,
    note_chosen,
    score_scale,
    size_unit,
)
from skdeepopt.report._style import COLOURS, logarithmic_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeepopt.report._packing_display import PackingDisplay

__all__ = ["MOSAIC", "draw_layer_bits", "draw_layer_bytes", "draw_scores"]

MOSAIC: Mosaic = (("scores", "bytes"), ("scores", "bits"))


def draw_scores(axes: Axes, display: PackingDisplay) -> None:
    """Score against file size, with the dense network's as a line."""
    scale = score_scale(display.score_name)
    scores = [None if score is None else scale * score for score in display.scores]
    deviations = [scale * (deviation or 0.0) for deviation in display.deviations]
    lowest = None if display.lowest_score is None else scale * display.lowest_score
    unit, size_scale = size_unit(display.size_bytes)
    sizes = [size_scale * size for size in display.size_bytes]
    order = sorted(range(len(sizes)), key=lambda place: sizes[place])
    draw_curve(
        axes,
        [sizes[place] for place in order],
        [scores[place] for place in order],
        [_marker(display, place) for place in order],
        deviations=[deviations[place] for place in order],
    )
    axes.set_xlabel(f"{display.size_name} ({unit})")
    logarithmic_axis(axes)
    if lowest is not None:
        draw_lowest(axes, lowest, room="right")
    dense = scores[list(display.targets).index(None)] if None in display.targets else None
    frame_scores(axes, scores, deviations, name=display.score_name, dense=dense, lowest=lowest)
    if display.chosen is not None:
        size = sizes[display.chosen]
        note_chosen(axes, size, f"{size:.3g} {unit}", room="right")


def draw_layer_bytes(axes: Axes, display: PackingDisplay) -> None:
    """Bytes of each layer, the first on top; a bar, or a point for each network."""
    _draw_layers(axes, display.layer_bytes, "bytes in the file")


def draw_layer_bits(axes: Axes, display: PackingDisplay) -> None:
    """Bits for each weight that the layer had; a bar, or a point for each network."""
    _draw_layers(axes, display.layer_bits, "bits a weight")


def _draw_layers(axes: Axes, layers: Mapping[str, Mapping[str, float]], label: str) -> None:
    names = list(next(iter(layers.values()), {}))
    values = [[of_network[name] for name in names] for of_network in layers.values()]
    axes.set_xlabel(label)
    font_size = frame_layers(axes, names)
    largest = max((value for row in values for value in row), default=0.0)
    axes.set_xlim(0, 1.18 * largest or 1.0)
    if len(layers) == 1:
        draw_bars(axes, values[0], font_size)
    elif names:
        draw_dots(axes, list(layers), values, title="file")


def _marker(display: PackingDisplay, place: int) -> Mapping[str, Any]:
    if display.targets[place] is None:
        return DENSE
    is_hollow = display.chosen is not None and display.chosen != place
    return marker(COLOURS[0], is_hollow=is_hollow)
