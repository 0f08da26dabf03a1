"""A skorch net of the user's own, behind the protocol of deep estimators."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Tags, check_consistent_length, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt.data._rows import as_array
from skdeepopt.estimators._samples import as_history
from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._raw_net import is_raw_binary_net, train_raw_net

__all__ = ["RawNetEstimator"]


def _classifies(self: RawNetEstimator) -> bool:
    return is_classifier(self.net)


class RawNetEstimator(MetaEstimatorMixin, BaseEstimator):
    """Labels of any type in and out, and ``finetune``, around a skorch net.

    Parameters
    ----------
    net : skorch.NeuralNet
        Never changed. An initialized one is what is trained so far; ``fit`` starts anew.

    Attributes
    ----------
    net_, module_, classes_, n_features_in_, image_shape_, history_
        As in :class:`CNNClassifier`; the net trains by its own loop and settings.
    """

    image_shape_: tuple[int, ...]
    _engine: Any = None
    """What answers in the module's place, if anything does."""

    def __init__(self, net: Any) -> None:
        self.net = net

    @classmethod
    def of_fitted(cls, net: Any, X: Any, y: Any, sample_weight: Any = None) -> RawNetEstimator:
        """Fitted estimator around a copy of a fitted net, for data such as those given."""
        adopted = cls(net)
        adopted.net_ = copy.deepcopy(net)
        if is_classifier(net):
            known = hasattr(net, "classes_inferred_") or net.classes is not None
            adopted.classes_ = np.asarray(net.classes_) if known else np.unique(np.asarray(y))
        inputs, _ = adopted._read(X, y, sample_weight)
        adopted._try(inputs[:2])
        return adopted

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RawNetEstimator:
        """Train a clone of the net from the start.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Handed to the module as float32 where it is of floats, else as it is.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : None
            A skorch net takes none.

        Returns
        -------
        self : estimator
        """
        self.net_ = clone(self.net)
        if is_classifier(self.net):
            self.classes_ = np.unique(np.asarray(y))
        inputs, targets = self._read(X, y, sample_weight)
        self.net_.initialize()
        train_raw_net(self.net_, inputs, targets, epochs=self.net_.max_epochs)
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
    ) -> RawNetEstimator:
        """Train the fitted net further.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
        lr : float or None, default=None
            Learning rate; None is a tenth of the net's own.
        hook : TrainingHook or None, default=None

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        inputs, targets = self._read(X, y, sample_weight)
        rate = self.lr / 10 if lr is None else lr
        self._engine = None
        train_raw_net(self.net_, inputs, targets, epochs=epochs, lr=rate, hook=hook)
        if epochs == 0 and hook is not None:
            batches = (
                torch.from_numpy(inputs).to(self.net_.device).split(max(1, self.net_.batch_size))
            )
            reestimate_batch_norm(self.module_, batches)
        return self

    @property
    def lr(self) -> float:
        """Learning rate that the net was made with."""
        return float(self.net.lr)

    @property
    def module_(self) -> nn.Module:
        """The trained torch module."""
        return self.net_.module_

    @property
    def history_(self) -> list[dict[str, Any]]:
        """An entry an epoch."""
        return as_history(self.net_.history)

    def predict(self, X: Any) -> np.ndarray:
        """Most likely labels, or predicted targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        predictions : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        check_is_fitted(self)
        if is_classifier(self.net):
            return self.classes_[self.predict_proba(X).argmax(1)]
        answers = self._answers(_inputs(X)).astype(np.float64)
        return answers[:, 0] if self._is_flat_target else answers

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, as the net has it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self._answers(_inputs(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, or the coefficient of determination.

        Parameters
        ----------
        X, y, sample_weight : array-like

        Returns
        -------
        score : float
        """
        metric = accuracy_score if is_classifier(self.net) else r2_score
        return float(metric(y, self.predict(X), sample_weight=sample_weight))

    def _answer_through(self, engine: Any) -> None:
        """Let an engine answer in the module's place, until the next training."""
        self._engine = engine

    def _network_changed(self) -> None:
        """The network has other shapes, and answers as before."""
        self.net_.initialize_optimizer()

    def _network_inputs(self, X: Any) -> torch.Tensor:
        """Samples as the network takes them, of shape (n_samples, *image_shape_)."""
        return torch.from_numpy(_inputs(X))

    def _answers(self, inputs: np.ndarray) -> np.ndarray:
        """Probabilities of a classifier, targets of a regressor."""
        if self._engine is None:
            return np.asarray(self.net_.predict_proba(inputs))
        outputs = torch.from_numpy(self._engine.run(inputs.astype(np.float32)))
        return np.asarray(self.net_._get_predict_nonlinearity()(outputs))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.net)

    def _try(self, inputs: np.ndarray) -> None:
        try:
            self.net_.predict(inputs)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"{type(self.net).__name__} was fitted on samples of another shape or number type "
                f"than {inputs.shape[1:]} of {inputs.dtype}: {type(error).__name__}: {reason}"
            ) from error

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray]:
        name = type(self.net).__name__
        if sample_weight is not None:
            raise ValueError(f"{name} is a skorch net, which takes no sample_weight.")
        inputs = _inputs(X)
        check_consistent_length(inputs, y)
        shape = inputs.shape[1:]
        if getattr(self, "image_shape_", shape) != shape:
            raise ValueError(
                f"{name} was fitted on samples of shape {self.image_shape_}, not {shape}."
            )
        self.image_shape_, self.n_features_in_ = shape, int(np.prod(shape))
        return inputs, self._targets(np.asarray(y))

    def _targets(self, y: np.ndarray) -> np.ndarray:
        if not is_classifier(self.net):
            self._is_flat_target = y.ndim == 1
            return y.astype(np.float32).reshape(len(y), -1)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"{type(self.net).__name__} was fitted on the classes {self.classes_.tolist()}, "
                f"but y also has {unknown[:5].tolist()}."
            )
        number = np.float32 if is_raw_binary_net(self.net) else np.int64
        return np.searchsorted(self.classes_, y).astype(number)


def _inputs(X: Any) -> np.ndarray:
    array = as_array(X, owner="skorch net") if isinstance(X, torch.Tensor) else np.asarray(X)
    number = np.float32 if array.dtype.kind == "f" else array.dtype
    return np.require(array, number, "W")  # torch warns of memory that it may not write
