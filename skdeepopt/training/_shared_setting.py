"""A setting of the whole process that several threads may want at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["SharedSetting"]

Value = TypeVar("Value")


class SharedSetting(Generic[Value]):
    """Set by everyone who holds it, put back by the last one to leave.

    Parameters
    ----------
    read : callable
        Gives the setting as the first holder found it.
    apply : callable
        Called by each holder, in its own thread.
    restore : callable
        Called by the last holder with what `read` gave.
    """

    def __init__(
        self,
        read: Callable[[], Value],
        apply: Callable[[], object],
        restore: Callable[[Value], object],
    ) -> None:
        self._read = read
        self._apply = apply
        self._restore = restore
        self._lock = threading.Lock()
        self._before: list[Value] = []
        self._holders = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the setting for a while."""
        with self._lock:
            if self._holders == 0:
                self._before = [self._read()]
            self._holders += 1
            self._apply()
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0:
                    self._restore(self._before.pop())
