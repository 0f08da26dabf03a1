"""Workers of a dask cluster, as ``joblib.parallel_config("dask")`` names it."""

from __future__ import annotations

import contextlib
from concurrent.futures import CancelledError, Future
from typing import Any

from skdeepopt.workers._clusters import ClusterWorkers, settle
from skdeepopt.workers._failure import Answer
from skdeepopt.workers._remote import run_shipped
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._workers import Job

__all__ = ["DaskWorkers"]


class DaskWorkers(ClusterWorkers):
    """Tasks on the client of a joblib backend.

    dask itself tries a task again whose worker died, and gives it up after some workers
    (``distributed.scheduler.allowed-failures``).
    """

    def __init__(self, job: Job, backend: Any, wanted: int | None) -> None:
        super().__init__(job, wanted)
        self._client = backend.client
        self._options = dict(backend.submit_kwargs)
        self._sent_futures: dict[Future[Answer], Any] = {}
        backend.effective_n_jobs(-1)  # waits for the first worker, as long as joblib is told
        self._owns_process = all(n == 1 for n in self._client.ncores().values())

    def death(self, error: Exception) -> str | None:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        if not isinstance(error, KilledWorker | CancelledError | CommClosedError):
            return None
        if self._client.status != "running":
            raise ConnectionError(
                "The dask cluster is gone. What is finished is kept where the search has a journal."
            ) from error
        if self._shipped is not None and self._shipped.status not in ("finished", "pending"):
            self._shipped = None  # to be sent again
        if isinstance(error, KilledWorker):
            return f"{error.allowed_failures + 1} dask workers ended while they ran it"
        return "the dask worker that ran it is lost"

    def abandon(self, futures: set[Future[Answer]]) -> None:
        super().abandon(futures)
        for future in futures:
            sent = self._sent_futures.pop(future, None)
            if sent is not None:
                sent.cancel()

    def close(self) -> None:
        # dask frees what no future stands for.
        self._shipped = None
        self._sent_futures.clear()

    def _counted(self) -> int:
        return sum(self._client.ncores().values())

    def _ship(self, package: Package) -> Any:
        # A task that returns it, and not scattered data: where its workers are lost, dask makes it
        # again, while what waits for lost scattered data waits for ever.
        shipped = self._submitted(_itself, package)
        with contextlib.suppress(OSError):
            # In a tree; a worker that this leaves out gets it from another when it needs it.
            self._client.replicate([shipped])
        return shipped

    def _sent(self, arguments: bytes, options: dict[str, Any]) -> Future[Answer]:
        settings = {**options, "owns_process": self._owns_process, **self._options}
        sent = self._submitted(
            run_shipped, self._shipped, arguments, self._job.surroundings, **settings
        )
        future: Future[Answer] = Future()
        self._sent_futures[future] = sent
        sent.add_done_callback(lambda done: self._settle(future, done))
        return future

    def _submitted(self, function: Any, *arguments: Any, **options: Any) -> Any:
        import dask

        # dask warns of large arguments; what is large here, has to get there.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1PiB"}):
            return self._client.submit(function, *arguments, pure=False, **options)

    def _settle(self, future: Future[Answer], sent: Any) -> None:
        value, error = None, None
        try:
            value = sent.result()
        except BaseException as raised:
            error = raised
        self._sent_futures.pop(future, None)
        settle(future, value, error)


def _itself(package: Package) -> Package:
    return package
