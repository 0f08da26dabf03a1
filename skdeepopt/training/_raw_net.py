"""Training a skorch net of the user's own, by skorch's own loop, with a hook."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._threads import fair_threads

__all__ = ["is_raw_net", "train_raw_net"]


def is_raw_net(value: Any) -> bool:
    """Whether `value` is a skorch net."""
    return isinstance(value, NeuralNet)


def train_raw_net(
    net: NeuralNet,
    X: Any,
    y: Any,
    *,
    epochs: int,
    lr: float | None = None,
    hook: TrainingHook | None = None,
) -> None:
    """Train an initialized net further, with a new optimizer.

    Parameters
    ----------
    net : skorch.NeuralNet
    X, y : as the net takes them
    epochs : int
    lr : float or None, default=None
        Learning rate for this training only; None is the net's own.
    hook : TrainingHook or None, default=None
    """
    told = [] if hook is None else [("hook", HookCallback(hook, epochs))]
    before = net.lr
    try:
        with fair_threads():
            net.set_params(lr=before if lr is None else lr)
            if hook is not None:
                hook.before_training(epochs * math.ceil(len(X) / max(1, net.batch_size)))
            net.initialize_optimizer()
            net.callbacks_ += told
            net.notify("on_train_begin", X=X, y=y)
            net.fit_loop(X, y, epochs=epochs)
            net.notify("on_train_end", X=X, y=y)
            if hook is not None:
                hook.after_training()
    finally:
        net.callbacks_ = [entry for entry in net.callbacks_ if entry not in told]
        net.set_params(lr=before)


class HookCallback(Callback):
    """Tells a hook what skorch's loop does.

    Parameters
    ----------
    hook : TrainingHook
    epochs : int
    """

    def __init__(self, hook: TrainingHook, epochs: int) -> None:
        self.hook = hook
        self.epochs = epochs
        self.step = 0
        self.steps = 1

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        size = net.batch_size if net.batch_size > 0 else len(dataset_train)
        self.steps = self.epochs * math.ceil(len(dataset_train) / size)

    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        penalty = self.hook.penalty() if torch.is_grad_enabled() else None
        if penalty is not None:
            penalty.backward()

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        if training:
            self.step += 1
            if self.hook.after_step(min(1.0, self.step / self.steps)):
                net.initialize_optimizer()
