from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skdeepopt.estimators._raw_net import RawNetEstimator

LABELS = np.array(["cat", "dog", "owl"])


class Net(nn.Sequential):
    def __init__(self, n_outputs=3):
        super().__init__(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, n_outputs))


class Binary(Net):
    def __init__(self):
        super().__init__(1)

    def forward(self, inputs):
        return super().forward(inputs).squeeze(-1)


class Normed(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))


class Idle:
    """Training hook that does nothing."""

    def before_training(self, n_steps):
        return False

    def after_step(self, progress):
        return False

    def penalty(self):
        return None

    def after_training(self):
        pass


def net(kind=NeuralNetClassifier, module=Net, **options):
    torch.manual_seed(0)
    loss = {"criterion": nn.CrossEntropyLoss} if kind is NeuralNetClassifier else {}
    return kind(module, **{"lr": 0.01, "verbose": 0, "max_epochs": 4, **loss, **options})


def test_labels_of_any_type_come_out_as_they_went_in(X, y):
    model = RawNetEstimator(net()).fit(X, LABELS[y])

    assert model.classes_.tolist() == LABELS.tolist()
    assert set(model.predict(X)) <= set(LABELS)
    assert model.score(X, LABELS[y]) == np.mean(model.predict(X) == LABELS[y])


def test_the_net_that_was_given_stays_as_it_is(X, y):
    given = net()

    RawNetEstimator(given).fit(X, y).finetune(X, y, lr=0.5)

    assert not given.initialized_
    assert given.lr == 0.01


def test_probabilities_are_those_of_the_net(X, y):
    model = RawNetEstimator(net()).fit(X, y)

    np.testing.assert_array_equal(model.predict_proba(X), model.net_.predict_proba(X.copy()))


def test_a_net_of_one_output_tells_two_labels_apart(X, y):
    labels = LABELS[np.minimum(y, 1)]

    model = RawNetEstimator(net(NeuralNetBinaryClassifier, Binary)).fit(X, labels)

    assert model.predict_proba(X).shape == (60, 2)
    assert model.score(X, labels) > 0.6


@pytest.mark.parametrize("n_targets", [None, 1, 2])
def test_predicted_numbers_have_the_shape_of_those_in_fit(X, numbers, n_targets):
    targets = numbers if n_targets is None else np.stack([numbers] * n_targets, 1)
    regressor = net(NeuralNetRegressor, module__n_outputs=n_targets or 1, lr=1e-4)

    assert RawNetEstimator(regressor).fit(X, targets).predict(X).shape == targets.shape


def test_it_is_of_the_kind_of_its_net():
    classifier, regressor = RawNetEstimator(net()), RawNetEstimator(net(NeuralNetRegressor))

    assert is_classifier(classifier)
    assert is_regressor(regressor)
    assert not hasattr(regressor, "predict_proba")


@pytest.mark.parametrize("container", [list, torch.tensor, pd.DataFrame], ids=lambda k: k.__name__)
def test_samples_come_in_any_container(X, y, container):
    model = RawNetEstimator(net()).fit(X, y)

    found = model.predict_proba(container(X if container is not list else X.tolist()))

    np.testing.assert_array_equal(found, model.predict_proba(X))


def test_finetuning_goes_on_at_a_tenth_of_the_rate(X, y):
    model = RawNetEstimator(net()).fit(X, y)
    other = pickle.loads(pickle.dumps(model))

    torch.manual_seed(1)
    model.finetune(X, y, epochs=2)
    torch.manual_seed(1)
    other.finetune(X, y, epochs=2, lr=model.lr / 10)

    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    assert len(model.history_) == 6


def test_no_epochs_change_nothing(X, y):
    model = RawNetEstimator(net()).fit(X, y)
    before = model.predict_proba(X)

    model.finetune(X, y, epochs=0)

    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_with_a_hook_and_no_epochs_batch_norms_are_measured_anew(X, y):
    model = RawNetEstimator(net(module=Normed)).fit(X, y)
    layer, norm = model.module_[0], model.module_[1]

    model.finetune(X, y, epochs=0, hook=Idle())

    torch.testing.assert_close(norm.running_mean, layer(torch.tensor(X)).mean(0).detach())


def test_a_fitted_net_is_copied_with_what_it_learned(X, y):
    fitted = net().fit(X.copy(), y)

    model = RawNetEstimator.of_fitted(fitted, X, y)
    model.finetune(X, y, lr=0.5)

    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.n_features_in_, model.image_shape_) == (64, (64,))
    assert len(fitted.history) == 4


REFUSED = {
    "weights": (lambda X, y: (X, y, np.ones(60)), "takes no sample_weight"),
    "new labels": (lambda X, y: (X, y + 1), r"\[0, 1, 2\], but y also has \[3\]"),
    "words": (lambda X, y: (X, LABELS[y]), "but y also has"),
    "too few labels": (lambda X, y: (X, y[:30]), r"\[60, 30\]"),
    "other shapes": (lambda X, y: (X[:, :60], y), "shape"),
    "whole numbers": (lambda X, y: (X.astype(int), y), "int64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_fitted_net_refuses_data_unlike_its_own(X, y, name):
    changed, told = REFUSED[name]

    with pytest.raises(ValueError, match=told):
        RawNetEstimator.of_fitted(net().fit(X.copy(), y), *changed(X, y))


def test_finetuning_refuses_samples_of_another_shape(X, y):
    model = RawNetEstimator(net()).fit(X, y)

    with pytest.raises(ValueError, match=r"shape \(64,\), not \(60,\)"):
        model.finetune(X[:, :60], y)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_nothing_is_answered_before_fit(X, method):
    with pytest.raises(NotFittedError):
        getattr(RawNetEstimator(net()), method)(X)


def test_pickled_it_gives_the_same_answers(X, y):
    model = RawNetEstimator(net()).fit(X, y)

    again = pickle.loads(pickle.dumps(model))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
