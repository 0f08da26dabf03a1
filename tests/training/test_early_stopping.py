from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.training._early_stopping import EarlyStop


def run(losses, patience):
    """The stop, the module, and after how many epochs it ended; the weight is the epoch."""
    stop, module = EarlyStop(patience), nn.Linear(1, 1)
    for epoch, loss in enumerate(losses):
        nn.init.constant_(module.weight, epoch)
        if stop.update(module, {"valid_loss": loss}):
            break
    return stop, module, epoch + 1


@given(st.lists(st.floats(0, 9), min_size=1, max_size=20), st.integers(1, 5))
def test_the_best_epoch_is_put_back(losses, patience):
    stop, module, ended = run(losses, patience)

    stop.restore(module)

    seen = losses[:ended]
    assert module.weight.item() == seen.index(min(seen))
    assert stop.best_loss == min(seen)


@given(st.lists(st.floats(0, 9), min_size=1, max_size=20), st.integers(1, 5))
def test_it_ends_after_as_many_epochs_without_improvement_as_it_is_patient(losses, patience):
    _, _, ended = run(losses, patience)

    waited = ended - 1 - losses[:ended].index(min(losses[:ended]))
    assert waited == patience if ended < len(losses) else waited <= patience


def test_an_equal_loss_is_no_improvement():
    assert run([1.0, 1.0, 1.0, 1.0], 2)[2] == 3


def test_without_any_epoch_nothing_is_put_back():
    module = nn.Linear(1, 1)
    before = module.weight.clone()

    EarlyStop(1).restore(module)

    assert torch.equal(module.weight, before)


def test_a_loss_that_is_no_number_is_no_improvement():
    stop, _, ended = run([1.0, float("nan"), float("nan")], 2)

    assert stop.best_loss == pytest.approx(1.0)
    assert ended == 3
