"""Threads while a study trains and measures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

__all__ = ["limited_threads"]


@contextmanager
def limited_threads(n_threads: int) -> Iterator[None]:
    """Let torch and numpy use so many threads, and give the setting back.

    Examples
    --------
    >>> with limited_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        # The linear algebra of a Bayesian search has threads of its own.
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)
