"""Workers of a joblib backend that is not known here, a batch of tasks at a time."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from joblib import Parallel, delayed

from skdeepopt.workers._clusters import ClusterWorkers
from skdeepopt.workers._failure import Answer, first_line
from skdeepopt.workers._remote import run_shipped
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._workers import Job

__all__ = ["JoblibWorkers"]


class BackendError(Exception):
    """A backend that could not do a batch; the message says why."""


class JoblibWorkers(ClusterWorkers):
    """Tasks by ``joblib.Parallel``: all that are under way begin and end together.

    The package goes with each task, unless the backend knows better.
    """

    def __init__(self, job: Job, backend: Any, wanted: int | None) -> None:
        super().__init__(job, None)
        self._backend = backend
        self._n_jobs = -1 if wanted is None else wanted
        self._waiting: dict[Future[Answer], Any] = {}

    def wait(self, futures: set[Future[Answer]]) -> set[Future[Answer]]:
        """All of them, when the batch is done."""
        waiting, self._waiting = self._waiting, {}
        try:
            parallel = Parallel(n_jobs=self._n_jobs, pre_dispatch="all", batch_size=1)
            answers = parallel(waiting.values())
        except Exception as error:
            lost = BackendError(f"{type(self._backend).__name__} failed: {first_line(error)}")
            for future in waiting:
                future.set_exception(lost)
        else:
            for future, answer in zip(waiting, answers, strict=True):
                future.set_result(answer)
        return futures

    def death(self, error: Exception) -> str | None:
        return str(error) if isinstance(error, BackendError) else None

    def abandon(self, futures: set[Future[Answer]]) -> None:
        self._waiting.clear()

    def close(self) -> None:
        self._waiting.clear()

    def _counted(self) -> int:
        return int(self._backend.effective_n_jobs(self._n_jobs))

    def _ship(self, package: Package) -> Any:
        return package

    def _sent(self, arguments: bytes, options: dict[str, Any]) -> Future[Answer]:
        call = delayed(run_shipped)(
            self._shipped, arguments, self._job.surroundings, **options, owns_process=False
        )
        future: Future[Answer] = Future()
        self._waiting[future] = call
        return future
