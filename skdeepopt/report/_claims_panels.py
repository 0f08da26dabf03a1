"""The panels that hold what was measured beside what the study says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skdeepopt.report._claims import Claim, Claimed, claimed
from skdeepopt.report._style import COLOURS, open_axes
from skdeepopt.report._table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

__all__ = ["draw_claims"]

_PANELS = (
    ("accuracy", "change of the accuracy (% of the baseline's)"),
    ("model_seconds", "change of the model's training time (% of the baseline's)"),
)

_MEASURED, _SAID = COLOURS[0], COLOURS[1]

_WIDEST = 400.0
"""Per cent up to which a change is drawn in its place; a longer training leaves an arrow."""


def draw_claims(figure: SubFigure, rows: Sequence[Row], claims: Mapping[str, Claim]) -> None:
    """Draw a line per row, from the study's figure to what was measured.

    Parameters
    ----------
    figure : SubFigure
        Empty.
    rows : sequence of Row
        From the top down.
    claims : mapping of technique to Claim
        What the study says; of others there is only what was measured.
    """
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for place, (axes, (name, label)) in enumerate(zip(panels, _PANELS, strict=True)):
        said = [claimed(row, claims.get(row.technique)) for row in rows]
        _draw_panel(axes, rows, name, [entries and entries[place] for entries in said])
        axes.set_xlabel(label)
    panels[0].set_yticks(range(len(rows)), [row.technique for row in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    _draw_legend(figure, panels[0])


def _draw_panel(axes: Axes, rows: Sequence[Row], name: str, said: Sequence[Claimed | None]) -> None:
    open_axes(axes)
    axes.axvline(0, color="0.6", linewidth=1, zorder=1)
    for height, (row, entry) in enumerate(zip(rows, said, strict=True)):
        _draw_row(axes, height, row.relative.get(name), entry)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high)
    for height, entry in enumerate(said):
        if entry is not None and entry.reason and entry.bound is not None:
            _draw_out_of_reach(axes, height, entry)


def _draw_row(axes: Axes, height: int, measured: Any, entry: Claimed | None) -> None:
    value = None if measured is None else min(measured.value, _WIDEST)
    if entry is not None and value is not None:
        axes.plot([value, entry.percent], [height, height], color="0.7", linewidth=1, zorder=1)
    if entry is not None:
        axes.plot(entry.percent, height, **_said_style())
    if value is None:
        return
    is_cut = measured.value > _WIDEST
    style = {**_measured_style(), **({"fmt": ">"} if is_cut else {})}
    axes.errorbar(value, height, xerr=0 if is_cut else measured.deviation or 0, **style)
    if is_cut:
        axes.annotate(
            f"{measured.value:+.0f}", (value, height), (-6, 4), textcoords="offset points",
            ha="right", fontsize=8, color=_MEASURED,
        )  # fmt: skip


def _draw_out_of_reach(axes: Axes, height: int, entry: Claimed) -> None:
    low, high = axes.get_xlim()
    bound = entry.bound or 0.0
    side = (bound, high) if entry.figure == "accuracy" else (low, bound)
    axes.fill_betweenx([height - 0.38, height + 0.38], *side, **_shade_style())


def _draw_legend(figure: SubFigure, axes: Axes) -> None:
    from matplotlib.patches import Patch

    measured = axes.errorbar([], [], xerr=[], **_measured_style(), label="measured")
    (said,) = axes.plot([], [], **_said_style(), label="the study's figure")
    shade = Patch(**_shade_style(), label="out of reach here")
    figure.legend(
        handles=[measured, said, shade], loc="outside upper right", ncols=3, frameon=False
    )


def _measured_style() -> dict[str, Any]:
    return {
        "color": _MEASURED,
        "fmt": "o",
        "markersize": 7,
        "markeredgecolor": "white",
        "elinewidth": 1.2,
        "capsize": 2.5,
        "zorder": 4,
    }


def _said_style() -> dict[str, Any]:
    return {
        "color": _SAID,
        "marker": "D",
        "markersize": 6,
        "markerfacecolor": "white",
        "linestyle": "none",
        "zorder": 3,
    }


def _shade_style() -> dict[str, Any]:
    return {"facecolor": "0.93", "edgecolor": "0.8", "hatch": "///", "linewidth": 0, "zorder": 0}
