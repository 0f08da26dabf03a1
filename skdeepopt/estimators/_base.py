"""What every deep estimator does: read data, train a net, answer."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import nn

from skdeepopt._random import TorchStream, seed_from
from skdeepopt._validation import (
    check_integer,
    check_real,
)
from skdeepopt.data._layout import ImageLayout, infer_layout, layout_of
from skdeepopt.data._rows import as_array, as_rows
from skdeepopt.estimators._answers import AnswersMixin
from skdeepopt.estimators._keeping import (
    attributes_kept_on_failure,
    named_messages,
    weights_kept_on_failure,
)
from skdeepopt.estimators._module_check import check_module
from skdeepopt.estimators._parameters import check_training_parameters
from skdeepopt.estimators._samples import (
    INPUT_TYPES,
    as_history,
    as_tensor,
    auto_batch_size,
    held_out,
    training_data,
)
from skdeepopt.estimators._sklearn_callbacks import (
    CallbackSupportMixin,
    FitReporter,
    with_callbacks,
)
from skdeepopt.estimators._state import fitted_state, restore_state
from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.training._batches import Batches, TensorData
from skdeepopt.training._device import resolve_device, training_dtype
from skdeepopt.training._early_stopping import EarlyStop
from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._net import TensorNet
from skdeepopt.training._optimizers import optimizer_arguments
from skdeepopt.training._progress import progress_callback

__all__ = ["DeepEstimator"]

_DEFAULT_VALIDATION = 0.1

_STATISTICS_BATCH = 512


class DeepEstimator(AnswersMixin, CallbackSupportMixin, BaseEstimator):
    """A scikit-learn estimator that owns a skorch net.

    A subclass names the parameters, builds the module, and reads the targets.
    """

    # The parameters that subclasses store in their ``__init__``.
    image_shape: Any
    max_epochs: Any
    batch_size: Any
    optimizer: Any
    lr: Any
    weight_decay: Any
    schedule: Any
    augment: Any
    validation_fraction: Any
    early_stopping: Any
    n_iter_no_change: Any
    precision: Any
    device: Any
    warm_start: Any
    callbacks: Any
    verbose: Any
    random_state: Any

    net_: TensorNet

    @abstractmethod
    def _build_module(self, n_outputs: int, data: TensorData | None) -> nn.Module:
        """New module for images of ``self.image_shape_``; `data` is None for a loaded model."""

    @abstractmethod
    def _read_targets(self, y: Any, *, reset: bool) -> np.ndarray:
        """Targets as an array; with `reset`, learn what predictions need of them."""

    @abstractmethod
    def _finish_targets(self, data: TensorData, *, reset: bool) -> TensorData:
        """Targets as the loss takes them, and weights, of the samples that take part."""

    @abstractmethod
    def _n_outputs(self) -> int:
        """Outputs of the module for the targets that were read."""

    @abstractmethod
    def _criterion(self) -> nn.Module:
        """Loss, called with outputs, targets and weights."""

    @abstractmethod
    def _target_checks(self) -> dict[str, Any]:
        """How scikit-learn's ``validate_data`` shall check y."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DeepEstimator:
        """Train a new network, or the present one further with ``warm_start``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, channels, height, width), channels first or last
            Any number type; uint8 stays uint8 in memory.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            An integer weight equals repeating the sample.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            A parameter or the data are out of range.
        TrainingDivergedError
            The loss stopped being finite. What was fitted before is kept.
        """
        return self._fit_hooked(X, y, sample_weight, None)

    def _fit_hooked(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        hook_for: Callable[[nn.Module], TrainingHook] | None,
    ) -> DeepEstimator:
        """Fit with the hook that `hook_for` makes for the new module."""
        with attributes_kept_on_failure(self):
            self._check_parameters()
            return self._fit(X, y, sample_weight, hook_for)

    @with_callbacks
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        hook_for: Callable[[nn.Module], TrainingHook] | None,
    ) -> DeepEstimator:
        continued = bool(self.warm_start) and hasattr(self, "net_")
        data = self._read_training(X, y, sample_weight, reset=not continued)
        seed = seed_from(self.random_state, owner=type(self).__name__)
        data, validation = self._split(data, seed)
        if not continued:
            self.net_ = self._new_net(data, seed)
        self._prepare_net(data, fits=True)
        hook = None if hook_for is None else hook_for(self.module_)
        told = (X, y, sample_weight)
        self._train(data, validation, int(self.max_epochs), told=told, hook=hook)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> DeepEstimator:
        """Go once over one more chunk of data, at the constant rate ``lr``.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that will ever come, for a classifier's first chunk; by default
            those of this chunk.

        Returns
        -------
        self : estimator
        """
        with attributes_kept_on_failure(self):
            self._check_parameters()
            first = not hasattr(self, "net_")
            data = self._read_training(X, y, sample_weight, reset=first, classes=classes)
            if first:
                seed = seed_from(self.random_state, owner=type(self).__name__)
                self.net_ = self._new_net(data, seed)
            self._prepare_net(data, fits=False, fresh_optimizer=first)
            self._train(data, None, 1, schedule="constant")
        return self

    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> DeepEstimator:
        """Train the fitted network further, over a whole schedule of its own.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What a compression takes part in the training with. Without a step after it, the
            batch norm statistics are taken anew from the data.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self, "net_")
        passes = check_integer(self, "finetune.epochs", minimum=0, value=epochs)
        rate = None if lr is None else check_real(self, "finetune.lr", inclusive=False, value=lr)
        with attributes_kept_on_failure(self):
            self._check_parameters()
            data = self._read_training(X, y, sample_weight, reset=False)
            self._prepare_net(data, fits=False)
            rate = self._peak_rate() / 10 if rate is None else rate
            self._train(data, None, passes, lr=rate, hook=hook)
            if passes == 0 and hook is not None:
                batches = Batches(data, _STATISTICS_BATCH, torch.device(self.net_.device))
                reestimate_batch_norm(self.module_, (inputs for inputs, *_ in batches))
        return self

    @property
    def module_(self) -> nn.Module:
        """The trained torch module."""
        return self.net_.module_

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of a sample as the module sees it: (channels, height, width)."""
        return self._layout.shape

    @property
    def history_(self) -> list[dict[str, Any]]:
        """An entry an epoch: losses, scores, learning rate, seconds."""
        return as_history(self.net_.history)

    @property
    def n_parameters_(self) -> int:
        """Numbers that training adjusts."""
        return sum(parameter.numel() for parameter in self.module_.parameters())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _read_training(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None
    ) -> TensorData:
        rows, shape = as_rows(X, owner=type(self).__name__)
        if isinstance(y, torch.Tensor):
            y = as_array(y, owner=type(self).__name__)
        with named_messages(type(self).__name__):
            rows, y = validate_data(
                self,
                rows,
                y,
                reset=reset,
                dtype=list(INPUT_TYPES),
                ensure_min_samples=2,
                **self._target_checks(),
            )
            if sample_weight is not None:
                sample_weight = _check_sample_weight(
                    sample_weight, rows, dtype=np.float64, ensure_non_negative=True
                )
        layout = self._read_layout(shape or rows.shape, reset=reset)
        if sample_weight is not None:
            self._check_classes(y[sample_weight > 0])
        with named_messages(type(self).__name__):
            targets = self._read_targets(y if classes is None else (y, classes), reset=reset)
        inputs = layout.as_images(as_tensor(rows))
        data = training_data(inputs, rows, targets, sample_weight)
        return self._finish_targets(data, reset=reset)

    def _check_classes(self, y: np.ndarray) -> None:
        """Check the targets that are left when weightless samples are gone."""

    def _read_layout(self, shape: tuple[int, ...], *, reset: bool) -> ImageLayout:
        owner = type(self).__name__
        if reset:
            self._layout = infer_layout(shape, self.image_shape, owner=owner)
            return self._layout
        return layout_of(shape, self._layout, owner=owner)

    def _split(self, data: TensorData, seed: int) -> tuple[TensorData, TensorData | None]:
        fraction = self.validation_fraction
        if fraction is None:
            fraction = _DEFAULT_VALIDATION if self.early_stopping else 0.0
        if fraction == 0:
            return data, None
        if round(fraction * len(data)) > len(data) - 2:
            raise ValueError(
                f"{type(self).__name__}.validation_fraction leaves at least 2 of {len(data)} "
                f"samples to train on, which {fraction!r} does not."
            )
        return held_out(data, fraction, seed, stratify=not data.targets.is_floating_point())

    def _new_net(self, data: TensorData | None, seed: int) -> TensorNet:
        device = resolve_device(self.device, owner=type(self).__name__)
        optimizer, arguments = optimizer_arguments(self.optimizer)
        with TorchStream(seed, device).borrowed():
            module = self._built(data)
            check_module(module, self.image_shape_, self._n_outputs(), owner=type(self).__name__)
        channels_last: Any = {"memory_format": torch.channels_last}  # torch's stub lacks it.
        net = TensorNet(
            module.to(device=device, **channels_last),
            self._criterion(),
            optimizer=optimizer,
            lr=self._peak_rate(),
            weight_decay=float(self.weight_decay),
            device=device,
            seed=seed,
            **{f"optimizer__{name}": value for name, value in arguments.items()},
        )
        if data is None:
            return net.initialize_for_inference()
        try:
            return net.initialize()
        except (RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{type(self).__name__}.optimizer {optimizer.__name__} cannot train the module "
                f"{type(module).__name__}: {error}"
            ) from error

    def _built(self, data: TensorData | None) -> nn.Module:
        try:
            with named_messages(type(self).__name__):
                return self._build_module(self._n_outputs(), data)
        except RuntimeError as error:  # torch's, about sizes that are negative or too large
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"{type(self).__name__}: the network cannot be built: {reason}"
            ) from error

    def _prepare_net(self, data: TensorData, *, fits: bool, fresh_optimizer: bool = True) -> None:
        """Bring the net's settings in line with the parameters and the data at hand."""
        net, device = self.net_, resolve_device(self.device, owner=type(self).__name__)
        net.batch_size = self._batch_size(len(data), fits=fits)
        pixels = net.batch_size * data.inputs[0].numel()
        net.autocast_dtype = training_dtype(self.precision, device, pixels=pixels)
        net.predict_dtype = torch.bfloat16 if self.precision == "bfloat16" else None
        net.augment = self.augment
        if fresh_optimizer:
            net.lr, net.weight_decay = self._peak_rate(), float(self.weight_decay)
            net.initialize_optimizer()

    def _train(
        self,
        data: TensorData,
        validation: TensorData | None,
        epochs: int,
        *,
        lr: float | None = None,
        schedule: str | None = None,
        told: tuple[Any, Any, Any] | None = None,
        hook: TrainingHook | None = None,
    ) -> None:
        net = self.net_
        progress = [progress_callback(epochs)] if self.verbose else []
        net.callbacks = [*(self.callbacks or []), *progress]
        net.initialize_callbacks()
        reporter = None
        if told is not None:
            X, y, sample_weight = told
            metadata = {"sample_weight": sample_weight}
            reporter = FitReporter(self, epochs, X, y, metadata, self._learned)
        stop = EarlyStop(int(self.n_iter_no_change)) if self.early_stopping else None
        with weights_kept_on_failure(net, may_be_replaced=hook is not None):
            net.train(
                data,
                validation,
                epochs=epochs,
                lr=self._peak_rate() if lr is None else lr,
                schedule=self.schedule if schedule is None else schedule,
                early_stop=stop if validation is not None else None,
                observer=reporter,
                hook=hook,
            )
        if reporter is not None:
            reporter.fit_ended()

    def _learned(self) -> dict[str, Any]:
        """Fitted attributes as they are now, apart from those that training goes on with."""
        return {"net_": copy.deepcopy(self.net_)}

    def _peak_rate(self) -> float:
        return float(self.lr)

    def _batch_size(self, n_samples: int, *, fits: bool) -> int:
        if isinstance(self.batch_size, str):
            return min(auto_batch_size(n_samples), n_samples)
        if fits and self.batch_size > n_samples:
            raise ValueError(
                f"{type(self).__name__}.batch_size is 'auto' or an integer from 1 to the "
                f"{n_samples} samples to train on, not {self.batch_size!r}. Did you mean 'auto'?"
            )
        return min(int(self.batch_size), n_samples)

    def _check_parameters(self) -> None:
        check_training_parameters(self)

    def _fitted_state(self) -> dict[str, Any]:
        """What ``fit`` learned, in plain values, arrays and tensors: what a model file holds."""
        check_is_fitted(self, "net_")
        return fitted_state(self)

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`_fitted_state` gave, on an estimator with the same parameters."""
        restore_state(self, state)
