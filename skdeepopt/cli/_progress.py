"""How far a study is: a bar where the output is a terminal, a line per cell elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from skdeepopt.report._cells import Cell

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["BarProgress", "LineProgress", "is_ascii_only", "progress_for"]


def progress_for(n_cells: int, n_done: int) -> LineProgress | BarProgress:
    """Progress on the standard output, of cells of which some are done already."""
    if sys.stdout.isatty():
        from rich.console import Console

        return BarProgress(n_cells, n_done, Console())
    return LineProgress(n_cells, n_done)


class LineProgress:
    """A line for each finished cell, written at once."""

    def __init__(self, n_cells: int, n_done: int) -> None:
        self.n_cells = n_cells
        self.n_done = n_done

    def __enter__(self) -> LineProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def begins(self, technique: str, seed: int, seconds_left: float | None) -> None:
        """Say nothing: the line comes with the result."""

    def ends(self, cell: Cell, seconds_left: float | None) -> None:
        """Write the line of a cell."""
        self.n_done += 1
        place = f"[{self.n_done:>{len(str(self.n_cells))}}/{self.n_cells}]"
        left = f", about {clock(seconds_left)} left" if seconds_left else ""
        print(f"{place} {describe(cell)}{left}", flush=True)


class BarProgress:
    """A bar with the technique and the seed in work, and the time left."""

    def __init__(self, n_cells: int, n_done: int, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task = self._bar.add_task("", total=n_cells, completed=n_done, left="")

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begins(self, technique: str, seed: int, seconds_left: float | None) -> None:
        """Name the cell in work."""
        self._update(seconds_left, description=f"{technique}, seed {seed}")

    def ends(self, cell: Cell, seconds_left: float | None) -> None:
        """Move the bar, and leave a line above it."""
        self._bar.console.print(describe(cell), style="dim", highlight=False)
        self._update(seconds_left, advance=1)

    def _update(self, seconds_left: float | None, **changes: Any) -> None:
        left = f"about {clock(seconds_left)} left" if seconds_left else ""
        self._bar.update(self._task, left=left, **changes)


def describe(cell: Cell) -> str:
    """A cell in a line: technique, seed, accuracy, training time, size, latency."""
    shown = [f"{100 * cell.figures['accuracy'].value:.2f} %"]
    formats = {
        "fit_seconds": ("{:.1f} s", 1.0),
        "file_bytes": ("{:.1f} KB", 1e-3),
        "latency_ms": ("{:.2f} ms", 1.0),
    }
    for name, (text, scale) in formats.items():
        if name in cell.figures:
            shown.append(text.format(cell.figures[name].value * scale))
    return f"{cell.technique}, seed {cell.seed}: {', '.join(shown)}"


def clock(seconds: float) -> str:
    """Duration as people say it.

    Examples
    --------
    >>> clock(7.2), clock(95), clock(7500)
    ('7 s', '1 min 35 s', '2 h 5 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def is_ascii_only(stream: TextIO) -> bool:
    """Whether the table's plus-minus sign cannot be written to `stream`."""
    try:
        "±".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
