"""Calls of one function spread over workers, with an outcome for each, whatever happens to it."""

from __future__ import annotations

import math
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from skdeepopt.workers._backends import open_workers
from skdeepopt.workers._failure import WORKER_DIED, Answer, Failure, Outcome, Task, failure_of
from skdeepopt.workers._workers import Job, Workers

__all__ = ["Dispatcher"]

_MOST_LOSSES = 20
"""Workers that may die under a task without its fault, before it is given up."""


class Dispatcher:
    """Calls of ``function(*data, *task.arguments)`` on the workers of joblib's active backend.

    Parameters
    ----------
    function : callable
        Of a module, of ``__main__`` or of a notebook. It leaves `data` as it is.
    data : tuple
        First arguments of every call, shipped to a worker once.
    n_jobs : int or None
        Workers, as joblib counts them. None is what ``joblib.parallel_config`` says; without it
        one, or all of a cluster.
    timeout : float or None
        Seconds that a call may take. It then runs in a child process of the worker, which is
        killed when it is late, whatever it does.
    retries : int, default=2
        How often a task is tried again whose worker died, each time in a process of its own.
    pre_dispatch : int or str, default="n_jobs"
        Tasks under way at most: a number, ``"n_jobs"``, or a multiple such as ``"2*n_jobs"``. More
        than the workers keeps those of a distant cluster from waiting for their next task, but
        tasks are then read before the outcomes they might depend on.

    Notes
    -----
    One worker runs in this process; threads where joblib is set to threads; else processes, here
    (joblib's "loky" and "multiprocessing"), on dask or on ray. The values do not depend on it. A
    task that raises, hangs, or kills its process fails alone; the others never know.

    Examples
    --------
    >>> tasks = [Task("a", (1,)), Task("b", ("one",))]
    >>> with Dispatcher(lambda ten, x: ten + x, (10,), n_jobs=None, timeout=None) as dispatcher:
    ...     for outcome in dispatcher.run(tasks):
    ...         print(outcome.key, outcome.value, outcome.failure and outcome.failure.reason)
    a 11 None
    b None TypeError: unsupported operand type(s) for +: 'int' and 'str'
    """

    def __init__(
        self,
        function: Callable[..., Any],
        data: tuple[Any, ...],
        *,
        n_jobs: int | None,
        timeout: float | None,
        retries: int = 2,
        pre_dispatch: str | int = "n_jobs",
    ) -> None:
        _check_pre_dispatch(pre_dispatch)
        self._retries = retries
        self._workers: Workers = open_workers(Job(function, tuple(data), timeout), n_jobs)
        self._pre_dispatch = pre_dispatch

    @property
    def n_workers(self) -> int:
        """Tasks that run at the same time."""
        return self._workers.n_workers

    def run(self, tasks: Iterable[Task | None]) -> Iterator[Outcome]:
        """Outcomes as they come.

        Parameters
        ----------
        tasks : iterable of Task or None
            Read lazily and in this thread, no further ahead than `pre_dispatch` says, so that the
            next task may depend on the outcomes yielded before. None says that the next task
            waits for another outcome: it is asked for after that.

        Yields
        ------
        outcome : Outcome
            In the order in which they finish. Who stops early leaves the others unfinished.

        Raises
        ------
        KeyboardInterrupt
            As it came; what is under way is stopped where it can be.
        RuntimeError
            The tasks wait for an outcome and none is under way.
        ConnectionError
            The cluster is gone.
        """
        flight: dict[Future[Answer], _Attempt] = {}
        queue = _Queue(tasks)
        try:
            self._fill(flight, queue)
            while flight:
                for future in self._workers.wait(set(flight)):
                    attempt = flight.pop(future)
                    outcome = self._settled(attempt, future, queue)
                    if outcome is not None:
                        yield outcome
                    # Whoever is free works on, however long the other outcomes of this round take.
                    self._fill(flight, queue)
        finally:
            self._workers.abandon(set(flight))

    def close(self) -> None:
        """End the workers, or let go of what was shipped to them."""
        self._workers.close()

    def __enter__(self) -> Dispatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self, flight: dict[Future[Answer], _Attempt], queue: _Queue) -> None:
        workers = self._workers
        most = 1 if workers.runs_at_once else _capacity(self._pre_dispatch, workers.n_workers)
        while len(flight) < most:
            attempt = queue.next(may_wait=bool(flight))
            if attempt is None:
                return
            flight[workers.submit(attempt.task)] = attempt

    def _settled(self, attempt: _Attempt, future: Future[Answer], queue: _Queue) -> Outcome | None:
        """The outcome, or None where the task was put back into the queue."""
        answer, is_lost = self._answer(future)
        failure = answer.failure
        if failure is not None and failure.kind == WORKER_DIED:
            following = attempt.following(is_lost=is_lost)
            if following.deaths <= self._retries and following.losses <= _MOST_LOSSES:
                queue.again.append(following)
                return None
        return Outcome(attempt.task.key, answer.value, failure, answer.seconds)

    def _answer(self, future: Future[Answer]) -> tuple[Answer, bool]:
        """What a worker answered, and whether the worker itself is lost."""
        error = future.exception()
        if error is None:
            return future.result(), False
        if not isinstance(error, Exception):
            raise error
        reason = self._workers.death(error)
        if reason is None:
            return Answer(None, failure_of(error), 0.0), False
        return Answer(None, Failure(WORKER_DIED, reason), 0.0), True


@dataclass(frozen=True)
class _Attempt:
    """A task, and what became of the workers that had it before."""

    task: Task
    deaths: int = 0
    losses: int = 0

    def following(self, *, is_lost: bool) -> _Attempt:
        task = replace(self.task, isolated=True)
        if is_lost and self.task.isolated:
            # Its own process shielded the worker from it: something else killed that.
            return _Attempt(task, self.deaths, self.losses + 1)
        return _Attempt(task, self.deaths + 1, self.losses)


class _Queue:
    """Tasks to try again, then those that come."""

    def __init__(self, tasks: Iterable[Task | None]) -> None:
        self.again: deque[_Attempt] = deque()
        self._tasks = iter(tasks)
        self._is_empty = False

    def next(self, *, may_wait: bool) -> _Attempt | None:
        """The next attempt; None where there is none, or none yet."""
        if self.again:
            return self.again.popleft()
        if self._is_empty:
            return None
        try:
            task = next(self._tasks)
        except StopIteration:
            self._is_empty = True
            return None
        if task is None and not may_wait:
            raise RuntimeError("The tasks wait for an outcome, but none is under way.")
        return None if task is None else _Attempt(task)


_MULTIPLE = re.compile(r"\s*(?:(\d+(?:\.\d+)?)\s*\*\s*)?n_jobs\s*")


def _capacity(pre_dispatch: str | int, n_workers: int) -> int:
    """Tasks under way at most."""
    text = str(pre_dispatch)
    if text == "all":
        return sys.maxsize
    match = _MULTIPLE.fullmatch(text)
    return max(1, math.floor(float(match[1] or 1) * n_workers)) if match else int(text)


def _check_pre_dispatch(pre_dispatch: str | int) -> None:
    text = str(pre_dispatch)
    if text == "all" or _MULTIPLE.fullmatch(text) or (text.isdecimal() and int(text) > 0):
        return
    raise ValueError(
        "pre_dispatch is a positive integer, 'n_jobs', a multiple such as '2*n_jobs', or 'all', "
        f"not {pre_dispatch!r}."
    )
