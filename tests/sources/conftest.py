"""Small networks to begin with, fitted once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt import CNNClassifier, NeuralClassifier, PrunedEstimator
from skdeepopt.nets import MLP

SHORT = {"max_epochs": 1, "random_state": 0, "device": "cpu"}


class Net(nn.Module):
    def __init__(self, n_outputs=5, side=8):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * (side - 2) ** 2, n_outputs)

    def forward(self, images):
        return self.head(torch.relu(self.conv(images)).flatten(1))


class Branching(Net):
    """What it does depends on the numbers, so that no graph can follow it."""

    def forward(self, images):
        hidden = torch.relu(self.conv(images)).flatten(1)
        return self.head(hidden if hidden.sum() > 0 else -hidden)


@pytest.fixture(scope="session")
def trained(images, y):
    """Fitted estimators by what they are."""
    flat = images.reshape(60, 64)
    small = CNNClassifier(widths=(4, 8), **SHORT).fit(images, y)
    mlp = NeuralClassifier(MLP, module__widths=(16,), **SHORT)
    blocks = CNNClassifier("residual", widths=0.25, depth=2, **SHORT)
    quick = {"finetune_epochs": 1, "random_state": 0}
    return {
        "compact": small,
        "residual": CNNClassifier("residual", widths=0.25, **SHORT).fit(images, y),
        "bare": CNNClassifier("lenet300", widths=0.1, standardize=False, **SHORT).fit(images, y),
        "pruned": PrunedEstimator(small, **quick).fit(images, y),
        "without blocks": PrunedEstimator(
            blocks, granularity="block", pruning_ratio=0.6, **quick
        ).fit(images, y),
        "rows": mlp.fit(flat, y),
        "grey": NeuralClassifier(MLP, module__widths=(16,), **SHORT).fit(images, y),
        "own": NeuralClassifier(Net, module__n_outputs=3, **SHORT).fit(images[:, None], y),
    }


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def branching():
    torch.manual_seed(0)
    return Branching()
