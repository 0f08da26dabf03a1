"""A deep estimator that begins with what another network has learned."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, TransformerTags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt._random import seed_from
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.meta._base import DeepWrapper
from skdeepopt.meta._transfer_answers import TransferAnswers, learns_on
from skdeepopt.meta._transfer_checks import check_transfer, classifies, speaking_as
from skdeepopt.meta._transfer_network import (
    image_shapes,
    inside_estimator,
    matched,
    network_arguments,
)
from skdeepopt.meta._transfer_plan import TransferPlan
from skdeepopt.meta._transfer_state import restore_transfer, transfer_state
from skdeepopt.sources._resolve import resolve_source
from skdeepopt.sources._source import Source
from skdeepopt.training._hook import Hooks, TrainingHook
from skdeepopt.training._threads import fair_threads
from skdeepopt.transfer._batch_norm import KeptBatchNorm

__all__ = ["TransferEstimator"]


class TransferEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, TransferAnswers, DeepWrapper
):
    """Take over a pretrained network, give it a new head, and train it on few labels.

    Parameters
    ----------
    source : str, path, fitted estimator, torch module, or tuple, default="mnist-compact"
        What to begin with: a network of this package by its name ("mnist-compact" has seen
        handwritten digits); ``"timm:NAME"`` or ``"hf:NAME"`` where timm or transformers is
        installed; a file that ``skdeepopt.save`` wrote; a fitted deep estimator or skorch net, in
        ``FrozenEstimator``, so that clones keep it; a torch module, its class or a factory; or a
        pair of a ``.safetensors`` file and the module that its weights belong to. Its last linear
        layer is left out. It is never changed.
    strategy : {"features", "finetune", "probe_then_finetune", "gradual"}, \
default="probe_then_finetune"
        What learns. The head alone, on features that are computed once and kept for the next fit;
        all layers, with a new head; the head alone first, and then all layers; or the head first,
        and one layer more after another, from the last one down. Where all layers learn and the
        source tells the very classes of y apart, its own head stays in the place of a new one.
    head : {"linear", "linear_regression"}, classifier or regressor, default="linear"
        "linear" classifies, "linear_regression" predicts numbers. An estimator of scikit-learn
        learns on the features of the network, after whatever the strategy trains; a transfer with
        one has no ``finetune``.
    unlabelled : array-like or None, default=None
        More images like those of X. The network learns to answer the same for an image and for a
        strongly changed one, where it is sure enough. Not for "features".
    image_shape : tuple of int or None, default=None
        As in :class:`CNNClassifier`. Images of another size than the source's are resized, a single
        channel is repeated, three become grey, and pixels are scaled to the source's range.
    max_epochs : int or "auto", default="auto"
        Passes over the data; "auto" is as many as give about 300 steps, from 5 to 100.
    batch_size, lr, weight_decay, precision, device, verbose
        As in :class:`CNNClassifier`.
    rate_decay : float, default=1.0
        Factor of the learning rate from each layer to the one below it, in (0, 1].
    l2_sp : float, default=0.0
        Strength of the pull of the weights back to the source's.
    batch_norm : {"adapt", "estimate", "keep"}, default="adapt"
        Statistics of batch norms: estimated from the new data, and following the batches while
        all layers train; estimated and then kept; or the source's throughout.
    label_smoothing, augment, class_weight
        As in :class:`CNNClassifier`; the first and last are for classifiers. Features that are
        computed once are those of images as they are.
    random_state : int, RandomState instance or None, default=None
        Of the new head, shuffling, dropout, augmentation, and a head's where it has none of its
        own.

    Attributes
    ----------
    estimator_ : NeuralClassifier or NeuralRegressor
        Fitted, around a ``skdeepopt.nets.TransferNetwork``.
    head_ : fitted estimator
        Where `head` is one; it answers.
    source_digest_ : str
        SHA-256 of the source's structure and weights.
    module_ : torch.nn.Module
        Takes raw pixels; answers with its own linear head.
    classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in :class:`CNNClassifier`.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, there is no such source, or its shape cannot be matched.

    Notes
    -----
    A model file holds the network and neither the source, which need not be there when it is
    loaded, nor the unlabelled images.

    References
    ----------
    Kumar, Raghunathan, Jones, Ma & Liang (2022), arXiv:2202.10054 (probe, then fine-tune). Howard
    & Ruder (2018), arXiv:1801.06146 (gradual unfreezing, rates by depth). Li, Grandvalet & Davoine
    (2018), arXiv:1802.01483 (L2-SP). Sohn et al. (2020), arXiv:2001.07685 (unlabelled images).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import TransferEstimator
    >>> X, y = load_digits(return_X_y=True)
    >>> model = TransferEstimator(max_epochs=20, random_state=0).fit(X[::9], y[::9])
    >>> bool(model.score(X[1::9], y[1::9]) > 0.9)
    True
    >>> model.transform(X[:3]).shape
    (3, 256)
    """

    _base_is_dropped = True
    _data_is_dropped = ("unlabelled",)
    _lacks_unlabelled = False
    """Whether a model file, which holds no images, left them out."""

    lr: Any = None

    def __init__(
        self,
        source: Any = "mnist-compact",
        *,
        strategy: str = "probe_then_finetune",
        head: Any = "linear",
        unlabelled: Any = None,
        image_shape: Any = None,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        lr: float = 0.003,
        weight_decay: float = 0.01,
        rate_decay: float = 1.0,
        l2_sp: float = 0.0,
        batch_norm: str = "adapt",
        label_smoothing: float = 0.0,
        augment: Any = None,
        class_weight: Any = None,
        precision: str = "auto",
        device: Any = "auto",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.head = head
        self.unlabelled = unlabelled
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.rate_decay = rate_decay
        self.l2_sp = l2_sp
        self.batch_norm = batch_norm
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.class_weight = class_weight
        self.precision = precision
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TransferEstimator:
        """Take over the source's network, and train what the strategy says.

        Parameters
        ----------
        X, y, sample_weight
            As in :class:`CNNClassifier`.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            A parameter or the data are out of range. What was fitted before is kept.
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
    ) -> TransferEstimator:
        """Fit with the hook that `hook_for` makes for the new network."""
        owner = type(self).__name__
        with speaking_as(owner), fair_threads():
            self._check_parameters()
            source = resolve_source(self.source, owner=owner)
            image_shape, shape = image_shapes(X, self.image_shape, owner=owner)
            if shape is not None:
                source = matched(source, shape, owner=owner)
            inner = inside_estimator(self, network_arguments(source), image_shape)
            head = self._plan().fit(
                inner, source, (X, y, sample_weight), unlabelled=self.unlabelled, hook_for=hook_for
            )
        self._learn(inner, head, source)
        return self

    @available_if(learns_on)
    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> TransferEstimator:
        """Train all layers further, whatever the strategy; batch norms adapt or keep as in fit.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What a compression takes part in the training with.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        options = {"epochs": epochs, "lr": lr, "sample_weight": sample_weight}
        with speaking_as(type(self).__name__):
            if self.batch_norm == "adapt" or not epochs:
                self.estimator_.finetune(X, y, hook=hook, **options)
                return self
            kept = KeptBatchNorm(self.module_)
            hooks = [kept, *([] if hook is None else [hook])]
            try:
                self.estimator_.finetune(X, y, hook=Hooks(*hooks), **options)
            except BaseException:
                kept.restore()
                raise
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Features of the network, before its head.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
        """
        check_is_fitted(self)
        return np.array(self._features(X))

    def _check_parameters(self) -> None:
        check_transfer(self)
        inside_estimator(self, {}, self.image_shape)._check_parameters()
        if self._lacks_unlabelled and self.unlabelled is None:
            warnings.warn(
                f"{type(self).__name__}.unlabelled was left out of the model file, and this fit "
                f"trains without. Did you mean set_params(unlabelled=...) first?",
                UserWarning,
                stacklevel=4,
            )

    def _plan(self) -> TransferPlan:
        return TransferPlan(
            owner=type(self).__name__,
            strategy=self.strategy,
            rate_decay=float(self.rate_decay),
            l2_sp=float(self.l2_sp),
            batch_norm=self.batch_norm,
            epochs=None if isinstance(self.max_epochs, str) else int(self.max_epochs),
            head=None if isinstance(self.head, str) else self.head,
            seed=seed_from(self.random_state, owner=type(self).__name__),
        )

    def _learn(self, inner: Any, head: Any, source: Source) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        self.estimator_ = inner
        self.source_digest_ = source.digest
        self._origin = {"recipe": source.recipe, "pixel_range": source.pixel_range}
        self._lacks_unlabelled = False
        if head is not None:
            self.head_ = head
        elif hasattr(self, "head_"):
            del self.head_

    def _fitted_state(self) -> dict[str, Any]:
        check_is_fitted(self)
        return transfer_state(self)

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        restore_transfer(self, state)

    def __sklearn_tags__(self) -> Tags:
        inside = NeuralClassifier() if classifies(self.head) else NeuralRegressor()
        tags: Tags = get_tags(inside)
        tags.transformer_tags = TransformerTags(preserves_dtype=["float32"])
        if not isinstance(self.head, str):
            tags.target_tags.multi_output = get_tags(self.head).target_tags.multi_output
        return tags
