"""The process in which tasks run that can be killed: it answers, until nobody asks any more.

It reads requests from its standard input and answers on its standard output; what tasks print goes
to the standard error. It ends when its parent does, or when it was not asked for a while.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import queue
import sys
import threading
from pathlib import Path
from typing import IO, Any

from skdeepopt.workers._failure import Answer, answer, failure_of
from skdeepopt.workers._frames import read_frame, write_frame
from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import read_package
from skdeepopt.workers._surroundings import Surroundings

__all__ = ["IDLE_SECONDS", "main"]

IDLE_SECONDS = 300.0
"""As long as joblib's own workers wait for work."""

_GRACE_SECONDS = 10.0


class _Job:
    """What was loaded last: a function, its data, and the settings to run it with."""

    function: Any = None
    data: tuple[Any, ...] = ()
    surroundings: Surroundings | None = None

    def load(self, source: Any, surroundings: Surroundings) -> Answer:
        """Unpack a package or the file of one; its failure is an answer too."""
        self.function, self.data, self.surroundings = None, (), surroundings
        loaded = answer(_unpack, (source,))
        if loaded.failure is None:
            self.function, self.data = loaded.value
        return Answer(None, loaded.failure, loaded.seconds)

    def call(self, arguments: bytes) -> Answer:
        """Run the function; whatever it raises is a failure."""
        if self.surroundings is None:
            raise RuntimeError("A child was asked to call before it was given a function.")
        try:
            with self.surroundings.taken_over(owns_process=True):
                given = pickle.loads(arguments)  # noqa: S301, from the parent's own pipe
                return answer(self.function, (*self.data, *given))
        except BaseException as error:
            return Answer(None, failure_of(error), 0.0)

    def forget(self) -> Answer:
        """Let the data go."""
        self.function, self.data, self.surroundings = None, (), None
        return Answer(None, None, 0.0)


def main() -> None:
    """Answer requests until there are no more."""
    inbox, outbox = _own_pipes()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox, requests), daemon=True).start()
    job = _Job()
    write_frame(outbox, b"ready")
    with contextlib.suppress(queue.Empty, OSError):
        while True:
            name, limit, *rest = pickle.loads(requests.get(timeout=IDLE_SECONDS))  # noqa: S301
            with _ended_when_late(limit):
                reply = getattr(job, name)(*rest)
            write_frame(outbox, _pickled(reply))
    _end()


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The two pipes of the parent, out of reach of what tasks print and read."""
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return inbox, outbox


def _listen(inbox: IO[bytes], requests: queue.SimpleQueue[bytes]) -> None:
    # In a thread of its own, so that a task under way does not outlive the parent.
    while (frame := read_frame(inbox)) is not None:
        requests.put(frame)
    _end()


@contextlib.contextmanager
def _ended_when_late(limit: float | None) -> Any:
    """End the process some time after its limit, should the parent be gone that would kill it.

    The watchdog is no Python thread: it ends a call that never gives the interpreter back.
    """
    if limit is None:
        yield
        return
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(limit + _GRACE_SECONDS, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _pickled(reply: Answer) -> bytes:
    try:
        return pickled(reply)
    except Exception as error:
        return pickled(Answer(None, failure_of(error), reply.seconds))


def _unpack(source: Any) -> tuple[Any, tuple[Any, ...]]:
    package = read_package(source) if isinstance(source, Path) else source
    return package.unpack()


def _end() -> None:
    with contextlib.suppress(Exception):
        sys.stderr.flush()
    os._exit(0)
