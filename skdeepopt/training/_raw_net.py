"""Training a skorch net of the user's own, by skorch's own loop, with a hook."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LoadInitState
from skorch.history import History

from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._threads import fair_threads

__all__ = ["is_raw_binary_net", "is_raw_net", "train_raw_net"]

_GOING_BACK = (Checkpoint, EarlyStopping, LoadInitState)
"""Callbacks that end a training before its course, or load weights of another shape or mask."""


def is_raw_net(value: Any) -> bool:
    """Whether `value` is a skorch net."""
    return isinstance(value, NeuralNet)


def is_raw_binary_net(value: Any) -> bool:
    """Whether `value` is a skorch net with one output, whose targets are floats."""
    return isinstance(value, NeuralNetBinaryClassifier)


def train_raw_net(
    net: NeuralNet,
    X: Any,
    y: Any,
    *,
    epochs: int,
    lr: float | None = None,
    hook: TrainingHook | None = None,
) -> None:
    """Train an initialized net further, with a new optimizer and the epochs counted anew.

    A callback may end the first training early. Of a later one are left out those that end it
    before its course, or put earlier weights back, which may fit the network no more.

    Parameters
    ----------
    net : skorch.NeuralNet
    X, y : as the net takes them
    epochs : int
    lr : float or None, default=None
        Of a later training; None is the first one, at the net's own.
    hook : TrainingHook or None, default=None
    """
    rate, past, callbacks = net.lr, net.history, net.callbacks_
    course = _Course(hook, epochs, is_first=lr is None)
    try:
        with fair_threads():
            net.set_params(lr=rate if lr is None else lr)
            # A learning rate policy takes the length of the history for the epoch to go on from.
            net.history_ = History()
            if hook is not None:
                hook.before_training(epochs * math.ceil(len(X) / max(1, net.batch_size)))
            net.initialize_optimizer()
            net.callbacks_ = course.callbacks(callbacks)
            net.notify("on_train_begin", X=X, y=y)
            try:
                net.fit_loop(X, y, epochs=epochs)
            except KeyboardInterrupt:
                if not course.epoch_is_over:
                    raise
            net.notify("on_train_end", X=X, y=y)
            if hook is not None:
                hook.after_training()
    finally:
        net.callbacks_, net.history_ = callbacks, _joined(past, net.history)
        _renew_optimizer(net)  # The hook may have replaced parameters.
        net.set_params(lr=rate)


def _joined(past: History, recent: History) -> History:
    epochs = [{**row, "epoch": count} for count, row in enumerate([*past, *recent], start=1)]
    return History(epochs)


class _Course(Callback):
    """Tells a hook what skorch's loop does, and tells an early end from a user's interrupt.

    skorch's callbacks end a training by raising KeyboardInterrupt after an epoch.
    """

    def __init__(self, hook: TrainingHook | None, epochs: int, *, is_first: bool) -> None:
        self.hook = hook
        self.epochs = epochs
        self.is_first = is_first
        self.step = 0
        self.steps = 1
        self.epoch_is_over = False

    def callbacks(self, present: list[tuple[str, Callback]]) -> list[tuple[str, Callback]]:
        """Callbacks to train with, this one first, so that it is told before one interrupts."""
        left = [e for e in present if self.is_first or not isinstance(e[1], _GOING_BACK)]
        return [("course", self), *left]

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        self.epoch_is_over = False
        size = net.batch_size if net.batch_size > 0 else len(dataset_train)
        self.steps = self.epochs * math.ceil(len(dataset_train) / size)

    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        penalty = self.hook.penalty() if self.hook and torch.is_grad_enabled() else None
        if penalty is not None:
            penalty.backward()

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        if self.hook is not None and training:
            self.step += 1
            if self.hook.after_step(min(1.0, self.step / self.steps)):
                _renew_optimizer(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.epoch_is_over = True


def _renew_optimizer(net: NeuralNet) -> None:
    """Give the optimizer the parameters as they are now; policies hold on to the object itself."""
    optimizer = net.optimizer_
    net.initialize_optimizer()
    for group, renewed in zip(optimizer.param_groups, net.optimizer_.param_groups, strict=True):
        group["params"] = renewed["params"]
    optimizer.state.clear()
    net.optimizer_ = optimizer
