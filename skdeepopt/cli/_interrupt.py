"""Ctrl-C that cannot get lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["InterruptWatch"]


class InterruptWatch:
    """Context manager that raises KeyboardInterrupt on Ctrl-C, and remembers that it did.

    An interrupt that falls into a callback or a destructor is swallowed there, and a training cut
    short would pass for a finished one; `check` raises it again.
    """

    def __init__(self) -> None:
        self.is_seen = False
        self._before: Any = None

    def __enter__(self) -> InterruptWatch:
        # Only the main thread may set a handler, and an ignored signal stays ignored.
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt where one was swallowed."""
        if self.is_seen:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_seen = True
        raise KeyboardInterrupt
