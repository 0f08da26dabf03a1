from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skdeepopt import CNNClassifier, CNNRegressor, PrunedEstimator
from skdeepopt.meta._base import takes_hook, trained_copy

SHORT = {"widths": (4, 8), "max_epochs": 2, "device": "cpu"}
QUICK = {"finetune_epochs": 1, "random_state": 0}
WEIGHTS = {"granularity": "weight", "pruning_ratio": 0.95}


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(**SHORT, random_state=0).fit(X, y)


def state(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_copy_of_a_frozen_estimator_answers_as_it_does_and_is_another(base, X, y):
    copied = trained_copy(FrozenEstimator(base), X, y, None)

    assert copied.module_ is not base.module_
    assert copied.history_ == base.history_
    np.testing.assert_array_equal(copied.predict_proba(X), base.predict_proba(X))


def test_a_copy_of_a_frozen_estimator_trains_on_as_the_original_does(base, X, y):
    copied, original = trained_copy(FrozenEstimator(base), X, y, None), copy.deepcopy(base)

    for model in (copied, original):
        model.finetune(X, y, epochs=2)

    assert same(state(copied), state(original))


def test_a_seed_reaches_every_estimator_that_has_none():
    inner = CNNClassifier(**SHORT)
    seen = []

    class Watched(PrunedEstimator):
        def fit(self, X, y, sample_weight=None):
            seen.append(self.get_params())
            return self

    trained_copy(Watched(inner), None, None, None, seed=5)

    assert [seen[0]["random_state"], seen[0]["estimator__random_state"]] == [5, 5]
    assert inner.random_state is None


def test_a_seed_of_ones_own_is_kept():
    class Watched(CNNClassifier):
        def fit(self, X, y, sample_weight=None):
            self.seen_ = self.random_state
            return self

    assert trained_copy(Watched(random_state=3), None, None, None, seed=5).seen_ == 3


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [
        (CNNClassifier(), True),
        (FrozenEstimator(CNNClassifier()), False),
        (PrunedEstimator(CNNClassifier()), False),
        (NeuralNetClassifier(nn.Linear), False),
    ],
)
def test_a_hook_takes_part_where_the_estimator_builds_its_own_network(estimator, takes):
    assert takes_hook(estimator) == takes


def test_a_wrapper_has_the_methods_of_what_it_wraps():
    classifier, regressor = PrunedEstimator(CNNClassifier()), PrunedEstimator(CNNRegressor())

    assert hasattr(classifier, "predict_proba")
    assert not hasattr(regressor, "predict_proba")
    assert not hasattr(regressor, "decision_function")


def test_a_wrapper_shows_what_its_estimator_learned(base, X, y):
    model = PrunedEstimator(FrozenEstimator(base), pruning_ratio=0.0).fit(X, y)

    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.n_features_in_, model.image_shape_) == (64, (1, 8, 8))
    assert model.history_ == base.history_
    assert model.lr == base.lr
    assert not hasattr(model, "feature_names_in_")


def test_weights_of_the_samples_reach_a_frozen_estimators_training(base, X, y):
    weight = np.linspace(0.1, 2, len(X))
    model = PrunedEstimator(FrozenEstimator(base), **QUICK)

    weighted = clone(model).fit(X, y, sample_weight=weight)

    assert not same(state(weighted), state(model.fit(X, y)))


@pytest.mark.parametrize("epochs", [0, 1])
@pytest.mark.parametrize("schedule", ["gradual", "one_shot", "rewind"])
@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_a_pruned_network_learns_on(base, X, y, granularity, schedule, epochs):
    model = PrunedEstimator(
        FrozenEstimator(base),
        granularity=granularity,
        schedule=schedule,
        finetune_epochs=epochs,
        random_state=0,
    ).fit(X, y)
    before = [parameter.detach().clone() for parameter in model.module_.parameters()]

    model.estimator_.partial_fit(X, y)

    after = model.module_.parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_an_interrupt_of_a_fit_leaves_the_last_one_whole(base, X, y, granularity, monkeypatch):
    model = PrunedEstimator(FrozenEstimator(base), granularity=granularity, **QUICK).fit(X, y)
    before = model.predict_proba(X), model.pruning_report_
    monkeypatch.setattr("skdeepopt.pruning._cut.Gradual.after_step", interrupt)

    with pytest.raises(KeyboardInterrupt):
        model.set_params(pruning_ratio=0.9).fit(X, y)

    np.testing.assert_array_equal(model.predict_proba(X), before[0])
    assert model.pruning_report_ is before[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_ends_a_finetuning_masked_weights_stay_zero(base, X, y, error):
    model = PrunedEstimator(FrozenEstimator(base), granularity="weight", **QUICK).fit(X, y)
    zeros = {name: value == 0 for name, value in state(model).items()}

    with pytest.raises(error):
        model.finetune(X, y, epochs=2, hook=Ending(error))

    assert state(model).keys() == zeros.keys()
    assert all(bool((value[zeros[name]] == 0).all()) for name, value in state(model).items())


def interrupt(*_):
    raise KeyboardInterrupt


class Ending:
    """Training hook that ends a training in its third step."""

    def __init__(self, error):
        self.error, self.steps = error, 0

    def before_training(self, n_steps):
        return False

    def after_step(self, progress):
        self.steps += 1
        return False

    def penalty(self):
        if self.steps > 1:
            raise self.error

    def after_training(self):
        raise AssertionError


class Linear(nn.Sequential):
    def __init__(self, n_outputs=3):
        super().__init__(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, n_outputs))


def raw_net(**options):
    torch.manual_seed(0)
    return NeuralNetClassifier(
        Linear, criterion=nn.CrossEntropyLoss, lr=0.01, verbose=0, max_epochs=3, **options
    )


@pytest.mark.parametrize("schedule", ["gradual", "one_shot"])
@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_a_raw_skorch_net_is_pruned(X, y, granularity, schedule):
    labels = np.array(["cat", "dog", "owl"])[y]
    model = PrunedEstimator(raw_net(), granularity=granularity, schedule=schedule, **QUICK)

    model.fit(X, labels)

    assert model.pruning_report_.after.n_nonzero < model.pruning_report_.before.n_nonzero
    assert set(model.predict(X)) <= set(labels)
    assert model.pruning_report_.before.size_bytes is None


def test_a_fitted_skorch_net_is_pruned_as_it_is_and_stays_as_it_is(X, y):
    net = raw_net().fit(X.copy(), y)
    before = copy.deepcopy(net.module_.state_dict())

    model = PrunedEstimator(FrozenEstimator(net), pruning_ratio=0.5, **QUICK).fit(X, y)

    assert all(torch.equal(before[n], v) for n, v in net.module_.state_dict().items())
    assert model.module_[0].out_features == 8


def test_a_skorch_regressor_is_pruned(X, numbers):
    net = NeuralNetRegressor(Linear, module__n_outputs=1, lr=1e-4, verbose=0, max_epochs=2)

    model = PrunedEstimator(net, **QUICK).fit(X, numbers)

    assert model.predict(X).shape == numbers.shape


def test_a_skorch_net_that_lost_dead_channels_learns_on(X, y):
    model = PrunedEstimator(raw_net(), **WEIGHTS, **QUICK).fit(X, y)
    head = model.module_[2]
    before = head.weight.detach().clone()

    model.estimator_.net_.partial_fit(X.copy(), y)

    assert model.module_[0].out_features < 16
    assert not torch.equal(head.weight, before)


def test_a_fitted_skorch_net_is_not_pruned_for_data_that_it_cannot_take(X, y):
    net = raw_net().fit(X.copy(), y)

    with pytest.raises(ValueError, match=r"samples of another shape.*\(60,\)"):
        PrunedEstimator(FrozenEstimator(net), **QUICK).fit(X[:, :60], y)


def test_a_skorch_net_takes_no_weights(X, y):
    net = raw_net().fit(X.copy(), y)

    with pytest.raises(ValueError, match="no sample_weight"):
        PrunedEstimator(FrozenEstimator(net)).fit(X, y, sample_weight=np.ones(60))


def test_wrappers_in_wrappers_answer_as_the_innermost(base, X, y):
    inner = PrunedEstimator(FrozenEstimator(base), **QUICK).fit(X, y)
    outer = PrunedEstimator(FrozenEstimator(inner), pruning_ratio=0.0, finetune_epochs=0).fit(X, y)

    assert outer._answering is outer.estimator_.estimator_
    np.testing.assert_array_equal(outer.decision_function(X), inner.decision_function(X))


def test_a_wrapper_that_answers_itself_is_asked(base, X, y):
    class Contrary(PrunedEstimator):
        def predict(self, X):
            return super().predict(X)[::-1]

    inner = Contrary(FrozenEstimator(base), **QUICK).fit(X, y)
    outer = PrunedEstimator(FrozenEstimator(inner), pruning_ratio=0.0, finetune_epochs=0).fit(X, y)

    np.testing.assert_array_equal(outer.predict(X), inner.predict(X))
