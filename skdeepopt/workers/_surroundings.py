"""What a task finds in its worker: the settings of the thread that searches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
import torch
from joblib.parallel import SequentialBackend, ThreadingBackend, get_active_backend
from sklearn import config_context, get_config

from skdeepopt.training._threads import fair_threads

__all__ = ["Surroundings"]

_EVERYWHERE = {"builtins", "numpy", "pandas", "scipy", "sklearn", "skdeepopt", "torch"}
"""Packages whose warnings any worker can name."""


@dataclass(frozen=True)
class Surroundings:
    """Settings that belong to a thread or process, and that a worker takes over.

    Parameters
    ----------
    config : dict
        scikit-learn's: metadata routing, output of transformers, ...
    filters : list of tuple
        Of warnings, as ``warnings.filters`` holds them.
    nesting_level : int
        Of joblib in the worker: what runs there shares the machine with the other workers.
    n_threads : int
        Of the numerical libraries in a worker, whichever kind it is. The last bits of a large
        network depend on it, and with them what a search finds: so it does not depend on the
        number of workers.
    """

    config: dict[str, Any]
    filters: list[tuple[Any, ...]]
    nesting_level: int
    n_threads: int

    @classmethod
    def here(cls) -> Surroundings:
        """Those that a worker of this thread is to have."""
        told = [
            entry
            for entry in warnings.filters
            if isinstance(entry[2], type) and _is_known(entry[2])
        ]
        backend = get_active_backend()[0]
        level = getattr(backend, "nesting_level", None) or 0
        # Many threads in each of many workers crowd the cores; joblib's own setting can ask for it.
        n_threads = getattr(backend, "inner_max_num_threads", None) or 1
        return cls(dict(get_config()), told, level + 1, n_threads)

    @contextmanager
    def threads_held(self) -> Iterator[None]:
        """Hold torch to the number of threads."""
        if self.n_threads == 1:
            with fair_threads(0.0):
                yield
            return
        before = torch.get_num_threads()
        torch.set_num_threads(self.n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextmanager
    def taken_over(self, *, owns_process: bool) -> Iterator[None]:
        """In a worker: the settings, as long as a task runs.

        Parameters
        ----------
        owns_process : bool
            Whether the task is alone in its process. The filters of warnings are the process's,
            not the thread's.
        """
        nested = joblib.parallel_config(backend=_nested_backend(self.nesting_level), n_jobs=1)
        with nested, config_context(**self.config), self.threads_held():
            if not owns_process:
                yield
                return
            with warnings.catch_warnings():
                _filter_as(self.filters)
                yield


def _nested_backend(level: int) -> Any:
    # As joblib nests: threads below processes, and nothing in parallel below those.
    kind = ThreadingBackend if level <= 1 else SequentialBackend
    return kind(nesting_level=level)


def _filter_as(filters: list[tuple[Any, ...]]) -> None:
    warnings.resetwarnings()
    for action, message, category, module, line in filters:
        warnings.filterwarnings(
            action, _pattern(message), category, _pattern(module), line, append=True
        )


def _pattern(regex: Any) -> str:
    return getattr(regex, "pattern", regex) or ""


def _is_known(category: Any) -> bool:
    return isinstance(category, type) and category.__module__.partition(".")[0] in _EVERYWHERE
