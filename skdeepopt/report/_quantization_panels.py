"""The three panels of a quantization display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skdeepopt.report._layer_rows import FONT_SIZE, draw_bars, draw_dots, frame_layers
from skdeepopt.report._panels import (
    DENSE,
    draw_curve,
    draw_lowest,
    frame_scores,
    frame_sizes,
    is_far_apart,
    marker,
    note_chosen,
    score_scale,
    size_unit,
)
from skdeepopt.report._style import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeepopt.report._quantization_display import QuantizationDisplay

__all__ = ["draw_layers", "draw_scores", "draw_sizes"]

FAMILIES = ("int", "codebook", "ternary", "binary")

TICKS = {(1, 2, 4, 8, 16, 32): 0, (3, 6): 40, (12, 24): 60}
"""Bits, and the points that a factor of 2 has to take along the axis for them to be shown."""

MARKER_SIZES = (6.5, 9.0, 9.5)
"""Of the first curves; the others are as the last. The first is on top, and where both have a
point in one place, the second is seen around it."""

CHARACTER = 5.0
"""Points that a character of the legend takes."""

Curve = dict[str, list[int]]
"""Places of the points of each curve, by its name."""


def draw_scores(axes: Axes, display: QuantizationDisplay) -> None:
    """Score against bits, a curve for each kind of grid, with the dense network's as a line."""
    scale = score_scale(display.score_name)
    scores = [None if score is None else scale * score for score in display.scores]
    deviations = [scale * (deviation or 0.0) for deviation in display.deviations]
    lowest = None if display.lowest_score is None else scale * display.lowest_score
    _draw_curves(axes, display, scores, deviations)
    if lowest is not None:
        draw_lowest(axes, lowest, room="right")
    place = _dense_place(display)
    dense = None if place is None else scores[place]
    frame_scores(axes, scores, deviations, name=display.score_name, dense=dense, lowest=lowest)
    if display.chosen is not None:
        bits, scheme = display.bits[display.chosen], display.schemes[display.chosen]
        note_chosen(axes, bits, scheme, room="right")


def draw_sizes(axes: Axes, display: QuantizationDisplay) -> None:
    """File size against bits; from zero, unless the sizes are far apart."""
    unit, scale = size_unit(display.size_bytes)
    sizes = [None if size is None else scale * size for size in display.size_bytes]
    _draw_curves(axes, display, sizes)
    place = _dense_place(display)
    dense = None if place is None else sizes[place]
    if dense is not None:
        axes.axhline(dense, color="0.75", linewidth=1, linestyle="--", zorder=0)
    frame_sizes(axes, sizes, unit)
    _name_curves(axes, display)


def draw_layers(axes: Axes, display: QuantizationDisplay) -> None:
    """Error of each layer, the first on top; a bar with its scheme, or a point for each network."""
    networks = list(display.errors)
    names = list(next(iter(display.errors.values()), {}))
    percents = [[100 * layers[name] for name in names] for layers in display.errors.values()]
    axes.set_xlabel("error of the weights (%)")
    known = display.layer_schemes if len(networks) == 1 else None
    notes = None if known is None else [known.get(name, "") for name in names]
    font_size = frame_layers(axes, names, notes)
    if len(networks) == 1:
        draw_bars(axes, percents[0], font_size)
        axes.set_xlim(0, 1.18 * max(percents[0], default=0.0) or 1.0)
    elif names:
        _draw_networks(axes, networks, percents)


def _draw_networks(
    axes: Axes, networks: Sequence[str], percents: Sequence[Sequence[float]]
) -> None:
    """Dots; on a logarithmic axis, where errors are far apart, a layer without error has none."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    positive = [percent for layers in percents for percent in layers if percent > 0]
    if not positive or not is_far_apart(positive):
        draw_dots(axes, networks, percents, title="scheme")
        axes.set_xlim(left=0)
        return
    shown = [[percent or math.nan for percent in layers] for layers in percents]
    draw_dots(axes, networks, shown, title="scheme")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_curves(
    axes: Axes,
    display: QuantizationDisplay,
    values: Sequence[float | None],
    deviations: Sequence[float] | None = None,
) -> None:
    for look, places in zip(_looks(display), _curves(display).values(), strict=True):
        draw_curve(
            axes,
            [display.bits[place] for place in places],
            [values[place] for place in places],
            [_marker(look, display.chosen, place) for place in places],
            deviations=None if deviations is None else [deviations[place] for place in places],
            colour=look["color"],
        )
    dense = _dense_place(display)
    if dense is not None:
        bars = None if deviations is None else [deviations[dense]]
        star = {**DENSE, "zorder": 5}
        draw_curve(axes, [display.bits[dense]], [values[dense]], [star], deviations=bars)
    _style_bits(axes, display.bits)


def _dense_place(display: QuantizationDisplay) -> int | None:
    return display.schemes.index("float32") if "float32" in display.schemes else None


def _curves(display: QuantizationDisplay) -> Curve:
    """Points by kind of grid, and by method where there are several."""
    points = [place for place, scheme in enumerate(display.schemes) if scheme != "float32"]
    families = {place: display.schemes[place].rstrip("0123456789") for place in points}
    by_method = len({display.methods[place] for place in points}) > 1
    order = sorted(
        points, key=lambda place: (FAMILIES.index(families[place]), display.methods[place])
    )
    curves: Curve = {}
    for place in order:
        method = f", {display.methods[place].replace('_', ' ')}" if by_method else ""
        curves.setdefault(f"{families[place]}{method}", []).append(place)
    return curves


def _looks(display: QuantizationDisplay) -> list[dict[str, Any]]:
    return [
        {
            **marker(COLOURS[number % len(COLOURS)], shape=MARKERS[number % len(MARKERS)]),
            "markersize": MARKER_SIZES[min(number, len(MARKER_SIZES) - 1)],
            "zorder": 3 - number / 100,
        }
        for number, _ in enumerate(_curves(display))
    ]


def _marker(look: Mapping[str, Any], chosen: int | None, place: int) -> Mapping[str, Any]:
    if chosen is None:
        return look
    if chosen == place:
        return {**look, "zorder": 4}
    return {**look, "markerfacecolor": "white", "markeredgecolor": look["color"]}


def _name_curves(axes: Axes, display: QuantizationDisplay) -> None:
    """Legend; it stands by the sizes, which grow with the bits and leave a corner free."""
    from matplotlib.lines import Line2D

    names, looks = list(_curves(display)), _looks(display)
    if _dense_place(display) is not None:
        names, looks = [*names, "float32"], [*looks, dict(DENSE)]
    handles = [
        Line2D([], [], linestyle="", marker=look.pop("fmt"), label=name, **look)
        for name, look in zip(names, looks, strict=True)
    ]
    column = CHARACTER * max(map(len, names), default=0) + 4 * CHARACTER
    axes.legend(
        handles=handles,
        ncols=2 if len(names) > 3 and 2 * column < _width(axes) else 1,
        frameon=False,
        fontsize=FONT_SIZE,
        handletextpad=0.2,
        columnspacing=1.0,
        labelspacing=0.3,
    )


def _style_bits(axes: Axes, bits: Sequence[float]) -> None:
    """Logarithmic, since the dense network has 32."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    least, most = min(bits), max(bits)
    # A factor of 2 in all has a power of 2 in it, and so a label.
    margin = max(1.25, 1.01 * math.sqrt(2 * least / most))
    low, high = least / margin, most * margin
    factor = _width(axes) / math.log2(high / low)
    ticks = sorted(tick for group, room in TICKS.items() if factor >= room for tick in group)
    axes.set_xlabel("mean bits a weight")
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _width(axes: Axes) -> float:
    """In points."""
    figure = axes.get_figure()
    assert figure is not None, "axes without a figure"
    return float(72 * axes.get_window_extent().width / figure.dpi)
