"""Torch's threads where joblib already uses the cores."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

import torch
from joblib.parallel import get_active_backend

from skdeepopt.training._shared_setting import SharedSetting

__all__ = ["fair_threads"]

_IMPORTED_IN = os.getpid()
"""Differs from the present process in all that were forked from one that knows this module."""

_one_thread = SharedSetting(
    torch.get_num_threads, lambda: torch.set_num_threads(1), torch.set_num_threads
)


def fair_threads() -> AbstractContextManager[None]:
    """Hold torch to one thread in a worker that would hang or crowd the cores with more.

    - In a forked process, the OpenMP threads of its parent do not exist, and waiting for them
      would never end.
    - joblib's workers that are threads of one process share its cores.
    - loky's processes are limited by joblib itself.
    """
    return _one_thread.held() if _is_forked() or _is_worker_thread() else nullcontext()


def _is_forked() -> bool:
    return os.getpid() != _IMPORTED_IN


def _is_worker_thread() -> bool:
    nested = getattr(get_active_backend()[0], "nesting_level", 0)
    return bool(nested) and threading.current_thread() is not threading.main_thread()
