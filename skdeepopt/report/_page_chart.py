"""The chart of a page: score against size and against latency, a mark for each candidate.

Drawn as SVG, in the colours that the page's style gives to its classes, so that it follows light
and dark, stays sharp on paper, and needs no second file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skdeepopt.report._labels import Box, Obstacle, place_labels
from skdeepopt.report._page_axis import Axis, log_axis, score_axis
from skdeepopt.report._page_text import escaped, in_bytes, in_points, in_score, milliseconds

__all__ = ["chart", "kind_of"]

WIDTH, HEIGHT = 460, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 46
LETTER, LINE = 8.0, 14
"""Picture units of a letter and of a line of text, in the font size that the style sets."""

DRAWN = ("other", "front", "reference", "chosen")
"""Order of drawing: what matters comes last, on top of the rest."""


@dataclass(frozen=True)
class _Panel:
    figure: str
    title: str
    unit: str
    scale: float
    show: Callable[[float | None], str]


PANELS = (
    _Panel("file_bytes", "Accuracy against file size", "file size, KB", 1e-3, in_bytes),
    _Panel("latency_ms", "Accuracy against latency", "latency of one sample, ms", 1, milliseconds),
)


@dataclass(frozen=True)
class _Picture:
    """Candidates that have the figure of a panel, and where they go."""

    panel: _Panel
    rows: Sequence[Mapping[str, Any]]
    x: Axis
    y: Axis
    least: float | None
    metric: str

    def place(self, row: Mapping[str, Any]) -> tuple[float, float]:
        return self.x.place(self.panel.scale * row[self.panel.figure]), self.y.place(
            row["accuracy"]
        )

    @property
    def limit(self) -> float | None:
        """Where the line of the lowest allowed score runs, if in the picture."""
        if self.least is None or not self.y.low < self.least < self.y.high:
            return None
        return self.y.place(self.least)


def kind_of(row: Mapping[str, Any]) -> str:
    """What a candidate is first of all: chosen, reference, front or other."""
    if row.get("chosen"):
        return "chosen"
    if row.get("is_reference"):
        return "reference"
    return "front" if row.get("on_front") else "other"


def chart(document: Mapping[str, Any]) -> str:
    """Two pictures with a caption, or a line that says why there is none.

    Parameters
    ----------
    document : mapping
        As `build_page` takes it.
    """
    pictures = [found for panel in PANELS if (found := _picture(panel, document))]
    if not pictures:
        return "<p>No candidate was measured well enough to be drawn.</p>"
    drawn = "".join(map(_drawn, pictures))
    return f'<figure><div class="panels">{drawn}</div>{_caption(document, pictures)}</figure>'


def _picture(panel: _Panel, document: Mapping[str, Any]) -> _Picture | None:
    rows = [
        row
        for row in document["candidates"]
        if row.get("accuracy") is not None and (row.get(panel.figure) or 0) > 0
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: DRAWN.index(kind_of(row)))
    reference, drop = document.get("validation_reference"), document["asked"]["max_accuracy_drop"]
    x = log_axis([panel.scale * row[panel.figure] for row in rows], LEFT, WIDTH - RIGHT)
    scores = [row["accuracy"] for row in rows]
    y = score_axis(scores, reference, drop, HEIGHT - BOTTOM, TOP)
    least = None if reference is None else reference - drop
    return _Picture(panel, rows, x, y, least, document["metric"])


def _caption(document: Mapping[str, Any], pictures: Sequence[_Picture]) -> str:
    texts = {
        "chosen": "the chosen model",
        "reference": "the reference, which accuracy is held against",
        "front": "on the front: no other candidate is better in every figure",
        "other": "other candidates",
        "below": "less accurate than the chart reaches",
    }
    shown = {_shape(picture, row) for picture in pictures for row in picture.rows}
    keys = {text: _mark(kind, 0, 0) for kind, text in texts.items() if kind in shown}
    if any(picture.limit is not None for picture in pictures):
        lost = in_points(document["asked"]["max_accuracy_drop"], document["metric"])
        keys[f"allowed from here up: at most {lost} lost"] = '<path class="limit" d="M-9 0h18"/>'
    listed = "".join(
        f'<li><svg class="key" viewBox="-9 -9 18 18" aria-hidden="true">{mark}</svg> {text}</li>'
        for text, mark in keys.items()
    )
    return (
        f'<figcaption><ul class="keys">{listed}</ul><p>Accuracy is measured on validation data. '
        "Up and to the left is better; sizes and times are drawn on a scale where each step "
        "multiplies. The same numbers are in the table of candidates.</p></figcaption>"
    )


def _drawn(picture: _Picture) -> str:
    panel = picture.panel
    name = f"chart-{panel.figure.replace('_', '-')}"
    limit = picture.limit
    line = "" if limit is None else f'<path class="limit" d="M{LEFT} {limit:.1f}H{WIDTH - RIGHT}"/>'
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{panel.title}</title>'
        f'<desc id="{name}-text">{escaped(_described(picture))}</desc>'
        f"{_grid(picture)}{line}{_front_line(picture)}"
        f"{''.join(_point(picture, row) for row in picture.rows)}{_labels(picture)}</svg>"
    )


def _described(picture: _Picture) -> str:
    named = [row for row in picture.rows if kind_of(row) in ("chosen", "reference")]
    told = "; ".join(f"{kind_of(row)} {_said(picture, row)}" for row in named)
    return f"{len(picture.rows)} candidates. {told}"


def _said(picture: _Picture, row: Mapping[str, Any]) -> str:
    panel = picture.panel
    return f"{in_score(row['accuracy'], picture.metric)}, {panel.show(row[panel.figure])}"


def _grid(picture: _Picture) -> str:
    parts = []
    for tick in picture.y.ticks:
        at = f"{picture.y.place(tick):.1f}"
        shown = f"{100 * tick:.4g}" if picture.metric == "accuracy" else f"{tick:.3g}"
        parts.append(
            f'<path class="grid" d="M{LEFT} {at}H{WIDTH - RIGHT}"/>'
            f'<text x="{LEFT - 7}" y="{at}" dy="4" text-anchor="end">{shown}</text>'
        )
    for tick in picture.x.ticks:
        at = f"{picture.x.place(tick):.1f}"
        parts.append(
            f'<path class="grid" d="M{at} {TOP}V{HEIGHT - BOTTOM}"/>'
            f'<text x="{at}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{tick:g}</text>'
        )
    middle, centre = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    unit = "accuracy, %" if picture.metric == "accuracy" else "R²"
    parts.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{picture.panel.unit}</text>'
        f'<text transform="translate(14 {centre:.1f}) rotate(-90)" '
        f'text-anchor="middle">{unit}</text>'
    )
    return "".join(parts)


def _front_line(picture: _Picture) -> str:
    """Steps along what no candidate of this picture beats."""
    figure = picture.panel.figure
    inside = [row for row in picture.rows if row["accuracy"] >= picture.y.low]
    path, best = "", -1e300
    for row in sorted(inside, key=lambda row: (row[figure], -row["accuracy"])):
        if row["accuracy"] > best:
            across, up = picture.place(row)
            path += f"H{across:.1f}V{up:.1f}" if path else f"M{across:.1f} {up:.1f}"
            best = row["accuracy"]
    return f'<path class="front-line" d="{path}H{WIDTH - RIGHT}"/>' if path else ""


def _point(picture: _Picture, row: Mapping[str, Any]) -> str:
    said = f"{row['name']}: {_said(picture, row)}"
    mark = _mark(_shape(picture, row), *picture.place(row))
    return f"<g><title>{escaped(said)}</title>{mark}</g>"


def _shape(picture: _Picture, row: Mapping[str, Any]) -> str:
    return "below" if row["accuracy"] < picture.y.low else kind_of(row)


def _mark(kind: str, x: float, y: float) -> str:
    """Mark that is told apart by its form as well as by its colour."""
    if kind == "below":
        return f'<path class="mark other" d="M{x - 5:.1f} {y - 4:.1f}h10l-5 8z"/>'
    if kind == "reference":
        return f'<path class="mark reference" d="M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z"/>'
    radius = {"chosen": 8, "front": 5, "other": 3.5}[kind]
    circle = f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'
    if kind == "chosen":
        circle += f'<circle class="mark core" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
    return circle


def _labels(picture: _Picture) -> str:
    named = [row for row in picture.rows if kind_of(row) in ("chosen", "reference")]
    texts = [kind_of(row) for row in named]
    obstacles = [
        Obstacle(Box(across - 9, up - 9, across + 9, up + 9), 10.0)
        for across, up in map(picture.place, picture.rows)
    ]
    if picture.limit is not None:
        line = Box(LEFT, picture.limit - 2, WIDTH - RIGHT, picture.limit + 2)
        obstacles.append(Obstacle(line, 3.0))
    places = place_labels(
        [picture.place(row) for row in named],
        [(LETTER * len(text), LINE) for text in texts],
        obstacles,
        Box(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
    )
    return "".join(
        f'<text class="label" x="{place.x0:.1f}" y="{place.y0 + 11:.1f}">{text}</text>'
        for text, place in zip(texts, places, strict=True)
    )
