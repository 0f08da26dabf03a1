"""Reading labels and numbers to predict, and turning outputs back into them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from torch import nn

from skdeepopt._validation import check_ratio, did_you_mean, some_of
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.training._batches import TensorData
from skdeepopt.training._criteria import ClassificationLoss, RegressionLoss

__all__ = ["DeepClassifier", "DeepRegressor"]


class DeepClassifier(ClassifierMixin, DeepEstimator):
    """Labels of any type in, labels and probabilities out."""

    class_weight: Any
    label_smoothing: Any

    def predict(self, X: Any) -> np.ndarray:
        """Most likely label of each sample.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        codes = self._outputs(X).argmax(1)
        return self.classes_[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; each row sums to one.
        """
        logits = self._outputs(X).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(1, keepdims=True)
        return logits

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits of the network.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            For two classes, the second's logit less the first's.
        """
        logits = self._outputs(X).astype(np.float64)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        return tags

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_ratio(self, "label_smoothing")
        self._check_class_weight()

    def _check_class_weight(self) -> None:
        given, name = self.class_weight, type(self).__name__
        if given is None or (isinstance(given, str) and given == "balanced"):
            return
        allowed = f"{name}.class_weight is 'balanced', None or a dict of numbers of at least 0"
        if not isinstance(given, Mapping):
            error = ValueError if isinstance(given, str) else TypeError
            raise error(f"{allowed}, not {given!r}.{did_you_mean(given, ['balanced'])}")
        factors: list[Any] = list(given.values())
        if not all(isinstance(f, Real) and math.isfinite(f) and float(f) >= 0 for f in factors):
            raise ValueError(f"{allowed}, not {given!r}.")

    def _target_checks(self) -> dict[str, Any]:
        return {}

    def _read_targets(self, y: Any, *, reset: bool) -> np.ndarray:
        y, classes = y if isinstance(y, tuple) else (y, None)
        self._check_classes(y if classes is None else np.asarray(classes))
        if reset:
            self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"{type(self).__name__}.partial_fit takes the same classes each time, "
                f"{some_of(self.classes_)}, not {some_of(np.unique(classes))}."
            )
        codes = np.searchsorted(self.classes_, y)
        known = self.classes_[np.minimum(codes, len(self.classes_) - 1)] == y
        if not np.all(known):
            raise ValueError(
                f"{type(self).__name__} was fitted on the classes {some_of(self.classes_)}, but y "
                f"also has {some_of(np.unique(np.asarray(y)[~known]))}. Did you mean "
                f"partial_fit(X, y, classes=...) on the first chunk, or a new fit?"
            )
        return codes.astype(np.int64)

    def _check_classes(self, y: np.ndarray) -> None:
        name = type(self).__name__
        try:
            check_classification_targets(y)
        except ValueError as error:
            is_continuous = type_of_target(y).startswith("continuous")
            slip = name.replace("Classifier", "Regressor") if is_continuous else "y.astype(str)"
            raise ValueError(
                f"{name} takes class labels in y, all numbers or all strings. {error} Did you "
                f"mean {slip}?"
            ) from error
        classes = np.unique(y)
        if len(classes) < 2 and not hasattr(self, "net_"):
            raise ValueError(
                f"{name} needs at least 2 classes in y, not one class, {some_of(classes)}."
            )

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _finish_targets(self, data: TensorData, *, reset: bool) -> TensorData:
        if self.class_weight is None:
            return data
        labels = self.classes_[data.targets[data.index].numpy()]
        name = type(self).__name__
        try:
            factors = compute_class_weight(self.class_weight, classes=self.classes_, y=labels)
        except ValueError as error:
            raise ValueError(f"{name}.class_weight {self.class_weight!r}: {error}") from error
        weights = torch.from_numpy(factors)[data.targets]
        if not weights[data.index].any():
            raise ValueError(
                f"{name}.class_weight is above 0 for a class in y, not {self.class_weight!r}."
            )
        if data.weights is not None:
            weights = weights * data.weights
        weights = (weights / weights[data.index].mean()).float()
        return replace(data, weights=weights)

    def _criterion(self) -> nn.Module:
        return ClassificationLoss(float(self.label_smoothing))

    def _fitted_state(self) -> dict[str, Any]:
        return {**super()._fitted_state(), "classes": self.classes_}

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.classes_ = state["classes"]
        super()._restore_state(state)


class DeepRegressor(RegressorMixin, DeepEstimator):
    """One number or several to a sample; the network learns them standardized."""

    def predict(self, X: Any) -> np.ndarray:
        """Predicted targets.

        Parameters
        ----------
        X : array-like
            As in :meth:`fit`.

        Returns
        -------
        targets : ndarray of shape (n_samples,), or (n_samples, n_targets) as in ``fit``
        """
        outputs = self._outputs(X)
        outputs = outputs * self._target_scale + self._target_mean
        return outputs[:, 0] if self._is_flat_target else outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _target_checks(self) -> dict[str, Any]:
        return {"y_numeric": True, "multi_output": True}

    def _read_targets(self, y: Any, *, reset: bool) -> np.ndarray:
        y = y[0] if isinstance(y, tuple) else y
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        if reset:
            self._is_flat_target = np.ndim(y) == 1
        elif columns.shape[1] != self._n_outputs():
            raise ValueError(
                f"{type(self).__name__} was fitted on {self._n_outputs()} target columns, but y "
                f"has {columns.shape[1]}."
            )
        return columns

    def _finish_targets(self, data: TensorData, *, reset: bool) -> TensorData:
        if reset:
            taken = data.targets[data.index].numpy()
            with np.errstate(over="ignore", invalid="ignore"):
                scale = taken.std(0)
            if not np.isfinite(scale).all():
                raise ValueError(
                    f"{type(self).__name__} takes y whose deviation is a finite number, not "
                    f"values up to {np.abs(taken).max():.3g}. Did you mean their logarithm?"
                )
            self._target_mean, self._target_scale = taken.mean(0), np.where(scale > 0, scale, 1.0)
        standardized = (data.targets.numpy() - self._target_mean) / self._target_scale
        return replace(data, targets=torch.from_numpy(standardized).float())

    def _n_outputs(self) -> int:
        return len(self._target_mean)

    def _criterion(self) -> nn.Module:
        return RegressionLoss()

    def _fitted_state(self) -> dict[str, Any]:
        return {
            **super()._fitted_state(),
            "target_mean": self._target_mean,
            "target_scale": self._target_scale,
            "is_flat_target": self._is_flat_target,
        }

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self._target_mean, self._target_scale = state["target_mean"], state["target_scale"]
        self._is_flat_target = state["is_flat_target"]
        super()._restore_state(state)
