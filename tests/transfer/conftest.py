"""A transfer network that trains in a moment, and what it trains on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.nets import TransferNetwork
from skdeepopt.training._batches import TensorData
from skdeepopt.training._criteria import ClassificationLoss
from skdeepopt.training._net import TensorNet


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TransferNetwork((1, 6, 6), 3, source_shape=(1, 8, 8), widths=(4, 6))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(48, 1, 6, 6, generator=generator)
    targets = torch.arange(48) % 3
    inputs[targets == 1, :, :3] += 1
    inputs[targets == 2, :, 3:] += 1
    return TensorData(inputs, targets, None, torch.arange(48))


@pytest.fixture
def train(data):
    """Function that trains a module with a hook, and returns the net."""

    def trained(module: nn.Module, hook=None, **settings):
        settings = {"epochs": 2, "lr": 0.01, "schedule": "constant"} | settings
        net = TensorNet(
            module,
            ClassificationLoss(),
            optimizer=torch.optim.AdamW,
            batch_size=16,
            weight_decay=0.1,
        )
        return net.initialize().train(data, hook=hook, **settings)

    return trained


class Interrupts:
    """Hook that ends a training at its second step, as Ctrl-C or a failure does."""

    def __init__(self, error):
        self.error, self.n_steps = error, 0

    def before_training(self, n_steps):
        return False

    def after_step(self, progress):
        self.n_steps += 1
        if self.n_steps == 2:
            raise self.error
        return False

    def penalty(self):
        return None

    def after_training(self):
        """Never called."""


def values(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before, after):
    return {name for name, value in before.items() if not torch.equal(value, after[name])}
