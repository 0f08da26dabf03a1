"""Places for labels beside points, none over another: plain geometry, in one unit throughout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Obstacle", "place_labels"]

GAPS = (8, 11, 14, 18, 22, 32, 44, 58, 74)
"""Distances between a point and its label, tried in turn."""

DIRECTIONS = 16
ROUNDS = 4
"""Passes in which each label looks for a better place, given where the others stand."""

FAR_COST = 12.0
"""Covered area that a label accepts to stand one unit nearer to its point."""

OUTSIDE_WEIGHT = 100.0
"""Of what leaves the frame, where it cannot be read: ten times that of another label."""


@dataclass(frozen=True)
class Box:
    """Rectangle with ``x0 <= x1`` and ``y0 <= y1``."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def shared(self, other: Box) -> float:
        """Area that lies in both."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return width * height if width > 0 and height > 0 else 0.0

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """Point of the rectangle that is nearest to `point`."""
        x, y = point
        return min(max(x, self.x0), self.x1), min(max(y, self.y0), self.y1)


@dataclass(frozen=True)
class Obstacle:
    """Area that a label should leave free; the higher the weight, the more so."""

    box: Box
    weight: float = 1.0


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    obstacles: Sequence[Obstacle],
    frame: Box,
) -> list[Box]:
    """A place for the label of each point, clear of the others where there is room.

    Parameters
    ----------
    points : sequence of (x, y)
    sizes : sequence of (width, height)
        Of each point's label.
    obstacles : sequence of Obstacle
        Markers and error bars.
    frame : Box
        Labels stay inside if they can.

    Returns
    -------
    places : list of Box
        As long as `points`; the same for the same input.
    """
    places: list[Box | None] = [None] * len(points)
    for _ in range(ROUNDS):
        before = list(places)
        for index, (point, size) in enumerate(zip(points, sizes, strict=True)):
            others = [place for other, place in enumerate(places) if place and other != index]
            blocked = [*obstacles, *(Obstacle(place, 10.0) for place in others)]
            places[index] = min(
                _candidates(point, size), key=lambda box: _cost(point, box, blocked, frame)
            )
        if places == before:
            break
    return [place for place in places if place is not None]


def _candidates(point: tuple[float, float], size: tuple[float, float]) -> Iterator[Box]:
    width, height = size
    for gap in GAPS:
        for step in range(DIRECTIONS):
            # Half a step off: straight up or down would run along the point's own error bar.
            angle = 2 * math.pi * (step + 0.5) / DIRECTIONS
            x, y = point[0] + gap * math.cos(angle), point[1] + gap * math.sin(angle)
            x0 = x if math.cos(angle) > 0 else x - width
            y0 = y - height * (0.5 - 0.5 * math.sin(angle))
            yield Box(x0, y0, x0 + width, y0 + height)


def _cost(point: tuple[float, float], box: Box, blocked: Sequence[Obstacle], frame: Box) -> float:
    end = box.nearest(point)
    covered = sum(other.weight * box.shared(other.box) for other in blocked)
    crossed = sum(
        other.weight * other.box.area
        for other in blocked
        if not _holds(other.box, point) and _crosses(point, end, other.box)
    )
    outside = OUTSIDE_WEIGHT * (box.area - box.shared(frame))
    total = covered + 0.5 * crossed + outside + FAR_COST * math.dist(point, end)
    # Places that differ by rounding alone count as equal, and the first of them is taken.
    return round(total, 3)


def _crosses(start: tuple[float, float], end: tuple[float, float], box: Box) -> bool:
    """Whether a line runs through a box, by its part that lies within each pair of edges."""
    first, last = 0.0, 1.0
    edges = ((box.x0, box.x1), (box.y0, box.y1))
    for (low, high), a, b in zip(edges, start, end, strict=True):
        if a == b:
            if not low <= a <= high:
                return False
            continue
        enter, leave = sorted(((low - a) / (b - a), (high - a) / (b - a)))
        first, last = max(first, enter), min(last, leave)
    return first < last


def _holds(box: Box, point: tuple[float, float]) -> bool:
    return box.x0 <= point[0] <= box.x1 and box.y0 <= point[1] <= box.y1
