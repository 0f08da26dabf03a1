"""Image estimators around the built-in networks."""

from __future__ import annotations

from collections import OrderedDict
from numbers import Real
from typing import Any

import torch
from torch import nn

from skdeepopt._validation import check_choice, check_flag, check_integer, check_ratio, check_real
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._samples import channel_statistics
from skdeepopt.estimators._targets import DeepClassifier, DeepRegressor
from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._registry import ARCHITECTURES, build_network
from skdeepopt.training._batches import TensorData

__all__ = ["CNNClassifier", "CNNRegressor"]


class _CNN(DeepEstimator):
    """Builds a named architecture behind a layer that standardizes the pixels."""

    architecture: Any
    widths: Any
    depth: Any
    standardize: Any
    dropout: Any

    def _build_module(self, n_outputs: int, data: TensorData | None) -> nn.Module:
        network = build_network(
            self.architecture,
            self._layout.shape,
            n_outputs,
            widths=self.widths,
            depth=self.depth,
            dropout=float(self.dropout),
        )
        if not self.standardize:
            return network
        channels = self._layout.shape[0]
        blank = (torch.zeros(channels), torch.ones(channels))
        layer = Standardize(*(blank if data is None else channel_statistics(data)))
        return nn.Sequential(OrderedDict(standardize=layer, network=network))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice(self, "architecture", ARCHITECTURES)
        check_ratio(self, "dropout")
        if self.depth is not None:
            check_integer(self, "depth")
        if isinstance(self.widths, Real):
            check_real(self, "widths", inclusive=False)
        check_flag(self, "standardize")


class CNNClassifier(DeepClassifier, _CNN):
    """Convolutional network that classifies images.

    Parameters
    ----------
    architecture : {"compact", "lenet5", "lenet300", "mlp", "residual"}, default="compact"
        Which of ``skdeepopt.nets``.
    widths : sequence of int, float or None, default=None
        Channels or units of each stage; a number multiplies the architecture's own.
    depth : int or None, default=None
        Repeats of each stage, for "compact" and "residual".
    image_shape : (height, width), (channels, height, width), (height, width, channels) or None, \
default=None
        Shape of an image. Without it a flat square row is one square channel, any other flat row
        is an image of one row, and the channel axis of 4-D data is the short one.
    standardize : bool, default=True
        Learn each channel's mean and deviation in ``fit``, and make the standardization the first
        layer of the network.
    max_epochs : int, default=10
        Passes over the data.
    batch_size : int or "auto", default="auto"
        Samples a step, at most as many as there are; "auto" is 16 to 128 by the size of the data.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"} or torch optimizer class, default="adamw"
        "sgd" has Nesterov momentum 0.9.
    lr : float, default=0.01
        Peak learning rate.
    weight_decay : float, default=0.01
        Of weights; biases and norms are not decayed.
    schedule : {"onecycle", "cosine", "linear", "constant"}, default="onecycle"
        Course of the learning rate, step by step.
    dropout : float, default=0.0
        Share of the last features that is dropped while training, in [0, 1).
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes, in [0, 1).
    augment : ImageAugmenter, callable or None, default=None
        ``augment(batch, generator)`` changes each training batch.
    class_weight : dict, "balanced" or None, default=None
        Factor of each class in the loss.
    validation_fraction : float or None, default=None
        Share of the samples that is held out, in [0, 1); None is 0.1 with early stopping, else 0.
    early_stopping : bool, default=False
        End when the validation loss has not improved for `n_iter_no_change` epochs, and put the
        best weights back.
    n_iter_no_change : int, default=5
        Patience of early stopping, in epochs.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of matrix products in training. "auto" is bfloat16 where the processor has it in hardware,
        and float32 at predict.
    device : str or torch.device, default="auto"
        "auto" is the first CUDA device, else the CPU.
    warm_start : bool, default=False
        Let ``fit`` go on from the present weights.
    callbacks : list of skorch callbacks or None, default=None
        Passed on to the skorch net.
    verbose : int, default=0
        1 shows a progress bar on a terminal, a line an epoch elsewhere.
    random_state : int, RandomState instance or None, default=None
        Of initial weights, shuffling, dropout, augmentation and the validation split. The global
        generators are left as they are.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    module_ : torch.nn.Module
        Its torch module; takes raw pixels (n_samples, channels, height, width), emits logits.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    n_features_in_ : int
        Numbers in an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Columns of the DataFrame, where ``fit`` saw one.
    image_shape_ : tuple of (channels, height, width)
        Shape of an image as the module sees it.
    history_ : list of dict
        An entry an epoch: losses, scores, learning rate, seconds.
    n_parameters_ : int
        Numbers that training adjusts.

    Notes
    -----
    The samples are trained on in an order that depends on their content and `random_state`, not on
    their place in `X`, so that the order of rows changes nothing, and an integer sample weight is
    the same as repeating the row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(max_epochs=5, random_state=0).fit(X[:1000], y[:1000])
    >>> bool(model.score(X[1000:], y[1000:]) > 0.9)
    True
    """

    def __init__(
        self,
        architecture: str = "compact",
        *,
        widths: Any = None,
        depth: int | None = None,
        image_shape: Any = None,
        standardize: bool = True,
        max_epochs: int = 10,
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.01,
        weight_decay: float = 0.01,
        schedule: str = "onecycle",
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        augment: Any = None,
        class_weight: Any = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 5,
        precision: str = "auto",
        device: Any = "auto",
        warm_start: bool = False,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.widths = widths
        self.depth = depth
        self.image_shape = image_shape
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.device = device
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state


class CNNRegressor(DeepRegressor, _CNN):
    """Convolutional network that predicts numbers from images.

    Parameters
    ----------
    architecture, widths, depth, image_shape, standardize, max_epochs, batch_size, optimizer, lr, \
weight_decay, schedule, dropout, augment, validation_fraction, early_stopping, n_iter_no_change, \
precision, device, warm_start, callbacks, verbose, random_state
        As in :class:`CNNClassifier`.

    Attributes
    ----------
    net_, module_, n_features_in_, feature_names_in_, image_shape_, history_, n_parameters_
        As in :class:`CNNClassifier`. The module emits targets standardized to mean 0 and
        deviation 1; ``predict`` scales them back.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepopt import CNNRegressor
    >>> X = np.random.default_rng(0).random((400, 8, 8))
    >>> brightness = X.mean((1, 2))
    >>> model = CNNRegressor(max_epochs=20, random_state=0).fit(X[:300], brightness[:300])
    >>> bool(model.score(X[300:], brightness[300:]) > 0.5)
    True
    """

    def __init__(
        self,
        architecture: str = "compact",
        *,
        widths: Any = None,
        depth: int | None = None,
        image_shape: Any = None,
        standardize: bool = True,
        max_epochs: int = 10,
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.01,
        weight_decay: float = 0.01,
        schedule: str = "onecycle",
        dropout: float = 0.0,
        augment: Any = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 5,
        precision: str = "auto",
        device: Any = "auto",
        warm_start: bool = False,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.widths = widths
        self.depth = depth
        self.image_shape = image_shape
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.dropout = dropout
        self.augment = augment
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.device = device
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
