"""Torch's threads where joblib already uses the cores."""

from __future__ import annotations

import math
import os
import threading
from contextlib import AbstractContextManager, nullcontext

import torch
from joblib.parallel import get_active_backend
from torch import nn

from skdeepopt.training._shared_setting import SharedSetting

__all__ = ["fair_threads", "is_worth_sharing", "work_of"]

_IMPORTED_IN = os.getpid()
"""Differs from the present process in all that were forked from one that knows this module."""

_one_thread = SharedSetting(
    torch.get_num_threads, lambda: torch.set_num_threads(1), torch.set_num_threads
)


_WORTH_SHARING = 5e8
"""Multiplications, roughly, from which a second thread is worth waking. Below, threads wait for
each other more than they work: on a busy machine a step of a small network took up to fifty times
as long with two threads as with one."""


def work_of(module: nn.Module, n_numbers: int) -> float:
    """Rough upper bound of the multiplications for inputs of so many numbers in all."""
    return float(n_numbers) * sum(parameter.numel() for parameter in module.parameters())


def is_worth_sharing(work: float) -> bool:
    """Whether so many multiplications are done sooner by several threads than by one."""
    return work >= _WORTH_SHARING


def fair_threads(work: float = math.inf) -> AbstractContextManager[None]:
    """Hold torch to one thread where more would hang, crowd the cores, or gain nothing.

    - In a forked process, the OpenMP threads of its parent do not exist, and waiting for them
      would never end; there the setting stays.
    - joblib's workers that are threads of one process share its cores.
    - loky's processes are limited by joblib itself.
    - Little work is done sooner by one thread. The answers are the same.

    Parameters
    ----------
    work : float, default=inf
        Multiplications to do at a time, as :func:`work_of` counts them.
    """
    if _is_forked():
        torch.set_num_threads(1)
        return nullcontext()
    small = not is_worth_sharing(work)
    return _one_thread.held() if small or _is_worker_thread() else nullcontext()


def _is_forked() -> bool:
    return os.getpid() != _IMPORTED_IN


def _is_worker_thread() -> bool:
    nested = getattr(get_active_backend()[0], "nesting_level", 0)
    return bool(nested) and threading.current_thread() is not threading.main_thread()
