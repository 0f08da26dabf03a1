"""An engine whose state is a model's bytes, opened in each process that uses it."""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from skdeepopt._validation import check_integer
from skdeepopt.engines._inputs import as_input, batch_size_for

__all__ = ["BytesEngine", "Opened"]

_OPENING = threading.Lock()

_OPEN: weakref.WeakSet[Opened] = weakref.WeakSet()
_LEFT_BEHIND: list[Opened] = []
"""What this process inherited in a fork: without its threads, a runtime hangs when it closes."""


def _leave_behind() -> None:
    _LEFT_BEHIND.extend(_OPEN)
    # Another thread of the parent may have held it.
    _OPENING._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)


class Opened:
    """A model that a runtime has loaded in this process.

    Parameters
    ----------
    call : callable
        Takes a contiguous array of `dtype`, and may be called by several threads at once.
    sample_shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], np.ndarray],
        sample_shape: tuple[int, ...],
        dtype: np.dtype,
    ) -> None:
        self.call = call
        self.sample_shape = sample_shape
        self.dtype = dtype
        self.batch_size = batch_size_for(sample_shape)
        self.process = os.getpid()


class BytesEngine(ABC):
    """Opens its model on first use, once in a process; pickles and copies as bytes."""

    name: ClassVar[str]

    def __init__(self, model: bytes, *, threads: int | None = None) -> None:
        owner = type(self).__name__
        if not isinstance(model, bytes):
            slip = (
                " Did you mean Path(model).read_bytes()?" if isinstance(model, str | Path) else ""
            )
            raise TypeError(
                f"{owner}.model is the bytes of an ONNX model, not {type(model).__name__}.{slip}"
            )
        self.model = model
        self.threads = None if threads is None else check_integer(self, "threads", value=threads)
        self._opened: Opened | None = None

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the network.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, ...)
            Samples as the model takes them; of any number type. They are not checked for NaN.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs), float32

        Raises
        ------
        ValueError
            Samples of another shape, or numbers that the model's integer type does not hold; or
            the model is damaged.
        """
        opened = self._opened
        if opened is None or opened.process != os.getpid():
            opened = self._open_once()
        inputs = as_input(inputs, opened.dtype, type(self).__name__)
        if inputs.shape[1:] != opened.sample_shape or inputs.ndim == 0:
            raise ValueError(
                f"{type(self).__name__}.run takes samples of shape {opened.sample_shape} for this "
                f"model, not an array of shape {inputs.shape}."
                f"{_batch_of_one(inputs.shape, opened.sample_shape)}"
            )
        if 0 < len(inputs) <= opened.batch_size:
            return opened.call(inputs)
        return _in_batches(opened, inputs)

    @abstractmethod
    def _open(self) -> Opened:
        """Load the model into the runtime; any exception means that it cannot be."""

    def _open_once(self) -> Opened:
        with _OPENING:
            opened = self._opened
            if opened is None or opened.process != os.getpid():
                try:
                    opened = self._open()
                except Exception as error:
                    raise self._cannot_open(error) from error
                _OPEN.add(opened)
                self._opened = opened
        return opened

    def _cannot_open(self, error: Exception) -> ValueError:
        reason = " ".join(str(error).split())
        return ValueError(
            f"{type(self).__name__}.model is an ONNX model with one input and one output that the "
            f"installed {self.name} can run; these {len(self.model):,} bytes are none. Damaged, or "
            f"written by another version? {reason[:300]}"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}


def _in_batches(opened: Opened, inputs: np.ndarray) -> np.ndarray:
    if len(inputs) == 0:
        return opened.call(np.zeros((1, *opened.sample_shape), opened.dtype))[:0]
    size = opened.batch_size
    starts = range(0, len(inputs), size)
    return np.concatenate([opened.call(inputs[start : start + size]) for start in starts])


def _batch_of_one(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return " Did you mean a batch of one, inputs[None]?" if shape == wanted else ""
