"""A small data set in memory and a net that trains on it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.training._batches import TensorData
from skdeepopt.training._criteria import ClassificationLoss
from skdeepopt.training._net import TensorNet


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 9, (50, 1, 6, 6), generator=generator, dtype=torch.uint8)
    targets = torch.arange(50) % 3
    inputs[targets == 1, :, :3] += 9
    inputs[targets == 2, :, 3:] += 9
    return TensorData(inputs, targets, None, torch.arange(50))


@pytest.fixture
def make_net():
    """Function that makes a net, the same one each time."""

    def make(module=None, **settings):
        if module is None:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                module = nn.Sequential(
                    nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
                    nn.Dropout(0.2), nn.Linear(64, 3),
                )  # fmt: skip
        settings = {"optimizer": torch.optim.AdamW, "batch_size": 16, "seed": 0} | settings
        return TensorNet(module, ClassificationLoss(), **settings).initialize()

    return make
