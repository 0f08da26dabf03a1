"""The skorch net that every estimator here owns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from skdeepopt._random import TorchStream
from skdeepopt.exceptions import TrainingDivergedError
from skdeepopt.training._allocator import keep_freed_memory
from skdeepopt.training._batches import Batch, Batches, TensorData, as_network_input
from skdeepopt.training._chain import Chain
from skdeepopt.training._convolution import sound_gradients
from skdeepopt.training._course import Course, Tally
from skdeepopt.training._early_stopping import EarlyStop
from skdeepopt.training._hook import TrainingHook, rate_factors_of, tell_rows
from skdeepopt.training._invariance import batch_invariant
from skdeepopt.training._optimizers import parameter_groups
from skdeepopt.training._threads import fair_threads, work_of

__all__ = ["TensorNet"]

_LOSS_CHECK_EVERY = 32
"""Steps between two looks at the loss; on a GPU each look waits for the device."""

_INFERENCE_BATCH = 512
"""Samples at a time at predict: large enough to be fast, small enough to stay in the cache."""


class EpochObserver(Protocol):
    """Is told of every epoch, and may end the training."""

    def epoch_begins(self) -> None:
        """An epoch begins."""

    def epoch_ended(self) -> bool:
        """An epoch has ended; True ends the training."""


class Runner(Protocol):
    """Answers in the place of a module."""

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Float32 outputs of shape (n_samples, n_outputs) for float32 inputs."""


class TensorNet(NeuralNet):
    """A skorch net that trains on tensors in memory, without a loader a sample.

    Parameters
    ----------
    module : torch.nn.Module
        Emits logits or targets. Moved to the device, not copied.
    criterion : torch.nn.Module
        Called as ``criterion(outputs, targets, weights)``.
    autocast_dtype : torch.dtype or None, default=None
        Format of the matrix products while training; None is float32.
    predict_dtype : torch.dtype or None, default=None
        The same at predict.
    weight_decay : float, default=0.0
        Of parameters with more than one axis.
    augment : callable or None, default=None
        ``augment(batch, generator)``, while training only.
    seed : int, default=0
        Of shuffling, dropout and augmentation.
    **kwargs
        skorch's own: `optimizer`, `lr`, `batch_size`, `callbacks`, `device`, …

    Attributes
    ----------
    engine_ : Runner or None
        Answers in the module's place, until the next training.
    """

    engine_: Runner | None = None
    _has_optimizer: bool = True
    _rate_factors: Mapping[nn.Parameter, float] = MappingProxyType({})

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        *,
        autocast_dtype: torch.dtype | None = None,
        predict_dtype: torch.dtype | None = None,
        weight_decay: float = 0.0,
        augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, criterion, train_split=None, verbose=0, **kwargs)
        self.autocast_dtype = autocast_dtype
        self.predict_dtype = predict_dtype
        self.weight_decay = weight_decay
        self.augment = augment
        self.seed = seed

    def initialize_for_inference(self) -> TensorNet:
        """Initialize all but the optimizer, which the first training makes.

        With its first optimizer, torch imports its compiler, which takes seconds.
        """
        self._has_optimizer = False
        return self.initialize()

    def renew_optimizer(self) -> None:
        """Begin anew with the parameters as they are now, where there is an optimizer at all."""
        if self._has_optimizer:
            self.initialize_optimizer()

    def initialize_optimizer(self) -> TensorNet:
        """Optimizer for the parameters as they are now."""
        if not self._has_optimizer:
            self._has_optimizer = True
            return self._initialize_optimizer()
        return super().initialize_optimizer()

    def _initialize_optimizer(self, reason: str | None = None) -> TensorNet:
        return super()._initialize_optimizer(reason) if self._has_optimizer else self

    def _validate_params(self) -> None:
        if self._has_optimizer:  # skorch knows the optimizer's parameters by the optimizer.
            super()._validate_params()

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return []

    def get_params_for_optimizer(
        self, prefix: str, named_parameters: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Decay groups in place of skorch's single list of parameters."""
        _, kwargs = super().get_params_for_optimizer(prefix, named_parameters)
        groups = parameter_groups(self.module_, self.weight_decay, self._rate_factors)
        return (groups,), kwargs

    def train(
        self,
        data: TensorData,
        validation: TensorData | None = None,
        *,
        epochs: int,
        lr: float,
        schedule: str,
        early_stop: EarlyStop | None = None,
        observer: EpochObserver | None = None,
        hook: TrainingHook | None = None,
    ) -> TensorNet:
        """Go over `data` for some epochs, from the weights as they are.

        Parameters
        ----------
        data, validation : TensorData
        epochs : int
        lr : float
            Peak learning rate.
        schedule : str
            Course of the learning rate, from 0 to `epochs`.
        early_stop : EarlyStop or None, default=None
            Ends the training, and puts the best weights back.
        observer : EpochObserver or None, default=None
            Is told of every epoch, and may end the training.
        hook : TrainingHook or None, default=None
            Is told of every step, and may change the module between two of them.

        Raises
        ------
        TrainingDivergedError
            The loss is not finite any more.
        """
        course = Course(epochs, lr, schedule, self._batches(data, training=True), hook)
        held_out = None if validation is None else self._batches(validation, training=False)
        work = work_of(self.module_, self.batch_size * data.inputs[0].numel())
        self.engine_ = None
        if not self._has_optimizer:
            self.initialize_optimizer()
        try:
            with fair_threads(work), keep_freed_memory(), sound_gradients(self.module_):
                self.notify("on_train_begin", X=None, y=None)
                if hook is not None:
                    self._begin_hooked(hook, course.steps)
                for _ in range(epochs):
                    if self._epoch(course, held_out, early_stop, observer):
                        break
                if early_stop is not None:
                    early_stop.restore(self.module_)
                self.notify("on_train_end", X=None, y=None)
                if hook is not None:
                    hook.after_training()
                    self._begin_anew(None)  # The hook may have replaced parameters.
        finally:
            if self._rate_factors:
                self._begin_anew(None)
            self._close_progress()
        return self

    def _begin_hooked(self, hook: TrainingHook, n_steps: int) -> None:
        replaced = hook.before_training(n_steps)
        if replaced or rate_factors_of(hook):
            self._begin_anew(hook)

    def _begin_anew(self, hook: TrainingHook | None) -> None:
        """New optimizer for the parameters as they are, at the rates that a hook asks for."""
        self._rate_factors = rate_factors_of(hook)
        self.initialize_optimizer()

    def outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Float32 outputs of shape (n_samples, n_outputs): the engine's, or else the module's.

        Parameters
        ----------
        inputs : Tensor of shape (n_samples, ...)
        """
        if self.engine_ is not None:
            return torch.from_numpy(self.engine_.run(inputs.contiguous().float().numpy()))
        if self.module_.training:
            self.module_.eval()
        count = -(-len(inputs) // _INFERENCE_BATCH)
        work = work_of(self.module_, inputs.numel())
        with fair_threads(work), torch.inference_mode(), self._exact(len(inputs)):
            parts = [self._answers(part) for part in inputs.tensor_split(count)]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).cpu()

    def _answers(self, inputs: torch.Tensor) -> torch.Tensor:
        device = torch.device(self.device)
        with self._autocast(self.predict_dtype):
            return self.module_(as_network_input(inputs, device)).float()

    def _exact(self, n_samples: int) -> AbstractContextManager[None]:
        plain = torch.device(self.device).type == "cpu" and self.predict_dtype is None
        onednn = plain and torch.backends.mkldnn.is_available()
        return batch_invariant(self.module_, n_samples) if onednn else nullcontext()

    def _batches(self, data: TensorData, *, training: bool) -> Batches:
        device = torch.device(self.device)
        if not training:
            return Batches(data, _INFERENCE_BATCH, device)
        return Batches(data, self.batch_size, device, self._streams()[1], self.augment)

    def _streams(self) -> tuple[TorchStream, torch.Generator]:
        """Where dropout, and shuffling with augmentation, draw from; both go on over calls."""
        if not hasattr(self, "_running_streams"):
            generator = torch.Generator().manual_seed(self.seed)
            self._running_streams = (TorchStream(self.seed, self.device), generator)
        return self._running_streams

    def _epoch(
        self,
        course: Course,
        held_out: Batches | None,
        early_stop: EarlyStop | None,
        observer: EpochObserver | None,
    ) -> bool:
        start = perf_counter()
        told = {"dataset_train": course.batches.data, "dataset_valid": held_out and held_out.data}
        self.notify("on_epoch_begin", **told)
        if observer is not None:
            observer.epoch_begins()
        if self._train_epoch(course) and early_stop is not None:
            early_stop.forget()
        if held_out is not None:
            self._validate(held_out)
        self.history.record("dur", perf_counter() - start)
        stop = early_stop is not None and early_stop.update(self.module_, self.history[-1])
        try:
            self.notify("on_epoch_end", **told)
        except KeyboardInterrupt:
            return True  # skorch's callbacks ask for an early end this way.
        return (observer is not None and observer.epoch_ended()) or stop

    def _close_progress(self) -> None:
        """A live bar gives the terminal back, and leaves nothing that cannot be pickled."""
        for _, callback in self.callbacks_:
            getattr(callback, "close", lambda: None)()

    def _train_epoch(self, course: Course) -> bool:
        """Go over the data once; True where the hook has replaced parameters."""
        self.module_.train()
        hook, replaced = course.hook, False
        chain = self._chain()
        listened = self._is_listened_to()
        tally = Tally(self.device)
        for step, batch in enumerate(course.batches):
            self._set_rate(course.next_rate())
            if listened:
                self.notify("on_batch_begin", batch=batch[:2], training=True)
            tell_rows(hook, course.batches.rows)
            loss, outputs = self._step(batch, chain, hook)
            n_right = tally.add(loss, outputs, batch[1])
            if step % _LOSS_CHECK_EVERY == 0:
                self._check_finite(tally.loss, course.lr)
            if hook is not None and hook.after_step(course.step / course.steps):
                self._begin_anew(hook)
                self.module_.train()
                chain, replaced = self._chain(), True
            if listened:
                self.history.record_batch("train_loss", loss.item())
                self.history.record_batch("train_batch_size", len(batch[0]))
                self.notify(
                    "on_batch_end", batch=batch[:2], training=True, loss=loss, n_right=n_right
                )
        self._check_finite(tally.loss, course.lr)
        tally.record(self.history, "train")
        self.history.record("lr", course.last_rate)
        return replaced

    def _chain(self) -> Chain | None:
        return Chain.of(self.module_) if torch.device(self.device).type == "cpu" else None

    def _step(
        self, batch: Batch, chain: Chain | None, hook: TrainingHook | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, targets, weights = batch
        if chain is None:
            self.optimizer_.zero_grad(set_to_none=True)
            with self._streams()[0].borrowed(), self._autocast(self.autocast_dtype):
                outputs = self.module_(inputs)
        else:
            with self._streams()[0].borrowed() if chain.draws else nullcontext():
                outputs = chain.forward(inputs, self.autocast_dtype or torch.float32)
            outputs.requires_grad_()
        loss = self.criterion_(outputs, targets, weights)
        penalty = None if hook is None else hook.penalty()
        if chain is None:
            (loss if penalty is None else loss + penalty).backward()
        else:
            loss.backward()
            assert outputs.grad is not None
            chain.backward(outputs.grad)
            if penalty is not None and penalty.requires_grad:
                penalty.backward()  # Adds to the gradients, which the chain sets.
        self.optimizer_.step()
        return loss.detach(), outputs.detach()

    @torch.inference_mode()
    def _validate(self, batches: Batches) -> None:
        self.module_.eval()
        tally = Tally(self.device)
        with self._autocast(self.predict_dtype):
            for inputs, targets, weights in batches:
                outputs = self.module_(inputs)
                tally.add(self.criterion_(outputs, targets, weights), outputs, targets)
        tally.record(self.history, "valid")

    def _check_finite(self, total: torch.Tensor, peak: float) -> None:
        if math.isfinite(float(total)):
            return
        rate = self.optimizer_.param_groups[0]["lr"]
        raise TrainingDivergedError(
            f"The training loss is not finite in epoch {len(self.history)} at learning rate "
            f"{rate:.3g}. Did you mean a smaller one, lr={peak / 10:.3g}?"
        )

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer_.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)

    def _is_listened_to(self) -> bool:
        return any(
            type(callback).on_batch_end is not Callback.on_batch_end
            or type(callback).on_batch_begin is not Callback.on_batch_begin
            for _, callback in self.callbacks_
        )

    def _autocast(self, dtype: torch.dtype | None) -> AbstractContextManager[None]:
        if dtype is None:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "_running_streams" in state:
            stream, generator = state["_running_streams"]
            state["_running_streams"] = (stream, generator.get_state())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_running_streams" in state:
            stream, saved = state["_running_streams"]
            generator = torch.Generator()
            generator.set_state(saved)
            state = {**state, "_running_streams": (stream, generator)}
        super().__setstate__(state)
