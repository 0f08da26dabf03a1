"""Torch's threads where joblib already uses the cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from joblib.parallel import get_active_backend

__all__ = ["fair_threads"]

_lock = threading.Lock()
_users = 0
_before = 0
_forked = False


def _note_fork() -> None:
    global _forked, _lock, _users
    _forked, _lock, _users = True, threading.Lock(), 0


os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def fair_threads() -> Iterator[None]:
    """Run torch with its share of the cores, and give the setting back.

    - A forked worker gets one thread: the OpenMP threads of its parent do not exist in it, and
      waiting for them would never end.
    - Workers that are threads of one process share its cores.
    - loky's processes are limited by joblib itself.
    """
    share = _share()
    if share is None:
        yield
        return
    _enter(share)
    try:
        yield
    finally:
        _leave()


def _share() -> int | None:
    if _forked:
        return 1
    backend, n_jobs = get_active_backend()
    if getattr(backend, "nesting_level", 0) and threading.current_thread() is not _main_thread():
        return max(1, (os.cpu_count() or 1) // max(1, _workers(backend, n_jobs)))
    return None


def _main_thread() -> threading.Thread:
    return threading.main_thread()


def _workers(backend: object, n_jobs: int | None) -> int:
    """Threads of this process that work side by side; joblib does not say, so all may."""
    return os.cpu_count() or 1


def _enter(share: int) -> None:
    global _users, _before
    with _lock:
        if _users == 0:
            _before = torch.get_num_threads()
        _users += 1
        torch.set_num_threads(share)


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            torch.set_num_threads(_before)
