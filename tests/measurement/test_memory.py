from __future__ import annotations

import time

import numpy as np
import pytest

from skdeepopt.measurement._memory import PeakMemory

MEGABYTE = 2**20


def test_memory_that_is_freed_within_the_block_counts():
    with PeakMemory() as memory:
        block = np.ones(64 * MEGABYTE, dtype=np.uint8)
        time.sleep(0.02)
        del block

    assert 60 * MEGABYTE < memory.added_bytes < 90 * MEGABYTE


def test_a_block_that_allocates_nothing_adds_next_to_nothing():
    with PeakMemory() as memory:
        time.sleep(0.01)

    assert memory.added_bytes < 4 * MEGABYTE


def test_the_peak_is_known_after_a_block_that_raises():
    memory = PeakMemory()

    with pytest.raises(KeyError), memory:
        raise KeyError

    assert memory.added_bytes >= 0
    assert not memory._thread.is_alive()
