"""The way from the saved estimator down to one value, for errors and for tensor names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Trail"]

_SHOWN_STEPS = 24
_LONGEST_NAME = 200


class Trail(NamedTuple):
    """One step, and the steps before it; text is made only when an error asks for it."""

    step: object
    parent: Trail | None = None
    depth: int = 0
    is_item: bool = False

    def attribute(self, name: str) -> Trail:
        return Trail(name, self, self.depth + 1)

    def item(self, key: object) -> Trail:
        return Trail(key, self, self.depth + 1, is_item=True)

    def __str__(self) -> str:
        """Python expression, as the reader would type it."""
        trails = list(self._from_root())
        shown = "".join(trail._as_python() for trail in trails[:_SHOWN_STEPS])
        return shown + ("..." if len(trails) > _SHOWN_STEPS else "")

    def plain_name(self) -> str:
        """Dotted name without the root and without method calls, such as ``steps.0.1.mean_``."""
        steps = [str(trail.step) for trail in self._from_root()][1:]
        return ".".join(step for step in steps if not step.endswith("()"))[:_LONGEST_NAME]

    def _as_python(self) -> str:
        if self.is_item:
            return f"[{self.step!r:.80}]"
        return f".{self.step}" if self.parent is not None else f"{self.step}"

    def _from_root(self) -> Iterator[Trail]:
        trails = [self]
        while trails[-1].parent is not None:
            trails.append(trails[-1].parent)
        return reversed(trails)
