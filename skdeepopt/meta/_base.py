"""What every wrapper around a deep estimator does: take a trained copy, and answer through it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt.estimators._raw_net import RawNetEstimator
from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._raw_net import is_raw_net

__all__ = [
    "DeepWrapper",
    "check_base",
    "fitted_has",
    "innermost",
    "is_fitted",
    "seeded",
    "takes_hook",
    "trained_copy",
]


def fitted_has(name: str) -> Callable[[Any], bool]:
    """Whether what answers in a wrapper has a method."""

    def check(self: Any) -> bool:
        return bool(self._offers(name))

    return check


_ANSWERS = {"predict", "predict_proba", "decision_function", "score", "_answer", "_offers"}


class DeepWrapper(MetaEstimatorMixin, BaseEstimator):
    """Answers through ``estimator_``, a fitted deep estimator, and is one itself."""

    estimator: Any
    estimator_: Any
    _passes_on = True
    """Whether ``estimator_`` answers everything as it stands, so that others may ask it at once."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        nearer = cls.__mro__[: cls.__mro__.index(DeepWrapper)]
        cls._passes_on = not any(_ANSWERS & vars(each).keys() for each in nearer)

    @property
    def module_(self) -> nn.Module:
        """The torch module that answers."""
        return self.estimator_.module_

    @property
    def classes_(self) -> np.ndarray:
        """Labels, sorted."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """Numbers in a sample."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Columns of the DataFrame, where ``fit`` saw one."""
        return self.estimator_.feature_names_in_

    @property
    def image_shape_(self) -> tuple[int, ...]:
        """Shape of a sample as the module sees it."""
        return self.estimator_.image_shape_

    @property
    def history_(self) -> list[dict[str, Any]]:
        """An entry an epoch, of the training before the compression too."""
        return self.estimator_.history_

    @property
    def lr(self) -> float:
        """Peak learning rate of the wrapped estimator."""
        return getattr(self, "estimator_", self.estimator).lr

    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> DeepWrapper:
        """Train further, and stay as compressed as before.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What another compression takes part in the training with.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        with self._held():
            self.estimator_.finetune(
                X, y, epochs=epochs, lr=lr, sample_weight=sample_weight, hook=hook
            )
        return self

    def _held(self) -> AbstractContextManager[None]:
        """While the network trains further: holds what the compression has gained."""
        return nullcontext()

    @available_if(fitted_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predictions of the network.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        predictions : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return self._answer("predict", X)

    @available_if(fitted_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        return self._answer("predict_proba", X)

    @available_if(fitted_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Logits of the network.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
        """
        return self._answer("decision_function", X)

    @available_if(fitted_has("score"))
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of a classifier, coefficient of determination of a regressor.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,) or None, default=None

        Returns
        -------
        score : float
        """
        self._check_fitted()
        return self.estimator_.score(X, y, sample_weight=sample_weight)

    def _offers(self, method: str) -> bool:
        """Whether the fitted estimator has a method, or else the one to be fitted."""
        return hasattr(self._answering or self.estimator, method)

    def _answer(self, method: str, X: Any) -> np.ndarray:
        """What a method of the fitted estimator answers."""
        self._check_fitted()
        answers: np.ndarray = getattr(self._answering, method)(X)
        return answers

    @property
    def _answering(self) -> Any:
        """The fitted estimator that answers, past all wrappers that pass on; None before ``fit``.

        Asked one by one, they take longer than a small network.
        """
        inner: Any = self.__dict__.get("estimator_")
        while getattr(type(inner), "_passes_on", False):
            inner = inner.estimator_
        return inner

    def _check_fitted(self) -> None:
        """At a glance; scikit-learn's check takes longer than a small network."""
        if not hasattr(self, "estimator_"):
            check_is_fitted(self)

    @property
    def _engine(self) -> Any:
        """What answers in the module's place, if anything does."""
        return self.estimator_._engine

    def _answer_through(self, engine: Any) -> None:
        """Let an engine answer in the module's place, until the next training."""
        self.estimator_._answer_through(engine)

    def _network_inputs(self, X: Any) -> torch.Tensor:
        """Samples as the network takes them."""
        return self.estimator_._network_inputs(X)

    def _network_changed(self) -> None:
        """The network has other shapes, and answers as before."""
        self.estimator_._network_changed()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def check_base(owner: str, estimator: Any) -> None:
    """Check that a wrapper can wrap `estimator`.

    Parameters
    ----------
    owner : str
        Who asks; opens every message.
    estimator : deep estimator, skorch net, or FrozenEstimator of one

    Raises
    ------
    TypeError
        It is something else.
    NotFittedError
        A frozen one is not fitted.
    """
    frozen = isinstance(estimator, FrozenEstimator)
    inner = estimator.estimator if frozen else estimator
    if isinstance(inner, type) or not (hasattr(inner, "finetune") or is_raw_net(inner)):
        raise TypeError(
            f"{owner}.estimator is a deep estimator such as CNNClassifier(), a skorch net, or a "
            f"FrozenEstimator of one, not {inner!r}.{_slip(owner, inner)}"
        )
    if frozen and not is_fitted(inner):
        raise NotFittedError(
            f"{owner}.estimator is frozen, so it has to be fitted, and {type(inner).__name__} is "
            f"not. A loaded model file does not hold the base that was compressed; did you mean "
            f"set_params(estimator=...) before another fit?"
        )


def trained_copy(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    seed: int | None = None,
    hook_for: Callable[[nn.Module], TrainingHook] | None = None,
) -> Any:
    """Fitted deep estimator of one's own: a copy of a frozen one, else a clone, fitted.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
        Never changed.
    X, y, sample_weight
        As in ``fit``.
    seed : int or None, default=None
        Given to a clone, and to all estimators inside, where they have no random state.
    hook_for : callable or None, default=None
        Makes a hook for the new module. Takes an estimator that builds its network itself.
    """
    if isinstance(estimator, FrozenEstimator):
        inner = estimator.estimator
        if is_raw_net(inner):
            return RawNetEstimator.of_fitted(inner, X, y, sample_weight)
        copied = copy.deepcopy(inner)
        return copied.finetune(X, y, epochs=0, sample_weight=sample_weight)  # checks the data
    if is_raw_net(estimator):
        return RawNetEstimator(estimator).fit(X, y, sample_weight)
    copied = seeded(clone(estimator), seed)
    if hook_for is not None:
        return copied._fit_hooked(X, y, sample_weight, hook_for)
    rest = {} if sample_weight is None else {"sample_weight": sample_weight}
    return copied.fit(X, y, **rest)


def seeded(estimator: Any, seed: int | None) -> Any:
    """Estimator itself, with a seed for it, and for all inside, where they have no random state."""
    parameters = estimator.get_params() if seed is not None else {}
    open_ = [n for n, v in parameters.items() if v is None and n.endswith("random_state")]
    return estimator.set_params(**dict.fromkeys(open_, seed)) if open_ else estimator


def innermost(model: Any) -> Any:
    """Fitted estimator that owns the net, in all wrappers around it."""
    return model if hasattr(model, "net_") else innermost(model.estimator_)


def takes_hook(estimator: Any) -> bool:
    """Whether a hook can take part in the first training: the estimator builds its own network.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
    """
    # A frozen estimator passes every attribute of the one inside on.
    return not isinstance(estimator, FrozenEstimator) and hasattr(estimator, "_fit_hooked")


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator, or a skorch net, has been fitted."""
    if is_raw_net(estimator):
        return bool(estimator.initialized_)
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _slip(owner: str, given: Any) -> str:
    if isinstance(given, type):
        return f" Did you mean {given.__name__}()?"
    if hasattr(given, "steps"):
        return f" Did you mean {owner} as the last step of the pipeline?"
    if isinstance(given, nn.Module):
        return " Did you mean NeuralClassifier(module)?"
    return ""
