from __future__ import annotations

import sys

import torch

from skdeepopt.training import _allocator
from skdeepopt.training._allocator import keep_freed_memory


def test_it_nests_and_leaves_memory_usable():
    with keep_freed_memory():
        with keep_freed_memory():
            inner = torch.ones(10**6)
        outer = torch.ones(10**6)

    assert inner.sum() == outer.sum() == torch.ones(10**6).sum()


def test_elsewhere_than_with_glibc_it_does_nothing(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    _allocator._setting.cache_clear()
    try:
        with keep_freed_memory():
            assert _allocator._setting() is None
    finally:
        _allocator._setting.cache_clear()
