"""Pickles that hold functions of ``__main__`` and of notebooks too, by joblib's own means."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["pickled"]


def _module() -> Any:
    try:
        return importlib.import_module("cloudpickle")
    except ImportError:  # Until 1.5, joblib brings its own.
        return importlib.import_module("joblib.externals.cloudpickle")


_cloudpickle = _module()


def pickled(value: Any, buffer_callback: Callable[[Any], Any] | None = None) -> bytes:
    """The pickle of a value.

    Parameters
    ----------
    value : object
    buffer_callback : callable or None, default=None
        Takes large buffers out of the pickle, as in ``pickle.dumps``.

    Examples
    --------
    >>> import pickle
    >>> pickle.loads(pickled(lambda: 3))()
    3
    """
    data: bytes = _cloudpickle.dumps(value, protocol=5, buffer_callback=buffer_callback)
    return data
