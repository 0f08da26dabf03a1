"""Rows for the layers of a network, with bars, or with dots for several networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skdeepopt.report._style import COLOURS, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FONT_SIZE", "draw_bars", "draw_dots", "frame_layers", "short_names"]

FONT_SIZE = 9.0
NAME_LENGTH = 24

LEAST_ROWS = 4
"""Rows that the layers' axis has room for, so that the bar of a single layer is no block."""


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


def frame_layers(axes: Axes, names: Sequence[str], notes: Sequence[str] | None = None) -> float:
    """Rows for the layers, the first on top; the font size of what fits in a row, or 0.

    Parameters
    ----------
    axes : matplotlib Axes
    names : sequence of str
    notes : sequence of str or None, default=None
        To stand in brackets beside the names; an empty one is left out.
    """
    axes.set_ylim(max(len(names), LEAST_ROWS) - 0.4, -0.6)
    open_axes(axes)
    axes.grid(visible=False, axis="y")
    shown = short_names(names)
    if notes is not None:
        pairs = zip(shown, notes, strict=True)
        shown = [f"{name} ({note})" if note else name for name, note in pairs]
    return _name_rows(axes, shown)


def draw_bars(axes: Axes, percents: Sequence[float], font_size: float) -> None:
    """A bar for each layer, with its number where there is room.

    Parameters
    ----------
    axes : matplotlib Axes
    percents : sequence of float
    font_size : float
        Of the numbers; 0 for none.
    """
    axes.barh(range(len(percents)), percents, 0.7, color=COLOURS[0])
    if not font_size:
        return
    for row, percent in enumerate(percents):
        axes.annotate(
            f"{percent:.3g}",
            (percent, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=font_size,
        )


def draw_dots(
    axes: Axes, networks: Sequence[str], percents: Sequence[Sequence[float]], *, title: str
) -> None:
    """A dot for each layer of each network, from pale to dark, with a legend.

    Parameters
    ----------
    axes : matplotlib Axes
    networks : sequence of str
        Names in the legend.
    percents : sequence of sequence of float
        By network and layer; NaN draws nothing.
    title : str
        Of the legend.
    """
    from matplotlib import colormaps

    columns = np.array(percents, dtype=float)
    rows = np.arange(columns.shape[1])
    ends = np.fmin.reduce(columns), np.fmax.reduce(columns)
    axes.hlines(rows, *ends, color="0.85", linewidth=2, zorder=1)
    # The palest end would vanish on white.
    colours = colormaps["viridis_r"](np.linspace(0.15, 1.0, len(columns)))
    for name, column, colour in zip(networks, columns, colours, strict=True):
        axes.scatter(column, rows, s=30, color=[colour], zorder=2, label=name)
    axes.legend(
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=FONT_SIZE,
        title_fontsize=FONT_SIZE,
    )


def _name_rows(axes: Axes, names: Sequence[str]) -> float:
    """Write the layers' names, smaller or not all of them where rows are narrow."""
    figure = axes.get_figure()
    assert figure is not None, "axes without a figure"
    row_points = 72 * axes.get_window_extent().height / figure.dpi / max(len(names), 1)
    font_size = min(FONT_SIZE, max(5.0, 0.85 * row_points))
    step = math.ceil(0.999 * font_size / row_points)
    axes.set_yticks(range(0, len(names), step), names[::step], fontsize=font_size)
    axes.tick_params(axis="y", length=0)
    return font_size if step == 1 else 0.0
