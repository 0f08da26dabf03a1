"""What a search asks its workers to do, and what comes back: a value or a named failure."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "EXCEPTION",
    "NOT_FINITE",
    "OUT_OF_MEMORY",
    "TIMEOUT",
    "WORKER_DIED",
    "Answer",
    "Failure",
    "Outcome",
    "Task",
    "answer",
    "failure_of",
    "first_line",
]

EXCEPTION = "exception"
NOT_FINITE = "not finite"
OUT_OF_MEMORY = "out of memory"
TIMEOUT = "timeout"
WORKER_DIED = "worker died"

_OUT_OF_MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "unable to allocate",
)
_NOT_FINITE_TEXTS = ("contains nan", "contains infinity", "contain nan", "contain infinity")


@dataclass(frozen=True)
class Failure:
    """Why a task has no value.

    Parameters
    ----------
    kind : {"exception", "not finite", "out of memory", "timeout", "worker died"}
    reason : str
        One line for a user.
    traceback : str, default=""
        Where it happened, in the process that ran the task.
    """

    kind: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class Task:
    """One call of a dispatcher's function.

    Parameters
    ----------
    key : str
        Names the task in its outcome.
    arguments : tuple
        They follow the dispatcher's data.
    isolated : bool, default=False
        Run in a child process of its own whatever the timeout, so that it can kill nothing else.
    """

    key: str
    arguments: tuple[Any, ...]
    isolated: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a task: a value, or a failure and None.

    Parameters
    ----------
    key : str
        Of the task.
    value : object
    failure : Failure or None
    seconds : float
        In the function, without waiting and shipping.
    """

    key: str
    value: Any
    failure: Failure | None
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What a worker sends back: an outcome that does not know its key."""

    value: Any
    failure: Failure | None
    seconds: float


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """Value of a call, or the failure that its exception is; an interrupt passes."""
    begin = time.perf_counter()
    value, failure = None, None
    try:
        value = function(*arguments)
    except (Exception, SystemExit) as error:
        failure = failure_of(error)
    return Answer(value, failure, time.perf_counter() - begin)


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception is.

    Examples
    --------
    >>> failure_of(ValueError("no such layer")).reason
    'ValueError: no such layer'
    >>> failure_of(RuntimeError("DefaultCPUAllocator: can't allocate memory")).kind
    'out of memory'
    """
    told = "".join(traceback.format_exception(error))
    return Failure(_kind(error), first_line(error), told)


def first_line(error: BaseException) -> str:
    """Name of an exception, and the first line of what it says."""
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0].rstrip()}" if lines else name


def _kind(error: BaseException) -> str:
    text = str(error).lower()
    if isinstance(error, MemoryError) or _is_torch_out_of_memory(error, text):
        return OUT_OF_MEMORY
    if isinstance(error, FloatingPointError):
        return NOT_FINITE
    if isinstance(error, ValueError) and any(part in text for part in _NOT_FINITE_TEXTS):
        return NOT_FINITE
    return EXCEPTION


def _is_torch_out_of_memory(error: BaseException, text: str) -> bool:
    # On a CPU torch raises a plain RuntimeError; only its words tell.
    return isinstance(error, RuntimeError) and any(part in text for part in _OUT_OF_MEMORY_TEXTS)
