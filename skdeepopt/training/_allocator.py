"""Memory of finished steps kept at hand while a network trains."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from skdeepopt.training._shared_setting import SharedSetting

__all__ = ["keep_freed_memory"]

# Constants of glibc's <malloc.h>.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

_LARGEST_MMAP_THRESHOLD = 32 * 2**20
"""glibc refuses more."""

_KEPT = 256 * 2**20
_SETTLED = 64 * 2**20
"""Trim threshold that glibc itself arrives at once a program has freed a block of 32 MB."""


def keep_freed_memory() -> AbstractContextManager[None]:
    """Let glibc reuse the memory that each training step frees, and give it back at the end.

    By default glibc returns large blocks to the kernel at once, and the next step pays a page
    fault for every 4 KB of its activations: a tenth to a half of a small network's step
    (measured; see ``mallopt(3)``). Does nothing with other allocators.
    """
    setting = _setting()
    return nullcontext() if setting is None else setting.held()


@cache
def _setting() -> SharedSetting[None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    if not all(hasattr(libc, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim")):
        return None

    def keep() -> None:
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)

    def settle(_: None) -> None:
        libc.mallopt(_TRIM_THRESHOLD, _SETTLED)
        libc.malloc_trim(0)

    return SharedSetting(lambda: None, keep, settle)
