"""Child processes that tasks run in where they must be killable."""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from skdeepopt.workers._child import IDLE_SECONDS
from skdeepopt.workers._failure import TIMEOUT, WORKER_DIED, Answer, Failure, failure_of
from skdeepopt.workers._frames import read_frame, write_frame
from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._surroundings import Surroundings

__all__ = ["Children", "Shipment", "end_idle_children"]


_PROMPT_SECONDS = 10.0
"""In which a child that has nothing to do answers."""


class Shipment:
    """What a child is given before it can answer.

    Parameters
    ----------
    token : str
        Of the package.
    source : Package or Path
        The package, or a file of this machine that holds it.
    surroundings : Surroundings
    environment : mapping of str to str
        Variables that the child starts with, over those of this process.
    """

    def __init__(
        self,
        token: str,
        source: Package | Path,
        surroundings: Surroundings,
        environment: Mapping[str, str],
    ) -> None:
        self.token = token
        self.source = source
        self.surroundings = surroundings
        self.environment = dict(environment)


class Children:
    """Children that serve one shipment, as many as are asked at the same time.

    They start when they are first needed, and when they are idle another shipment can have them.
    """

    def __init__(self, shipment: Shipment) -> None:
        self._shipment = shipment
        self._busy: set[_Child] = set()
        self._guard = threading.Lock()
        self._is_closed = False

    def call(self, arguments: tuple[Any, ...], timeout: float | None) -> Answer:
        """Answer of a child, or why there is none.

        Parameters
        ----------
        arguments : tuple
            They follow the data.
        timeout : float or None
            Seconds from when the child has the data.
        """
        try:
            request = pickled(arguments)
        except Exception as error:
            return Answer(None, failure_of(error), 0.0)
        child: _Child | None = None
        try:
            child = self._borrowed()
            loaded = child.load(self._shipment)
            return loaded if loaded.failure else child.call(request, timeout)
        except ChildDiedError as death:
            return Answer(None, Failure(WORKER_DIED, str(death)), 0.0)
        finally:
            if child is not None:
                self._give_back(child)

    def kill(self) -> None:
        """End those that are at work."""
        with self._guard:
            for child in self._busy:
                child.kill()

    def close(self) -> None:
        """End those at work; those that are idle let the data go and wait for others."""
        self._is_closed = True
        self.kill()
        _nursery.forget(self._shipment.token)

    def _borrowed(self) -> _Child:
        child = _nursery.borrow(self._shipment)
        with self._guard:
            self._busy.add(child)
            if self._is_closed:
                child.kill()
        return child

    def _give_back(self, child: _Child) -> None:
        with self._guard:
            self._busy.discard(child)
        _nursery.give_back(child)


class ChildDiedError(Exception):
    """A child ended without an answer; the message says how."""


class _Child:
    """One child process, asked one thing at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.token: str | None = None
        self.idle_since = time.monotonic()
        self.was_killed = False
        self._is_late = False
        self._question = 0
        self._guard = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _started(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            # Ctrl-C is the parent's affair; what the child starts can be killed with it.
            start_new_session=True,
        )
        try:
            self._read()
        except BaseException:
            self.end()
            raise

    def load(self, shipment: Shipment) -> Answer:
        """Have the function and its data there; without a limit, for it may have to import much."""
        if self.token == shipment.token:
            return Answer(None, None, 0.0)
        self.token = None
        reply = self._ask(("load", None, shipment.source, shipment.surroundings), None)
        if reply.failure is None:
            self.token = shipment.token
        return reply

    def call(self, arguments: bytes, timeout: float | None) -> Answer:
        """Answer to the arguments, or a failure where it takes longer than `timeout` seconds."""
        begin = time.perf_counter()
        try:
            return self._ask(("call", timeout, arguments), timeout)
        except ChildDiedError:
            if not self._is_late:
                raise
        failure = Failure(TIMEOUT, f"no answer within {timeout:g} s")
        return Answer(None, failure, time.perf_counter() - begin)

    def forget(self) -> None:
        """Let the data go."""
        self.token = None
        with contextlib.suppress(ChildDiedError):
            self._ask(("forget", None), _PROMPT_SECONDS)

    def is_fresh(self) -> bool:
        """Whether it lives, and will not end just now for lack of work."""
        idle = time.monotonic() - self.idle_since
        return self.process.poll() is None and idle < IDLE_SECONDS / 2

    def kill(self) -> None:
        """End it and what it has started, whatever they do."""
        self.was_killed = True
        if self.process.poll() is None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def end(self) -> None:
        """Kill it and clear away what is left."""
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                _there(pipe).close()

    def disown(self) -> None:
        """After a fork: the child is the parent's, and no longer known here."""
        self.process.returncode = 0

    def _ask(self, request: tuple[Any, ...], timeout: float | None) -> Answer:
        try:
            with self._limited(timeout):
                with contextlib.suppress(OSError):
                    write_frame(_there(self.process.stdin), pickled(request))
                reply = self._read()
        except BaseException:
            self.kill()  # else its answer would be taken for that to the next request
            raise
        # The child is this process's own.
        return pickle.loads(reply)  # noqa: S301

    @contextlib.contextmanager
    def _limited(self, timeout: float | None) -> Iterator[None]:
        """Kill the child when this takes longer than `timeout` seconds."""
        if timeout is None:
            yield
            return
        self._is_late = False
        self._question += 1
        timer = threading.Timer(timeout, self._late, (self._question,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._guard:
                self._question += 1

    def _late(self, number: int) -> None:
        with self._guard:
            # A timer that went off as the answer came must not kill what is asked next.
            if self._question == number:
                self._is_late = True
                self.kill()

    def _read(self) -> bytes:
        reply = read_frame(_there(self.process.stdout))
        if reply is None:
            raise ChildDiedError(_told_end(self.process))
        return reply


class _Nursery:
    """Idle children of this process, kept for the next task or search."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._guard = threading.Lock()

    def borrow(self, shipment: Shipment) -> _Child:
        """An idle child with that environment, if possible one that has the data, or a new one."""
        while (child := self._taken(shipment)) is not None:
            if child.is_fresh():
                return child
            child.end()
        return _Child(shipment.environment)

    def give_back(self, child: _Child) -> None:
        """Keep a child for later, where it lives."""
        child.idle_since = time.monotonic()
        if child.process.poll() is None and not child.was_killed:
            with self._guard:
                self._idle.append(child)
        else:
            child.end()

    def forget(self, token: str) -> None:
        """Have the idle children let a package go."""
        with self._guard:
            holders = [child for child in self._idle if child.token == token]
            for child in holders:
                child.forget()

    def end(self) -> None:
        """End all idle children."""
        with self._guard:
            while self._idle:
                self._idle.pop().end()

    def disown(self) -> None:
        """In a forked process: its pipes are the parent's."""
        self._guard = threading.Lock()
        for child in self._idle:
            child.disown()
        self._idle.clear()

    def _taken(self, shipment: Shipment) -> _Child | None:
        with self._guard:
            fitting = [c for c in self._idle if c.environment == shipment.environment]
            if not fitting:
                return None
            # The last is the one that waited least.
            child = max(reversed(fitting), key=lambda c: c.token == shipment.token)
            self._idle.remove(child)
            return child


_nursery = _Nursery()
atexit.register(_nursery.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_nursery.disown)


def end_idle_children() -> None:
    """End the child processes of this one that wait for work."""
    _nursery.end()


def _started(path: list[str]) -> str:
    # Not by "-m": the module would be a second one, under another name than the pickles know.
    return f"import sys; sys.path[:] = {path!r}; from skdeepopt.workers._child import main; main()"


def _told_end(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return "the process closed its pipe"
    if code >= 0:
        return f"the process ended with code {code}"
    hint = " (out of memory?)" if code == -9 else ""
    return f"the process ended by signal {-code}{hint}"


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
