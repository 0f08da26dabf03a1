"""Workers of a ray cluster, as ``joblib.parallel_config("ray")`` names it."""

from __future__ import annotations

import contextlib
import importlib
from concurrent.futures import Future
from typing import Any

from skdeepopt.workers._clusters import ClusterWorkers, settle
from skdeepopt.workers._failure import Answer
from skdeepopt.workers._remote import run_shipped
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._workers import Job

__all__ = ["RayWorkers"]


class RayWorkers(ClusterWorkers):
    """Ray tasks, in place of the pool of actors that joblib's shim for ray makes.

    The pool deals tasks out in turn, however long they take, and never replaces an actor that
    died. The scheduler of tasks does better at both.
    """

    def __init__(self, job: Job, backend: Any, wanted: int | None) -> None:
        super().__init__(job, wanted)
        ray = _ray()
        if not ray.is_initialized():
            ray.init()
        options = {"num_cpus": 1, **(backend.ray_remote_args or {})}
        self._demand = {"CPU": options["num_cpus"], "GPU": options.get("num_gpus", 0)}
        self._demand |= options.get("resources") or {}
        # Another try is the dispatcher's affair: it knows which tasks are suspect.
        self._remote = ray.remote(run_shipped).options(**{**options, "max_retries": 0})
        self._references: dict[Future[Answer], Any] = {}

    def death(self, error: Exception) -> str | None:
        ray = _ray()
        if not ray.is_initialized():
            raise ConnectionError(
                "The ray cluster is gone. What is finished is kept where the search has a journal."
            ) from error
        exceptions = ray.exceptions
        if isinstance(error, exceptions.ObjectLostError):
            self._shipped = None
            return "the ray node that held its data is lost"
        if isinstance(error, exceptions.OutOfMemoryError):
            return "ray ended the process: its node was out of memory"
        if isinstance(error, exceptions.WorkerCrashedError | exceptions.NodeDiedError):
            return "the ray process that ran it ended"
        return None

    def abandon(self, futures: set[Future[Answer]]) -> None:
        super().abandon(futures)
        for future in futures:
            reference = self._references.pop(future, None)
            if reference is not None:
                with contextlib.suppress(Exception):
                    _ray().cancel(reference, force=True)

    def close(self) -> None:
        # ray frees what no reference stands for.
        self._shipped = None
        self._references.clear()

    def _counted(self) -> int:
        there = _ray().cluster_resources()
        rooms = [there.get(name, 0) / each for name, each in self._demand.items() if each]
        return int(min(rooms, default=1))

    def _ship(self, package: Package) -> Any:
        return _ray().put(package)

    def _sent(self, arguments: bytes, options: dict[str, Any]) -> Future[Answer]:
        reference = self._remote.remote(
            self._shipped, arguments, self._job.surroundings, **options, owns_process=True
        )
        future: Future[Answer] = Future()
        self._references[future] = reference
        reference.future().add_done_callback(lambda done: self._settle(future, done))
        return future

    def _settle(self, future: Future[Answer], done: Future[Any]) -> None:
        self._references.pop(future, None)
        error = done.exception()
        settle(future, None if error else done.result(), error)


def _ray() -> Any:
    return importlib.import_module("ray")
