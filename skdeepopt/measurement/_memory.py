"""Memory that a block of code adds to the process."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["PeakMemory"]

_STATM = Path("/proc/self/statm")


class PeakMemory:
    """Context manager that holds the most resident memory its block added, in bytes.

    A thread reads the resident set every millisecond; where the block set a new record of the
    whole process, the kernel's own high-water mark also counts, so that no short peak is lost.
    Memory of child processes is not counted. Off Linux only the high-water mark is known, which
    misses a block that stays below an earlier peak.

    Attributes
    ----------
    added_bytes : int
        Peak of the block over what was resident when it began; 0 before the block ends.

    Examples
    --------
    >>> with PeakMemory() as memory:
    ...     block = bytes(bytearray(b"x") * 50_000_000)
    >>> memory.added_bytes >= 40_000_000
    True
    """

    added_bytes: int = 0

    def __enter__(self) -> PeakMemory:
        self._mark = _high_water_bytes()
        self._start = self._peak = _resident_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self._peak = max(self._peak, _resident_bytes())
        mark = _high_water_bytes()
        if mark > self._mark:
            self._peak = max(self._peak, mark)
        self.added_bytes = max(0, self._peak - self._start)

    def _watch(self) -> None:
        while not self._done.wait(0.001):
            self._peak = max(self._peak, _resident_bytes())


def _resident_bytes() -> int:
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _high_water_bytes()


def _high_water_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # Unix only

    # Kilobytes on Linux, bytes on macOS: getrusage(2) of each.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
