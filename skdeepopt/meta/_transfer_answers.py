"""What a transfer answers: through its network, or through a head that reads the features."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import check_is_fitted

from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.meta._features import features_of
from skdeepopt.meta._transfer_checks import classifies, speaking_as

__all__ = ["TransferAnswers", "learns_on"]


def learns_on(self: Any) -> bool:
    """Whether the network answers itself."""
    return bool(self._has_inside_head)


class TransferAnswers:
    """Features of a fitted network, and predictions of whichever head it has."""

    strategy: Any
    head: Any
    head_: Any
    estimator_: Any

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
        metric = accuracy_score if self._classifies else r2_score
        return float(metric(y, self._answer("predict", X), sample_weight=sample_weight))

    @property
    def _has_inside_head(self) -> bool:
        """Whether the network answers itself, or will."""
        return not hasattr(self, "head_") if self._is_fitted else isinstance(self.head, str)

    @property
    def _classifies(self) -> bool:
        return is_classifier(self.estimator_) if self._is_fitted else classifies(self.head)

    @property
    def _is_fitted(self) -> bool:
        return hasattr(self, "estimator_")

    @property
    def _n_features_out(self) -> int:
        network: Any = self.estimator_.module_
        return int(network.head.in_features)

    def _offers(self, method: str) -> bool:
        """Whether the head has a method, or will."""
        if not self._has_inside_head:
            return hasattr(getattr(self, "head_", self.head), method)
        return hasattr(NeuralClassifier if self._classifies else NeuralRegressor, method)

    def _answer(self, method: str, X: Any) -> np.ndarray:
        """What a method of the network, or of the head on its features, answers."""
        if not self._is_fitted:
            check_is_fitted(self)
        with speaking_as(type(self).__name__):
            inside = self._has_inside_head
            answers: np.ndarray = (
                getattr(self.estimator_, method)(X)
                if inside
                else getattr(self.head_, method)(self._features(X).astype(np.float64))
            )
        return answers

    def _features(self, X: Any) -> np.ndarray:
        with speaking_as(type(self).__name__):
            images, net = self.estimator_._network_inputs(X), self.estimator_.net_
            keep = self.strategy == "features"
            return features_of(net.module_, images, net.device, keep=keep)
