"""A linear head, fitted on features by scikit-learn and written into a network."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from torch import nn

__all__ = ["write_probe"]

_MOST_STEPS = 200
"""Of the solver, which by then has long found all that the accuracy depends on."""

_ABSENT = 10.0
"""By how much the logit of a class without a sample lies below all others' intercepts."""


def write_probe(
    head: nn.Linear,
    features: np.ndarray,
    targets: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    is_classifier: bool,
) -> None:
    """Set a linear layer to the logistic, or ridge, regression on standardized features.

    Parameters
    ----------
    head : torch.nn.Linear
        Takes the features as they are.
    features : ndarray of shape (n_samples, n_features)
    targets : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Numbers of the classes, or what the network shall answer.
    sample_weight : ndarray of shape (n_samples,) or None
    is_classifier : bool

    References
    ----------
    Kumar, Raghunathan, Jones, Ma & Liang (2022), arXiv:2202.10054, section 3.2 (the linear probe
    that fine-tuning begins with).
    """
    scaler = StandardScaler().fit(features.astype(np.float64))
    scaled = scaler.transform(features.astype(np.float64))
    if is_classifier:
        weight, bias = _logistic(scaled, targets, sample_weight, head.out_features)
    else:
        model = Ridge().fit(scaled, targets, sample_weight=sample_weight)
        weight, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    weight = weight / scaler.scale_
    bias = bias - weight @ scaler.mean_
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))


def _logistic(
    scaled: np.ndarray, codes: np.ndarray, sample_weight: np.ndarray | None, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of all classes, those without a sample too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=_MOST_STEPS).fit(scaled, codes, sample_weight)
    rows, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        # The logit of the second class over the first, shared out between them.
        rows, offsets = np.concatenate([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    weight = np.zeros((n_classes, scaled.shape[1]))
    bias = np.full(n_classes, offsets.min() - _ABSENT)
    weight[model.classes_], bias[model.classes_] = rows, offsets
    return weight, bias
