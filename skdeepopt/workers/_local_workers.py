"""Workers of this machine: this thread, threads, and processes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from skdeepopt.workers._failure import Answer, Task, answer
from skdeepopt.workers._isolation import Children, Shipment
from skdeepopt.workers._shipping import Package, PackageFile
from skdeepopt.workers._workers import Job, Workers

__all__ = ["InlineWorkers", "ProcessWorkers", "ThreadWorkers", "thread_limits"]

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class LocalChildren:
    """Child processes of this one for a job; nothing is packed before the first task needs one.

    Parameters
    ----------
    job : Job
    folder : str or None, default=None
        For the package; see ``PackageFile``.
    """

    def __init__(self, job: Job, folder: str | None = None) -> None:
        self._job = job
        self._environment = thread_limits(job.surroundings.n_threads)
        self._folder = folder
        self._file: PackageFile | None = None
        self._children: Children | None = None

    def open(self) -> Children:
        """The children, with the package in a file that they share."""
        if self._children is None:
            package = Package.of(self._job.function, self._job.data)
            self._file = PackageFile(package, self._folder)
            self._children = Children(
                Shipment(package.token, self._file.path, self._job.surroundings, self._environment)
            )
        return self._children

    def kill(self) -> None:
        """End the children at work."""
        if self._children is not None:
            self._children.kill()

    def close(self) -> None:
        """Let the children go, and the file with them."""
        if self._children is not None:
            self._children.close()
        if self._file is not None:
            self._file.close()


class InlineWorkers(Workers):
    """One worker, this thread; a child process where a task may have to be killed."""

    n_workers = 1
    runs_at_once = True

    def __init__(self, job: Job) -> None:
        self._job = job
        self._children = LocalChildren(job)

    def submit(self, task: Task) -> Future[Answer]:
        """A future that is done."""
        future: Future[Answer] = Future()
        try:
            future.set_result(self._run(task))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        self._children.close()

    def _run(self, task: Task) -> Answer:
        if task.isolated or self._job.timeout is not None:
            return self._children.open().call(task.arguments, self._job.timeout)
        with self._job.surroundings.threads_held():
            return answer(self._job.function, (*self._job.data, *task.arguments))


class ThreadWorkers(Workers):
    """Threads of this process; children of it where a task may have to be killed."""

    def __init__(self, job: Job, n_workers: int) -> None:
        self.n_workers = n_workers
        self._job = job
        self._children = LocalChildren(job)
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="skdeepopt-search")

    def submit(self, task: Task) -> Future[Answer]:
        if task.isolated or self._job.timeout is not None:
            children = self._children.open()
            return self._threads.submit(children.call, task.arguments, self._job.timeout)
        return self._threads.submit(_in_thread, self._job, task)

    def abandon(self, futures: set[Future[Answer]]) -> None:
        super().abandon(futures)
        self._children.kill()

    def close(self) -> None:
        # A thread cannot be stopped: what it is at ends first.
        self._threads.shutdown(cancel_futures=True)
        self._children.close()


class ProcessWorkers(Workers):
    """Processes of this machine, each asked by a thread of this one.

    Parameters
    ----------
    job : Job
    n_workers : int
    folder : str or None
        For the package; see ``PackageFile``.
    """

    def __init__(self, job: Job, n_workers: int, folder: str | None) -> None:
        self.n_workers = n_workers
        self._timeout = job.timeout
        self._children = LocalChildren(job, folder)
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="skdeepopt-search")

    def submit(self, task: Task) -> Future[Answer]:
        children = self._children.open()
        return self._threads.submit(children.call, task.arguments, self._timeout)

    def abandon(self, futures: set[Future[Answer]]) -> None:
        super().abandon(futures)
        if futures:
            self._children.kill()

    def close(self) -> None:
        self._children.kill()
        self._threads.shutdown(cancel_futures=True)
        self._children.close()


def thread_limits(n_threads: int) -> dict[str, str]:
    """Environment of a process whose numerical libraries use so many threads.

    Examples
    --------
    >>> thread_limits(1)["OMP_NUM_THREADS"]
    '1'
    """
    return dict.fromkeys(_THREAD_VARIABLES, str(n_threads))


def _in_thread(job: Job, task: Task) -> Answer:
    with job.surroundings.taken_over(owns_process=False):
        return answer(job.function, (*job.data, *task.arguments))
