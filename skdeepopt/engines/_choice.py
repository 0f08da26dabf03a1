"""Which engines there are, and which of several is the fastest."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Sequence

import numpy as np

from skdeepopt._validation import did_you_mean
from skdeepopt.engines._protocol import Engine

__all__ = ["ENGINES", "check_engine", "fastest", "installed_engines"]

ENGINES = ("onnxruntime", "openvino", "torch")
"""Every engine by name, installed or not."""

_SECONDS = 0.2
_FEWEST_ROUNDS = 3
_MOST_ROUNDS = 25


def installed_engines() -> tuple[str, ...]:
    """Names of the engines that can run here, in the order of ``ENGINES``."""
    return tuple(name for name in ENGINES if importlib.util.find_spec(name) is not None)


def check_engine(name: object, *, owner: str) -> None:
    """Check that an engine exists and is installed.

    Parameters
    ----------
    name : str
        One of ``ENGINES``.
    owner : str
        Parameter that it came in, such as ``"QuantizedEstimator.engine"``; opens every message.

    Raises
    ------
    TypeError, ValueError
        There is no such engine.
    ImportError
        It is not installed; the message has the line that installs it.
    """
    if not isinstance(name, str) or name not in ENGINES:
        error = ValueError if isinstance(name, str) else TypeError
        listed = ", ".join(repr(engine) for engine in ENGINES)
        raise error(f"{owner} is one of {listed}, not {name!r}.{did_you_mean(name, ENGINES)}")
    if name not in installed_engines():
        present = " or ".join(repr(engine) for engine in installed_engines())
        raise ImportError(
            f"{owner} is {name!r}, which is not installed. Install it with: pip install "
            f'"skdeepopt[{name}]". Did you mean {present}?'
        )


def fastest(engines: Sequence[Engine], inputs: np.ndarray) -> Engine:
    """Engine that answers these inputs soonest.

    The engines run in turns, so that a busy moment slows all of them, for about a fifth of a
    second and 3 rounds at least. The median counts.

    Parameters
    ----------
    engines : sequence of engines
        One or more. A single one is not timed.
    inputs : ndarray of shape (n_samples, ...)
        A batch of the size that matters.

    Returns
    -------
    engine : Engine
        One of `engines`.

    Raises
    ------
    ValueError
        There are no engines, or none of them can run the inputs.

    Warns
    -----
    RuntimeWarning
        An engine cannot run the inputs; the others are compared.
    """
    if len(engines) < 2:
        if not engines:
            raise ValueError("fastest.engines is one engine or more, not none.")
        return engines[0]
    able = _able(engines, inputs)
    return able[int(np.argmin(_medians(able, inputs)))] if len(able) > 1 else able[0]


def _able(engines: Sequence[Engine], inputs: np.ndarray) -> list[Engine]:
    """Engines that answer; their first call, which opens a session, is over then."""
    able, failures = [], []
    for engine in engines:
        try:
            engine.run(inputs)
            able.append(engine)
        except Exception as error:
            failures.append(f"{engine.name} cannot run this model: {error}")
    if not able:
        raise ValueError(" ".join(failures))
    for failure in failures:
        warnings.warn(failure, RuntimeWarning, stacklevel=3)
    return able


def _medians(engines: Sequence[Engine], inputs: np.ndarray) -> list[float]:
    seconds: list[list[float]] = [[] for _ in engines]
    deadline = time.perf_counter() + _SECONDS
    for turn in range(_MOST_ROUNDS):
        if turn >= _FEWEST_ROUNDS and time.perf_counter() > deadline:
            break
        for engine, taken in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine.run(inputs)
            taken.append(time.perf_counter() - start)
    return [float(np.median(taken)) for taken in seconds]
