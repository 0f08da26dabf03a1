from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepopt.meta._probe import write_probe

RANDOM = np.random.default_rng(0)
FEATURES = (RANDOM.normal(size=(80, 6)) * [1, 10, 0.1, 1, 1, 0] + 3).astype(np.float32)
LABELS = (FEATURES[:, 0] > 3).astype(int) + (FEATURES[:, 1] > 3)
WEIGHTS = RANDOM.integers(0, 4, 80)


def probed(targets, n_outputs, *, features=FEATURES, weight=None, is_classifier=True):
    head = nn.Linear(features.shape[1], n_outputs)
    write_probe(head, features, targets, weight, is_classifier=is_classifier)
    with torch.no_grad():
        return head(torch.from_numpy(FEATURES)).numpy().astype(np.float64)


def scikit_learns(model, targets):
    return make_pipeline(StandardScaler(), model).fit(FEATURES, targets)


def test_logits_are_those_of_logistic_regression_on_standardized_features():
    expected = scikit_learns(LogisticRegression(), LABELS).predict_proba(FEATURES)

    np.testing.assert_allclose(softmax(probed(LABELS, 3), axis=1), expected, atol=1e-3)


def test_two_classes_get_the_probabilities_of_the_one_logit():
    binary = np.minimum(LABELS, 1)
    expected = scikit_learns(LogisticRegression(), binary).decision_function(FEATURES)

    logits = probed(binary, 2)

    np.testing.assert_allclose(softmax(logits, axis=1)[:, 1], expit(expected), atol=1e-3)
    np.testing.assert_allclose(logits.sum(1), 0, atol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_numbers_are_those_of_ridge_regression_on_standardized_features(n_targets):
    targets = FEATURES[:, :n_targets].astype(np.float64) @ np.ones((n_targets, n_targets))
    expected = scikit_learns(Ridge(), targets).predict(FEATURES).reshape(80, -1)

    outputs = probed(targets, n_targets, is_classifier=False)

    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("present", [[0, 2], [1, 2], [0, 1, 3]])
def test_a_class_without_a_sample_is_never_the_answer(present):
    labels = np.array(present)[np.arange(80) % len(present)]

    answers = probed(labels, 4).argmax(1)

    assert set(answers) <= set(present)


def test_weights_count():
    weighted = probed(LABELS, 3, weight=WEIGHTS.astype(float))

    assert not np.allclose(weighted, probed(LABELS, 3), atol=1e-3)


def test_nothing_is_drawn_from_the_global_generators():
    before = str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    head = nn.Linear(6, 3)
    torch.set_rng_state(torch.tensor(before[1], dtype=torch.uint8))

    write_probe(head, FEATURES, LABELS, None, is_classifier=True)

    assert (str(np.random.get_state()), torch.get_rng_state().tolist()) == before  # noqa: NPY002
