"""What workers on a cluster of any kind have in common."""

from __future__ import annotations

import time
from abc import abstractmethod
from concurrent.futures import Future, InvalidStateError
from typing import Any

from skdeepopt.workers._failure import Answer, Task
from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._workers import Job, Workers

__all__ = ["ClusterWorkers", "settle"]

_COUNT_SECONDS = 5.0
"""How long the number of workers is believed: clusters grow and shrink while they work."""


class ClusterWorkers(Workers):
    """Workers elsewhere, to which the package is shipped once.

    Parameters
    ----------
    job : Job
    wanted : int or None
        Tasks at the same time at most; None and negative numbers are as many as there is room for.
    """

    def __init__(self, job: Job, wanted: int | None) -> None:
        self._job = job
        self._wanted = wanted if wanted is not None and wanted > 0 else None
        self._package = Package.of(job.function, job.data)
        self._shipped: Any = None
        self._count = 1
        self._counted_at = -_COUNT_SECONDS

    @property
    def n_workers(self) -> int:  # type: ignore[override]
        """Tasks that run at the same time, as the cluster is now."""
        if time.monotonic() - self._counted_at >= _COUNT_SECONDS:
            self._count = max(1, self._counted())
            self._counted_at = time.monotonic()
        return self._count if self._wanted is None else min(self._count, self._wanted)

    def submit(self, task: Task) -> Future[Answer]:
        """Future of what the task gives; the package goes to the cluster before the first."""
        if self._shipped is None:
            self._shipped = self._ship(self._package)
        options = {"timeout": self._job.timeout, "isolated": task.isolated}
        return self._sent(pickled(task.arguments), options)

    @abstractmethod
    def _counted(self) -> int:
        """Tasks that the cluster can run at the same time."""

    @abstractmethod
    def _ship(self, package: Package) -> Any:
        """What stands for the package on the cluster."""

    @abstractmethod
    def _sent(self, arguments: bytes, options: dict[str, Any]) -> Future[Answer]:
        """Future of ``run_shipped`` on a worker."""


def settle(future: Future[Answer], value: Any, error: BaseException | None) -> None:
    """Give a future its value or error, unless it was given up meanwhile."""
    try:
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
    except InvalidStateError:
        return
