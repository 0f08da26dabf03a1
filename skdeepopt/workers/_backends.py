"""The workers that joblib's settings ask for."""

from __future__ import annotations

import os
from typing import Any

import joblib
from joblib.parallel import (
    LokyBackend,
    MultiprocessingBackend,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
)

from skdeepopt.workers._local_workers import InlineWorkers, ProcessWorkers, ThreadWorkers
from skdeepopt.workers._workers import Job, Workers

__all__ = ["open_workers"]


def open_workers(job: Job, n_jobs: int | None) -> Workers:
    """The workers of joblib's active backend.

    Parameters
    ----------
    job : Job
    n_jobs : int or None
        As joblib counts: -1 is all, None what ``joblib.parallel_config`` says. Where that says
        nothing either, one here, and all of a cluster.

    Raises
    ------
    ValueError
        `n_jobs` is zero.
    """
    backend, configured = get_active_backend()
    wanted = configured if n_jobs is None else n_jobs
    if wanted == 0:
        raise ValueError("n_jobs is a number of workers, or -1 for all, not 0.")
    cluster = _cluster_workers(job, backend, wanted)
    return _local_workers(job, backend, _counted(wanted)) if cluster is None else cluster


def _cluster_workers(job: Job, backend: Any, wanted: int | None) -> Workers | None:
    # By name, since the class of a library that is not installed cannot be imported.
    name = type(backend).__name__
    if name == "DaskDistributedBackend":
        from skdeepopt.workers._dask_workers import DaskWorkers

        return DaskWorkers(job, backend, wanted)
    if name == "RayBackend":
        from skdeepopt.workers._ray_workers import RayWorkers

        return RayWorkers(job, backend, wanted)
    if not isinstance(backend, _LOCAL):
        from skdeepopt.workers._joblib_workers import JoblibWorkers

        return JoblibWorkers(job, backend, wanted)
    return None


def _local_workers(job: Job, backend: Any, n_workers: int) -> Workers:
    if n_workers == 1 or isinstance(backend, SequentialBackend):
        return InlineWorkers(job)
    if isinstance(backend, ThreadingBackend):
        return ThreadWorkers(job, n_workers)
    return ProcessWorkers(job, n_workers, _folder())


def _counted(wanted: int | None) -> int:
    if wanted is None:
        return 1
    return wanted if wanted > 0 else max(1, joblib.cpu_count() + 1 + wanted)


def _folder() -> str | None:
    """Where joblib is told to put its temporary files."""
    told = getattr(joblib.Parallel(n_jobs=1), "_backend_kwargs", {}).get("temp_folder")
    return told or os.environ.get("JOBLIB_TEMP_FOLDER")


_LOCAL = (SequentialBackend, ThreadingBackend, MultiprocessingBackend, LokyBackend)
