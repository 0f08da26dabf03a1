from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, TrainEndCheckpoint
from torch import nn

from skdeepopt.training._raw_net import is_raw_binary_net, is_raw_net, train_raw_net

X = np.random.default_rng(0).random((40, 4)).astype(np.float32)
Y = (X.sum(1) > 2).astype(np.int64)


class Small(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


class Recorded:
    """Training hook that remembers what it is told, and replaces a layer where asked to."""

    def __init__(self, module, replaced_at=(), penalty=None):
        self.module, self.replaced_at = module, replaced_at
        self.told, self.added = [], penalty

    def before_training(self, n_steps):
        self.told.append(("before", n_steps))
        return False

    def after_step(self, progress):
        self.told.append(round(progress, 9))
        if len(self.told) - 1 in self.replaced_at:
            self.module[0] = nn.Linear(4, 6)
            return True
        return False

    def penalty(self):
        return None if self.added is None else self.added(self.module)

    def after_training(self):
        self.told.append("after")


class EndsFirstEpoch(Callback):
    def on_epoch_end(self, net, **_):
        raise KeyboardInterrupt


class Interrupts(Callback):
    def on_batch_end(self, net, **_):
        raise KeyboardInterrupt


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, net, training=None, **_):
        if training:
            self.seen.append(net.optimizer_.param_groups[0]["lr"])


def made(**options):
    torch.manual_seed(0)
    settings = {"criterion": nn.CrossEntropyLoss, "lr": 0.1, "batch_size": 10, "verbose": 0}
    return NeuralNetClassifier(Small, **{**settings, "train_split": None, **options}).initialize()


def state(net):
    return {name: value.clone() for name, value in net.module_.state_dict().items()}


def test_nets_of_skorch_are_told_apart_from_all_else():
    assert is_raw_net(made())
    assert not is_raw_net(NeuralNetClassifier)
    assert not is_raw_net(Small())
    assert is_raw_binary_net(NeuralNetBinaryClassifier(Small))
    assert not is_raw_binary_net(made())


def test_without_a_hook_it_trains_as_skorch_does():
    net, reference = made(), made()

    torch.manual_seed(1)
    train_raw_net(net, X, Y, epochs=3)
    torch.manual_seed(1)
    reference.partial_fit(X, Y, epochs=3)

    assert all(torch.equal(state(reference)[name], value) for name, value in state(net).items())


def test_a_hook_that_does_nothing_changes_nothing():
    net, reference = made(), made()

    train_raw_net(net, X, Y, epochs=3, lr=0.1, hook=Recorded(net.module_))
    train_raw_net(reference, X, Y, epochs=3, lr=0.1)

    assert all(torch.equal(state(reference)[name], value) for name, value in state(net).items())


def test_a_hook_is_told_of_every_step():
    net = made()
    hook = Recorded(net.module_)

    train_raw_net(net, X, Y, epochs=2, hook=hook)

    assert hook.told == [("before", 8), *(step / 8 for step in range(1, 9)), "after"]


def test_samples_that_the_net_splits_off_are_no_steps():
    net = made(train_split=NeuralNetClassifier(Small).train_split)
    hook = Recorded(net.module_)

    train_raw_net(net, X, Y, epochs=1, hook=hook)

    assert hook.told[1:-1] == [0.25, 0.5, 0.75, 1.0]


def test_a_penalty_is_descended():
    net, plain = made(), made()
    hook = Recorded(net.module_, penalty=lambda module: module[0].weight.square().sum())

    train_raw_net(net, X, Y, epochs=3, hook=hook)
    train_raw_net(plain, X, Y, epochs=3)

    assert net.module_[0].weight.norm() < plain.module_[0].weight.norm() / 2


@pytest.mark.parametrize("replaced_at", [(1,), (3, 5), (8,)])
def test_parameters_that_a_hook_replaced_are_trained_from_then_on(replaced_at):
    net = made(optimizer=torch.optim.Adam)
    train_raw_net(net, X, Y, epochs=2, hook=Recorded(net.module_, replaced_at))
    before = state(net)

    net.partial_fit(X, Y, epochs=1)

    assert not any(torch.equal(before[name], value) for name, value in state(net).items())


def test_a_schedule_of_rates_goes_on_where_parameters_are_replaced():
    rates, reference = Rates(), Rates()
    policy = {"policy": "CosineAnnealingLR", "T_max": 3}
    net = made(callbacks=[LRScheduler(**policy), rates])
    plain = made(callbacks=[LRScheduler(**policy), reference])

    train_raw_net(net, X, Y, epochs=3, hook=Recorded(net.module_, replaced_at=(2, 6)))
    train_raw_net(plain, X, Y, epochs=3)

    recorded = next(callback for _, callback in net.callbacks_ if isinstance(callback, Rates))
    expected = next(callback for _, callback in plain.callbacks_ if isinstance(callback, Rates))
    assert recorded.seen == expected.seen
    assert len(set(recorded.seen)) == 3


def test_every_training_has_a_whole_schedule_of_its_own():
    net = made(callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.5), Rates()])

    train_raw_net(net, X, Y, epochs=2)
    train_raw_net(net, X, Y, epochs=2, lr=0.1)

    seen = next(callback for _, callback in net.callbacks_ if isinstance(callback, Rates)).seen
    assert seen[:8] == seen[8:]


def test_epochs_are_counted_on_over_trainings():
    net = made()

    train_raw_net(net, X, Y, epochs=2)
    train_raw_net(net, X, Y, epochs=3, lr=0.01)

    assert net.history[:, "epoch"] == [1, 2, 3, 4, 5]
    assert len(net.history[:, "train_loss"]) == 5


def test_the_rate_and_the_callbacks_are_as_before():
    net = made()
    before = list(net.callbacks_)

    train_raw_net(net, X, Y, epochs=1, lr=0.5, hook=Recorded(net.module_))

    assert net.lr == 0.1
    assert net.callbacks_ == before


def test_a_callback_ends_a_training_and_the_hook_is_told():
    net = made(callbacks=[EndsFirstEpoch()])
    hook = Recorded(net.module_)

    train_raw_net(net, X, Y, epochs=5, hook=hook)

    assert len(net.history) == 1
    assert hook.told[-1] == "after"


def test_an_interrupt_is_passed_on_and_leaves_the_net_usable():
    net = made(callbacks=[Interrupts()])
    hook = Recorded(net.module_)
    before = list(net.callbacks_)

    with pytest.raises(KeyboardInterrupt):
        train_raw_net(net, X, Y, epochs=5, lr=0.5, hook=hook)

    assert "after" not in hook.told
    assert (net.lr, net.callbacks_) == (0.1, before)


def test_the_first_training_may_end_early_and_a_later_one_goes_on():
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    net = made(callbacks=[stopping])

    train_raw_net(net, X, Y, epochs=5)
    n_first = len(net.history)
    train_raw_net(net, X, Y, epochs=5, lr=0.1)

    assert n_first < 5
    assert len(net.history) == n_first + 5


@pytest.mark.parametrize("kind", [EarlyStopping, TrainEndCheckpoint])
def test_weights_of_other_shapes_are_not_put_back(kind, tmp_path):
    options = {"monitor": "train_loss", "load_best": True} if kind is EarlyStopping else {}
    path = {"dirname": str(tmp_path)} if kind is TrainEndCheckpoint else {}
    net = made(callbacks=[kind(**options, **path)])
    smaller = nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 2))
    train_raw_net(net, X, Y, epochs=2)

    net.module_ = copy.deepcopy(smaller)
    train_raw_net(net, X, Y, epochs=2, lr=0.1)

    assert net.module_[0].out_features == 2
