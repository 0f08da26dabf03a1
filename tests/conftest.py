"""A few images of three kinds, with labels and numbers that can be learned from them."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # The processes share the cores; torch reads it when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def same_draws():
    """Draws that a test leaves to torch do not depend on the tests before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def images():
    """Whole numbers, so that no number type rounds them; each kind is bright in another place."""
    drawn = np.random.default_rng(0).integers(0, 9, (60, 8, 8)).astype(np.float32)
    for kind in range(3):
        drawn[kind::3, 2 * kind : 2 * kind + 3] += 8
    drawn.flags.writeable = False
    return drawn


@pytest.fixture(scope="session", name="X")
def rows(images):
    return images.reshape(60, 64)


@pytest.fixture(scope="session")
def y():
    return np.arange(60) % 3


@pytest.fixture(scope="session")
def numbers(y):
    return y + np.random.default_rng(1).normal(0, 0.1, 60)
