"""Memory of finished steps kept at hand while a network trains."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keep_freed_memory"]

# Constants of glibc's <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

_LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""glibc refuses more."""

_KEPT = 256 * 2**20
_SETTLED = 64 * 2**20
"""Trim threshold that glibc itself arrives at once a program has freed a block of 32 MB."""

_lock = threading.Lock()
_users = 0


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let glibc reuse the memory that each training step frees, and give it back at the end.

    By default glibc returns large blocks to the kernel at once, and the next step pays a page
    fault for every 4 KB of its activations: a tenth to a half of a small network's step
    (measured; see ``mallopt(3)``). Does nothing with other allocators.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _enter(libc)
    try:
        yield
    finally:
        _leave(libc)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    known = all(hasattr(libc, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim"))
    return libc if known else None


def _enter(libc: ctypes.CDLL) -> None:
    global _users
    with _lock:
        _users += 1
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)


def _leave(libc: ctypes.CDLL) -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            libc.mallopt(_TRIM_THRESHOLD, _SETTLED)
            libc.malloc_trim(0)
