from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils.class_weight import compute_sample_weight

from skdeepopt import CNNClassifier, CNNRegressor

SHORT = {"widths": (4, 8), "max_epochs": 2, "random_state": 0, "device": "cpu"}

LABELS = {
    "words": np.array(["cat", "dog", "owl"]),
    "objects": np.array(["cat", "dog", "a long word"], dtype=object),
    "int8": np.array([-3, 0, 7], dtype=np.int8),
    "uint64": np.array([2**63, 1, 5], dtype=np.uint64),
    "whole floats": np.array([0.0, 2.0, -1.0]),
    "float32": np.array([0.0, 2.0, -1.0], dtype=np.float32),
    "booleans": np.array([True, False, True]),
    "far apart": np.array([10**9, -(10**9), 0]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_out_as_they_came_in(X, y, kind):
    labels = LABELS[kind][y]

    model = CNNClassifier(**{**SHORT, "max_epochs": 12}).fit(X, labels)

    assert model.classes_.dtype == model.predict(X).dtype == labels.dtype
    assert model.classes_.tolist() == sorted(set(labels.tolist()))
    assert (model.predict(X) == labels).mean() > 0.9


FORMS = {
    "list": lambda labels: labels.tolist(),
    "Series": pd.Series,
    "categories": lambda labels: pd.Series(labels, dtype="category"),
    "tensor": torch.tensor,
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_in_any_form_give_the_same_answers(X, y, form):
    expected = CNNClassifier(**SHORT).fit(X, y).predict_proba(X)

    model = CNNClassifier(**SHORT).fit(X, FORMS[form](y))

    assert model.predict_proba(X).tobytes() == expected.tobytes()


def test_what_the_labels_are_called_changes_no_probability(X, y):
    words = CNNClassifier(**SHORT).fit(X, np.array(["a", "b", "c"])[y])

    numbers = CNNClassifier(**SHORT).fit(X, np.array([-5, 0, 99])[y])

    assert words.predict_proba(X).tobytes() == numbers.predict_proba(X).tobytes()


def test_a_column_of_labels_is_taken_with_a_warning(X, y):
    with pytest.warns(match="column-vector"):
        model = CNNClassifier(**SHORT).fit(X, y[:, None])

    assert model.predict(X).shape == (60,)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_probabilities_sum_to_one_and_agree_with_decision_and_label(X, n_classes):
    y = np.arange(60) % n_classes
    model = CNNClassifier(**SHORT).fit(X, y)

    chances, logits = model.predict_proba(X), model.decision_function(X)

    assert chances.shape == (60, n_classes)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.classes_[chances.argmax(1)], model.predict(X))
    if n_classes == 2:
        assert logits.shape == (60,)
        np.testing.assert_array_equal(model.classes_[(logits > 0).astype(int)], model.predict(X))
        np.testing.assert_allclose(chances[:, 1], 1 / (1 + np.exp(-logits)))
    else:
        odds = np.exp(logits)
        np.testing.assert_allclose(chances, odds / odds.sum(1, keepdims=True))


def test_balanced_classes_are_a_sample_weight(X):
    y = np.repeat([0, 1, 2], [10, 20, 30])

    balanced = CNNClassifier(**SHORT, class_weight="balanced").fit(X, y)

    weighted = CNNClassifier(**SHORT).fit(X, y, compute_sample_weight("balanced", y))
    np.testing.assert_allclose(balanced.predict_proba(X), weighted.predict_proba(X), atol=1e-4)


def test_the_weight_of_a_class_shifts_the_answers_to_it(X):
    noise = np.random.default_rng(0).integers(0, 3, 60)
    plain = CNNClassifier(**SHORT).fit(X, noise)

    heavy = CNNClassifier(**SHORT, class_weight={0: 50, 1: 1, 2: 1}).fit(X, noise)

    assert (heavy.predict(X) == 0).mean() > (plain.predict(X) == 0).mean()


def test_class_weights_name_the_labels_of_the_user(X, y):
    words = np.array(["cat", "dog", "owl"])[y]

    model = CNNClassifier(**SHORT, class_weight={"cat": 2, "dog": 1, "owl": 1}).fit(X, words)

    numbered = CNNClassifier(**SHORT, class_weight={0: 2, 1: 1, 2: 1}).fit(X, y)
    assert model.predict_proba(X).tobytes() == numbered.predict_proba(X).tobytes()


def test_equal_class_weights_are_none(X, y):
    plain = CNNClassifier(**SHORT).fit(X, y)

    model = CNNClassifier(**SHORT, class_weight={0: 3, 1: 3, 2: 3}).fit(X, y)

    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), atol=1e-4)


def test_label_smoothing_makes_answers_softer(X, y):
    settings = {**SHORT, "max_epochs": 15}
    sharp = CNNClassifier(**settings).fit(X, y).predict_proba(X).max(1).mean()

    soft = CNNClassifier(**settings, label_smoothing=0.4).fit(X, y).predict_proba(X).max(1).mean()

    assert soft < sharp


@pytest.mark.parametrize("shape", [(60,), (60, 1), (60, 3)])
def test_predictions_have_the_shape_of_the_targets(X, numbers, shape):
    targets = np.resize(numbers, shape)

    assert CNNRegressor(**SHORT).fit(X, targets).predict(X).shape == shape


@pytest.mark.parametrize(("factor", "offset"), [(2.0**20, 0), (2.0**-20, 0), (1, 1e6)])
def test_the_scale_of_the_targets_does_not_matter(X, numbers, factor, offset):
    settings = {**SHORT, "max_epochs": 20}
    plain = CNNRegressor(**settings).fit(X, numbers).score(X, numbers)

    targets = numbers * factor + offset

    assert CNNRegressor(**settings).fit(X, targets).score(X, targets) == pytest.approx(
        plain, abs=0.2
    )


def test_a_constant_target_is_no_division_by_zero(X):
    model = CNNRegressor(**{**SHORT, "max_epochs": 1}).fit(X, np.full(60, 7.0))

    assert model.predict(X) == pytest.approx(np.full(60, 7.0), abs=3)


def test_whole_numbers_are_targets_too(X, y):
    model = CNNRegressor(**{**SHORT, "max_epochs": 20}).fit(X, y)

    assert model.predict(X).dtype == np.float64
    assert model.score(X, y) > 0.8
