"""Where tasks run: what all kinds of workers have in common."""

from __future__ import annotations

import concurrent.futures
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from skdeepopt.workers._failure import Answer, Task
from skdeepopt.workers._surroundings import Surroundings

__all__ = ["Job", "Workers"]


@dataclass(frozen=True)
class Job:
    """What all tasks of a dispatcher have in common."""

    function: Callable[..., Any]
    data: tuple[Any, ...]
    timeout: float | None
    surroundings: Surroundings = field(default_factory=Surroundings.here)


class Workers(ABC):
    """Takes tasks, gives futures of their answers."""

    n_workers: int
    runs_at_once = False
    """Whether :meth:`submit` returns when the task is done."""

    @abstractmethod
    def submit(self, task: Task) -> Future[Answer]:
        """Future of what the task gives; it fails only where the worker does."""

    def wait(self, futures: set[Future[Answer]]) -> set[Future[Answer]]:
        """Those that are done, at least one."""
        first = concurrent.futures.FIRST_COMPLETED
        return set(concurrent.futures.wait(futures, return_when=first).done)

    def death(self, error: Exception) -> str | None:
        """How the worker ended, where that is what the error of a future says.

        Raises
        ------
        ConnectionError
            There are no workers any more.
        """
        return None

    def abandon(self, futures: set[Future[Answer]]) -> None:
        """Stop what nobody waits for any more, where it can be stopped."""
        for future in futures:
            future.cancel()

    @abstractmethod
    def close(self) -> None:
        """End the workers, or let go of what they hold."""
