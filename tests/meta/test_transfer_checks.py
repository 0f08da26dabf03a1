from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from skdeepopt import (
    TransferEstimator,
)
from skdeepopt.meta._transfer_checks import speaking_as

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def model(images, y):
    """Only to be looked at."""
    return TransferEstimator(**SHORT).fit(images, y)


@pytest.mark.parametrize("unlabelled", [np.ones((9, 7, 7)), np.ones((9, 3)), np.ones(9), "images"])
def test_unlabelled_images_of_another_shape_are_refused(images, y, unlabelled):
    with pytest.raises(
        ValueError, match=r"TransferEstimator\.unlabelled holds images like those of X.*\(1, 8, 8\)"
    ):
        TransferEstimator(unlabelled=unlabelled, **SHORT).fit(images, y)


WRONG = [
    ({"strategy": "probe"}, "'probe_then_finetune'"),
    ({"head": SVC}, "Did you mean SVC()?"),
    ({"head": "linaer"}, "Did you mean 'linear'?"),
    ({"head": StandardScaler()}, "an unfitted classifier or regressor"),
    ({"head": None}, "TransferEstimator.head is 'linear'"),
    ({"batch_norm": "freeze"}, "'adapt', 'estimate', 'keep'"),
    ({"max_epochs": 0}, "'at least 1".strip("'")),
    ({"max_epochs": "atuo"}, "Did you mean 'auto'?"),
    ({"batch_size": 61}, "60 samples"),
    ({"lr": 0}, "TransferEstimator.lr is a finite number above 0"),
    ({"weight_decay": -1}, "TransferEstimator.weight_decay"),
    ({"rate_decay": 2.6}, "Did you mean 0.385?"),
    ({"rate_decay": 0.0}, "above 0"),
    ({"l2_sp": -0.1}, "Did you mean 0.1?"),
    ({"label_smoothing": 1.0}, "TransferEstimator.label_smoothing is a ratio"),
    ({"augment": 3}, "TransferEstimator.augment"),
    ({"class_weight": "equal"}, "TransferEstimator.class_weight"),
    ({"precision": "half"}, "TransferEstimator.precision"),
    ({"device": "gpu"}, "Did you mean 'cuda'?"),
    ({"random_state": "a"}, "TransferEstimator.random_state"),
    ({"image_shape": (8, 9)}, "TransferEstimator.image_shape is (8, 9)"),
    ({"source": "mnits-compact"}, "Did you mean 'mnist-compact'?"),
    ({"source": nn.Conv2d(1, 2, 3)}, "TransferEstimator.source Conv2d takes images"),
    ({"head": "linear_regression", "class_weight": "balanced"}, "is for classifiers"),
    ({"head": Ridge(), "label_smoothing": 0.1}, "is for classifiers"),
    ({"strategy": "features", "unlabelled": np.ones((4, 8, 8))}, "strategies that train"),
]


@pytest.mark.parametrize(("wrong", "part"), WRONG)
def test_a_wrong_parameter_is_told_by_the_name_the_user_knows(images, y, wrong, part):
    with pytest.raises((TypeError, ValueError)) as caught:
        TransferEstimator(**{**SHORT, **wrong}).fit(images, y)

    assert part in str(caught.value), str(caught.value)
    assert "Neural" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda X, y: (X, y + 0.5), ["class labels", "Did you mean head='linear_regression'?"]),
        (lambda X, y: (X, y * 0), ["needs at least 2 classes"]),
        (
            lambda X, y: (X[:, None].repeat(2, 1), y),
            ["'mnist-compact'", "(2, 8, 8)", "(1, 28, 28)"],
        ),
        (lambda X, y: (X[:10], y), ["inconsistent numbers of samples"]),
        (lambda X, y: (X * np.nan, y), ["NaN"]),
    ],
)
def test_wrong_data_are_told_by_the_name_the_user_knows(images, y, change, parts):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        TransferEstimator(**SHORT).fit(*change(images, y))

    message = str(caught.value)
    assert [part for part in ("TransferEstimator", *parts) if part not in message] == [], message
    assert "Neural" not in message


def test_images_of_another_shape_are_refused_at_predict(model, images):
    with pytest.raises(ValueError, match="TransferEstimator is expecting 64 features"):
        model.predict(images[:, :3].reshape(60, 24))


@pytest.mark.parametrize("kind", [ValueError, TypeError, NotFittedError])
def test_an_error_keeps_its_kind_and_speaks_of_the_owner(kind):
    with pytest.raises(kind, match="Owner takes numbers") as caught, speaking_as("Owner"):
        raise kind("NeuralClassifier takes numbers")

    assert type(caught.value) is kind


@pytest.mark.parametrize("error", [OSError(2, "NeuralClassifier"), ValueError(3), ValueError()])
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught, speaking_as("Owner"):
        raise error

    assert caught.value is error
