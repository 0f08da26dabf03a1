"""What displays have in common: their axes, curves of scores and curves of file sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from skdeepopt.report._style import COLOURS, open_axes, percent_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DENSE",
    "draw_curve",
    "draw_lowest",
    "frame_scores",
    "frame_sizes",
    "is_far_apart",
    "marker",
    "new_axes",
    "note_chosen",
    "one_axes",
    "score_label",
    "score_scale",
    "size_unit",
    "three_axes",
]

Side: TypeAlias = Literal["left", "right"]

Mosaic: TypeAlias = tuple[tuple[str, ...], ...]

MOSAIC: Mosaic = (("scores", "layers"), ("sizes", "layers"))
"""Where the panels of a figure stand."""

WIDTH = 10.0
WIDTH_OF_ONE = 6.4
HEIGHTS = (4.6, 14.0)
"""Inches, for few layers and at most."""

ROW_HEIGHT = 0.24
"""Inches that a layer takes."""

LEAST_SPAN = 0.01
"""Scores that the axis spans at least: small differences must not look large."""

FAR_APART = 30
"""Largest value over the smallest from which on values stand on a logarithmic axis."""

DENSE: Mapping[str, Any] = {
    "color": "black",
    "markeredgecolor": "white",
    "fmt": "*",
    "markersize": 13,
}
"""Marker of the dense network."""


def new_axes(n_layers: int, mosaic: Mosaic = MOSAIC) -> np.ndarray:
    """Axes on a new figure that is high enough for the layers, in the order of `mosaic`.

    Parameters
    ----------
    n_layers : int
        Rows of layers from top to bottom.
    mosaic : tuple of tuple of str
        As ``Figure.subplot_mosaic`` takes it.
    """
    from matplotlib import pyplot as plt

    height = min(max(HEIGHTS[0], 1.2 + ROW_HEIGHT * n_layers), HEIGHTS[1])
    figure = plt.figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplot_mosaic([list(row) for row in mosaic])
    names = dict.fromkeys(name for column in zip(*mosaic, strict=True) for name in column)
    return np.array([panels[name] for name in names])


def one_axes(ax: Any, *, owner: str) -> Axes:
    """The axes given, or new ones on a figure of their own.

    Parameters
    ----------
    ax : matplotlib Axes or None
    owner : str
        Who asks; opens the message.

    Raises
    ------
    ValueError
        `ax` is something else.
    """
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.figure(figsize=(WIDTH_OF_ONE, HEIGHTS[0]), layout="constrained").subplots()
    if not hasattr(ax, "errorbar"):
        raise ValueError(
            f"{owner}.plot.ax is one matplotlib Axes, not {ax!r}. Did you mean plt.subplots()[1]?"
        )
    axes: Axes = ax
    return axes


def three_axes(
    ax: Any,
    *,
    n_layers: int,
    owner: str,
    names: str = "the scores, the sizes and the layers",
    mosaic: Mosaic = MOSAIC,
) -> np.ndarray:
    """The axes given, or new ones.

    Parameters
    ----------
    ax : sequence of 3 matplotlib Axes or None
    n_layers : int
        Rows of layers that new axes have room for.
    owner : str
        Who asks; opens the message.
    names : str
        What the axes are for.
    mosaic : tuple of tuple of str
        Where new ones stand.

    Raises
    ------
    ValueError
        `ax` is something else.
    """
    panels = new_axes(n_layers, mosaic) if ax is None else np.ravel(np.asarray(ax, dtype=object))
    if len(panels) != 3 or not all(hasattr(panel, "errorbar") for panel in panels):
        raise ValueError(
            f"{owner}.plot.ax is three axes, for {names}, not {ax!r}. "
            "Did you mean plt.subplots(1, 3)[1]?"
        )
    return panels


def marker(colour: str, *, shape: str = "o", is_hollow: bool = False) -> dict[str, Any]:
    """Marker of a compressed network; a hollow one where another was chosen."""
    inside, edge = ("white", colour) if is_hollow else (colour, "white")
    colours = {"color": colour, "markerfacecolor": inside, "markeredgecolor": edge}
    return {**colours, "fmt": shape, "markersize": 7}


def draw_curve(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[float | None],
    markers: Sequence[Mapping[str, Any]],
    *,
    deviations: Sequence[float] | None = None,
    colour: str = COLOURS[0],
) -> None:
    """A line through the known values, and a point with its deviation for each.

    Parameters
    ----------
    axes : matplotlib Axes
    places : sequence of float
        Of the points, from left to right.
    values : sequence of (float or None)
    markers : sequence of dict
        Arguments of ``errorbar``.
    deviations : sequence of float or None, default=None
    colour : str
        Of the line.
    """
    bars = deviations or [0.0] * len(values)
    points = [
        (place, value, bar, look)
        for place, value, bar, look in zip(places, values, bars, markers, strict=True)
        if value is not None
    ]
    axes.plot([x for x, *_ in points], [y for _, y, *_ in points], color=colour, linewidth=1.2)
    for place, value, bar, look in points:
        axes.errorbar(place, value, yerr=bar or None, elinewidth=1.2, capsize=2.5, **look)
    open_axes(axes)


def score_scale(name: str) -> int:
    """What a score is multiplied by: accuracies are drawn in percent."""
    return 100 if name.startswith("accuracy") else 1


def score_label(name: str) -> str:
    """Label of an axis of scores, with its unit."""
    # What was scored stands on a line of its own: a panel is lower than the whole name is long.
    what, *where = name.split(" on ")
    unit = " (%)" if score_scale(name) == 100 else ""
    return "\n".join([what + unit, *(f"on {part}" for part in where)])


def frame_scores(
    axes: Axes,
    scores: Sequence[float | None],
    deviations: Sequence[float],
    *,
    name: str,
    dense: float | None,
    lowest: float | None,
) -> None:
    """Heights and label of an axis of scores, and the dense network's score as a line.

    Parameters
    ----------
    axes : matplotlib Axes
    scores, deviations : sequence of float
        As drawn: times :func:`score_scale`.
    name : str
        Of the score.
    dense, lowest : float or None
        Score of the dense network, and the lowest that is allowed; as drawn.
    """
    if dense is not None:
        axes.axhline(dense, color="0.75", linewidth=1, linestyle="--", zorder=0)
    scale = score_scale(name)
    _set_heights(axes, scores, deviations, lowest, span=scale * LEAST_SPAN)
    if scale == 100:
        percent_axis(axes)
    axes.set_ylabel(score_label(name))


def draw_lowest(axes: Axes, height: float, *, room: Side = "left") -> None:
    """Line of the lowest score that is allowed, named on the side where there is room."""
    axes.axhline(height, color=COLOURS[1], linewidth=1, linestyle=":", zorder=1)
    place = (0.01 if room == "left" else 0.99, height)
    system = ("axes fraction", "data")
    _write(axes, "lowest allowed", place, system, offset=(0, -3), va="top", ha=room)


def note_chosen(axes: Axes, place: float, name: str, *, room: Side = "left") -> None:
    """Line where the network that was chosen stands, and its name.

    Parameters
    ----------
    axes : matplotlib Axes
    place : float
    name : str
    room : {"left", "right"}, default="left"
        Side on which the curve leaves room at the bottom.
    """
    axes.axvline(place, color=COLOURS[1], linewidth=1, linestyle=":", zorder=1)
    across = axes.transAxes.inverted().transform(axes.transData.transform((place, 0)))[0]
    on_left = across > (0.3 if room == "left" else 0.7)
    offset, side = ((-3, 0), "right") if on_left else ((3, 0), "left")
    at, system = (place, 0.02), ("data", "axes fraction")
    _write(axes, f"chosen: {name}", at, system, offset=offset, va="bottom", ha=side)


def size_unit(sizes: Sequence[float | None]) -> tuple[str, float]:
    """Unit that suits the sizes, and what bytes are multiplied by."""
    known = [size for size in sizes if size is not None]
    return ("MB", 1e-6) if max(known, default=0) >= 1e7 else ("KB", 1e-3)


def frame_sizes(axes: Axes, sizes: Sequence[float | None], unit: str) -> None:
    """Heights and label of an axis of file sizes: from zero, unless they are far apart."""
    axes.set_ylabel(f"model file ({unit})")
    known = [size for size in sizes if size is not None]
    if not known:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "file size unknown", transform=axes.transAxes, ha="center", color="0.4")
    elif is_far_apart(known):
        _logarithmic(axes)
    else:
        axes.set_ylim(0, 1.15 * max(known))


def is_far_apart(values: Sequence[float]) -> bool:
    """Whether positive values want a logarithmic axis."""
    return bool(max(values) > FAR_APART * min(values))


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


def _logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.margins(y=0.15)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
