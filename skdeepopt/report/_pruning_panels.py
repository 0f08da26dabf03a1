"""The three panels of a pruning display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepopt.report._style import COLOURS, open_axes, percent_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeepopt.report._pruning_display import PruningDisplay

__all__ = ["draw_layers", "draw_scores", "draw_sizes", "new_axes", "short_names"]

WIDTH = 10.0
HEIGHTS = (4.6, 14.0)
"""Inches, for few layers and at most."""

ROW_HEIGHT = 0.24
"""Inches that a layer takes."""

FONT_SIZE = 9.0
NAME_LENGTH = 24

HALVINGS_FROM = 0.9
"""Largest ratio from which on equal steps along the axis divide what is left, not subtract."""

TICKS = (0, 0.5, 0.75, 0.9, 0.95, 0.98)
FAR_TICKS = (0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9999, 0.99999)
"""Where the largest ratio lies beyond the last of the others."""

LEAST_SPAN = 0.01
"""Scores that the axis spans at least: small differences must not look large."""

LEAST_ROWS = 4
"""Rows that the layers' axis has room for, so that the bar of a single layer is no block."""

LOGARITHMIC_FROM = 30
"""Largest size over the smallest from which on sizes stand on a logarithmic axis."""


def new_axes(n_layers: int) -> np.ndarray:
    """Axes of the scores, the sizes and the layers, on a new figure with room for the layers."""
    from matplotlib import pyplot as plt

    height = min(max(HEIGHTS[0], 1.2 + ROW_HEIGHT * n_layers), HEIGHTS[1])
    figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplot_mosaic([["scores", "layers"], ["sizes", "layers"]])
    return np.array([panels[name] for name in ("scores", "sizes", "layers")])


def draw_scores(axes: Axes, display: PruningDisplay) -> None:
    """Score against ratio, with the dense network's as a line."""
    in_percent = display.score_name.startswith("accuracy")
    scale = 100 if in_percent else 1
    scores = [None if score is None else scale * score for score in display.scores]
    deviations = [scale * (deviation or 0.0) for deviation in display.deviations]
    _draw_curve(axes, display, scores, deviations)
    if display.ratios[0] == 0 and scores[0] is not None:
        axes.axhline(scores[0], color="0.75", linewidth=1, linestyle="--", zorder=0)
    limit = None if display.lowest_score is None else scale * display.lowest_score
    if limit is not None:
        _draw_limit(axes, limit)
    _set_heights(axes, scores, deviations, limit, span=scale * LEAST_SPAN)
    if in_percent:
        percent_axis(axes)
    # What was scored stands on a line of its own: a panel is lower than the whole name is long.
    what, *where = display.score_name.split(" on ")
    unit = " (%)" if in_percent else ""
    axes.set_ylabel("\n".join([what + unit, *(f"on {part}" for part in where)]))
    if display.chosen is not None:
        _draw_chosen(axes, display.chosen)


def draw_sizes(axes: Axes, display: PruningDisplay) -> None:
    """File size against ratio; from zero, unless the sizes are far apart."""
    known = [size for size in display.size_bytes if size is not None]
    unit, scale = ("MB", 1e-6) if max(known, default=0) >= 1e7 else ("KB", 1e-3)
    sizes = [None if size is None else scale * size for size in display.size_bytes]
    _draw_curve(axes, display, sizes)
    axes.set_ylabel(f"model file ({unit})")
    if not known:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "file size unknown", transform=axes.transAxes, ha="center", color="0.4")
    elif max(known) > LOGARITHMIC_FROM * min(known):
        _logarithmic(axes)
    else:
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)


def draw_layers(axes: Axes, display: PruningDisplay) -> None:
    """Share that each layer kept, the first layer on top; a bar, or a point for each ratio."""
    names = list(next(iter(display.kept_shares.values()), {}))
    axes.set_ylim(max(len(names), LEAST_ROWS) - 0.4, -0.6)
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    open_axes(axes)
    axes.grid(visible=False, axis="y")
    font_size = _name_rows(axes, names)
    ratios = list(display.kept_shares)
    at_ratio = f" at ratio {ratios[0]:.4g}" if len(ratios) == 1 else ""
    axes.set_xlabel(f"{display.kept_name} (%){at_ratio}")
    if len(ratios) == 1:
        _draw_bars(axes, [*next(iter(display.kept_shares.values())).values()], font_size)
    elif names:
        _draw_dots(axes, display.kept_shares)


def short_names(names: Sequence[str], length: int = NAME_LENGTH) -> list[str]:
    """Names cut from the left, where they are long, and still told apart.

    Parameters
    ----------
    names : sequence of str
        All different.
    length : int, default=24
        Characters to show; more, where names would look the same.

    Examples
    --------
    >>> short_names(["network.features.0.weight", "head"], length=12)
    ['…0.weight', 'head']
    """
    shown = [name if len(name) <= length else _ending(name, length) for name in names]
    return shown if len(set(shown)) == len(set(names)) else short_names(names, length + 8)


def _ending(name: str, length: int) -> str:
    part, _, rest = name[1 - length :].partition(".")
    is_whole = name[-length] == "." or not rest
    return f"…{part}.{rest}".rstrip(".") if is_whole else f"…{rest}"


def _draw_curve(
    axes: Axes,
    display: PruningDisplay,
    values: Sequence[float | None],
    deviations: Sequence[float] | None = None,
) -> None:
    bars = deviations or [0.0] * len(values)
    known = [
        (ratio, value, bar)
        for ratio, value, bar in zip(display.ratios, values, bars, strict=True)
        if value is not None
    ]
    axes.plot([x for x, *_ in known], [y for _, y, _ in known], color=COLOURS[0], linewidth=1.2)
    for ratio, value, bar in known:
        axes.errorbar(
            ratio,
            value,
            yerr=bar or None,
            elinewidth=1.2,
            capsize=2.5,
            **_marker(ratio, display.chosen),
        )
    _style_ratios(axes, display)
    open_axes(axes)


def _marker(ratio: float, chosen: float | None) -> dict[str, Any]:
    """A black star for the dense network; a hollow point where another ratio was chosen."""
    if ratio == 0:
        return {"color": "black", "markeredgecolor": "white", "fmt": "*", "markersize": 13}
    is_hollow = chosen is not None and not math.isclose(ratio, chosen)
    inside, edge = ("white", COLOURS[0]) if is_hollow else (COLOURS[0], "white")
    colours = {"color": COLOURS[0], "markerfacecolor": inside, "markeredgecolor": edge}
    return {**colours, "fmt": "o", "markersize": 7}


def _set_heights(
    axes: Axes,
    values: Sequence[float | None],
    deviations: Sequence[float],
    limit: float | None,
    *,
    span: float,
) -> None:
    bars = zip(values, deviations, strict=True)
    ends = [value + sign * bar for value, bar in bars if value is not None for sign in (-1, 1)]
    ends += [limit] if limit is not None else []
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = max(0.2 * (high - low), (span - (high - low)) / 2)
    axes.set_ylim(low - margin, high + margin)


def _draw_limit(axes: Axes, height: float) -> None:
    axes.axhline(height, color=COLOURS[1], linewidth=1, linestyle=":", zorder=1)
    place, system = (0.01, height), ("axes fraction", "data")
    _write(axes, "lowest allowed", place, system, offset=(0, -3), va="top")


def _draw_chosen(axes: Axes, ratio: float) -> None:
    axes.axvline(ratio, color=COLOURS[1], linewidth=1, linestyle=":", zorder=1)
    across = axes.transAxes.inverted().transform(axes.transData.transform((ratio, 0)))[0]
    # The curve falls to the right: there is room on the left, except at the edge.
    offset, side = ((-3, 0), "right") if across > 0.3 else ((3, 0), "left")
    place, system = (ratio, 0.02), ("data", "axes fraction")
    _write(axes, f"chosen: {ratio:.4g}", place, system, offset=offset, va="bottom", ha=side)


def _write(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    system: tuple[str, str],
    *,
    offset: tuple[float, float],
    **alignment: Any,
) -> None:
    from matplotlib.patheffects import withStroke

    written = axes.annotate(
        text,
        place,
        xycoords=system,
        xytext=offset,
        textcoords="offset points",
        color=COLOURS[1],
        fontsize=8,
        **alignment,
    )
    written.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


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


def _logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.margins(y=0.15)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _name_rows(axes: Axes, names: Sequence[str]) -> float:
    """Write the layers' names, smaller or not all of them where rows are narrow."""
    figure = axes.get_figure()
    assert figure is not None, "axes without a figure"
    row_points = 72 * axes.get_window_extent().height / figure.dpi / max(len(names), 1)
    font_size = min(FONT_SIZE, max(5.0, 0.85 * row_points))
    step = math.ceil(0.999 * font_size / row_points)
    axes.set_yticks(range(0, len(names), step), short_names(names)[::step], fontsize=font_size)
    axes.tick_params(axis="y", length=0)
    return font_size if step == 1 else 0.0


def _draw_bars(axes: Axes, shares: Sequence[float], font_size: float) -> None:
    axes.barh(range(len(shares)), [100 * share for share in shares], 0.7, color=COLOURS[0])
    if not font_size:
        return
    for row, share in enumerate(shares):
        axes.annotate(
            f"{100 * share:.3g}",
            (100 * share, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=font_size,
        )


def _draw_dots(axes: Axes, kept_shares: Mapping[float, Mapping[str, float]]) -> None:
    from matplotlib import colormaps

    columns = np.array([[*layers.values()] for layers in kept_shares.values()]) * 100
    rows = np.arange(columns.shape[1])
    axes.hlines(rows, columns.min(0), columns.max(0), color="0.85", linewidth=2, zorder=1)
    # From pale to dark, as more is removed; the palest end would vanish on white.
    colours = colormaps["viridis_r"](np.linspace(0.15, 1.0, len(columns)))
    for ratio, shares, colour in zip(kept_shares, columns, colours, strict=True):
        axes.scatter(shares, rows, s=30, color=[colour], zorder=2, label=f"{ratio:.4g}")
    axes.legend(
        title="ratio",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=FONT_SIZE,
        title_fontsize=FONT_SIZE,
    )
