from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    NeuralClassifier,
    NeuralRegressor,
    PackedEstimator,
    PrunedEstimator,
    load,
    save,
)
from skdeepopt.exceptions import TrainingDivergedError
from skdeepopt.layers import weight_layers
from skdeepopt.packing import RateTraining
from skdeepopt.training._net import TensorNet

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


class Branching(nn.Module):
    """What it does depends on the numbers, so that no graph can follow it."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, images):
        hidden = self.norm(self.first(images.flatten(1)))
        return self.head(hidden.relu() if hidden.sum() > 0 else hidden)


class Shared(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)
        self.second.weight = self.first.weight
        self.head = nn.Linear(64, 3)

    def forward(self, images):
        return self.head(self.second(self.first(images.flatten(1)).relu()).relu())


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8)
        self.second, self.other = nn.Conv2d(8, 8, 2, groups=4, bias=False), nn.BatchNorm2d(8)
        self.up, self.head = nn.ConvTranspose2d(8, 8, 2), nn.Linear(72, 3)

    def forward(self, images):
        hidden = self.norm(self.first(images.reshape(-1, 1, 8, 8))).relu()
        return self.head(self.up(self.other(self.second(hidden)).relu()).flatten(1))


class Normed(nn.Module):
    def __init__(self, n_outputs=3):
        super().__init__()
        self.first, self.norm = nn.Linear(64, 8), nn.LayerNorm(8)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, images):
        return self.head(self.norm(self.first(images.flatten(1))).relu())


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True)
        self.head = nn.Linear(64, 3)

    def forward(self, images):
        return self.head(self.attention(images.reshape(-1, 8, 8)).flatten(1))


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, images):
        return self.head(self.memory(images.reshape(-1, 8, 8))[0][:, -1])


MODULES = [Branching, Shared, Grouped, Normed, Attending, Remembering]


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(widths=(4, 8), **SHORT).fit(X, y)


def packed(base, X, y, **options):
    options = {"random_state": 0, "finetune_epochs": 1, **options}
    return PackedEstimator(FrozenEstimator(base), **options).fit(X, y)


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    monkeypatch.setattr("skdeepopt.meta._budget._MOST_TRIALS", 2)


@pytest.fixture(scope="module", name="model")
def packed_base(base, X, y):
    """Only to be looked at."""
    return packed(base, X, y, target_bytes=900)


def state_of(model):
    return copy.deepcopy(model.module_.state_dict())


def same_state(model, state):
    now = model.module_.state_dict()
    return list(now) == list(state) and all(torch.equal(now[name], state[name]) for name in now)


def zeros(model):
    return {n: layer.weight.detach() == 0 for n, layer in weight_layers(model.module_).items()}


def interrupted(method, error, after=2):
    """Method that raises in one of its calls."""
    calls = []

    def raises(*args, **kwargs):
        calls.append(1)
        if len(calls) > after:
            raise error
        return method(*args, **kwargs)

    return raises


@pytest.mark.slow
def test_the_file_is_no_larger_than_asked_for(base, X, y, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = packed(base, X, y, target_bytes=500, finetune_epochs=20)

    assert save(model, tmp_path / "model").stat().st_size <= 500


@pytest.mark.parametrize("target", [250, 5000])
def test_a_target_is_kept_or_the_size_is_told(base, X, y, target, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = packed(base, X, y, target_bytes=target)

    size = save(model, tmp_path / "model").stat().st_size
    told = [str(warning.message) for warning in caught if "target_bytes" in str(warning.message)]
    assert (size <= target) == (not told)
    assert all(f"takes {size:,}" in message for message in told)


def test_the_size_is_that_of_the_file_and_of_the_report(model, tmp_path):
    size = save(model, tmp_path / "model").stat().st_size

    assert model.size_bytes_ == model.packing_report_.after.size_bytes == size


def test_the_size_follows_the_parameters_that_the_file_holds(model, tmp_path):
    changed = copy.deepcopy(model).set_params(target_bytes=123_456, distillation=0.123)

    assert changed.size_bytes_ == save(changed, tmp_path / "model").stat().st_size


def test_without_a_target_a_parameter_takes_a_bit(base, X, y):
    report = packed(base, X, y).packing_report_

    described = report.target_bytes - round(base.n_parameters_ / 8)
    assert 50 < described < 250


def test_the_same_seed_gives_the_same_bytes(base, X, y, tmp_path):
    files = [
        save(packed(base, X, y, distillation=0.3), tmp_path / str(i)).read_bytes() for i in range(2)
    ]

    assert files[0] == files[1]


def test_a_file_keeps_every_bit_of_the_answers(model, X, tmp_path):
    again = load(save(model, tmp_path / "model"))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert same_state(again, model.module_.state_dict())
    assert again.size_bytes_ == model.size_bytes_


@pytest.mark.parametrize("loaded", [True, False])
def test_further_training_keeps_zeros_and_few_values(model, X, y, loaded, tmp_path):
    model = load(save(model, tmp_path / "model")) if loaded else copy.deepcopy(model)
    before, answers = zeros(model), model.predict_proba(X)

    model.finetune(X, y, epochs=2, lr=0.01)

    assert all((zeros(model)[name] | ~before[name]).all() for name in before)
    assert np.abs(model.predict_proba(X) - answers).max() > 1e-4
    assert not any(is_parametrized(part) for part in model.module_.modules())
    layers = weight_layers(model.module_).values()
    assert max(len(layer.weight.unique()) for layer in layers) <= 31


def test_no_further_training_changes_nothing(model, X, y):
    state = state_of(model)

    model.finetune(X, y, epochs=0)

    assert same_state(model, state)


@pytest.mark.parametrize("options", [{"distillation": 0.5}, {"max_accuracy_drop": 0.5}], ids=str)
def test_the_base_is_left_as_it_was(base, X, y, options):
    state, answers = state_of(base), base.predict_proba(X)

    packed(base, X, y, **options)

    assert same_state(base, state)
    np.testing.assert_array_equal(base.predict_proba(X), answers)
    assert not any(part._forward_hooks for part in base.module_.modules())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("in the middle")], ids=repr)
def test_what_ends_a_fit_leaves_the_last_one_whole(model, X, y, error, monkeypatch, tmp_path):
    model = copy.deepcopy(model)
    before = save(model, tmp_path / "before").read_bytes()
    monkeypatch.setattr(RateTraining, "after_step", interrupted(RateTraining.after_step, error))

    with pytest.raises(type(error)):
        model.fit(X, y)

    assert save(model, tmp_path / "after").read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("in the middle")], ids=repr)
@pytest.mark.parametrize("where", ["before_training", "after_step", "after_training"])
def test_what_ends_a_further_training_leaves_a_packed_network(
    model, X, y, where, error, monkeypatch, tmp_path
):
    model, classes = copy.deepcopy(model), [type(part) for part in model.module_.modules()]
    before = zeros(model)
    fails = interrupted(getattr(RateTraining, where), error, after=int(where == "after_step"))
    with monkeypatch.context() as patched:
        patched.setattr(RateTraining, where, fails)
        with pytest.raises(type(error)):
            model.finetune(X, y, lr=0.01)

    again = load(save(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert [type(part) for part in model.module_.modules()] == classes
    model.finetune(X, y)
    assert all((zeros(model)[name] | ~before[name]).all() for name in before)


def test_an_exception_puts_the_weights_back(model, X, y):
    model = copy.deepcopy(model)
    state = state_of(model)

    with pytest.raises(TrainingDivergedError):
        model.finetune(X, y, lr=1e30)

    assert same_state(model, state)


def test_a_training_that_diverges_between_two_looks_is_told_as_such(base, X, y):
    wild = copy.deepcopy(base).set_params(lr=1e30, batch_size=2)

    with pytest.raises(TrainingDivergedError, match="Did you mean a smaller one"):
        packed(wild, X, y, target_bytes=10_000)


@pytest.mark.parametrize("kind", MODULES)
def test_networks_of_all_kinds_are_packed(kind, X, y, tmp_path):
    base = NeuralClassifier(kind, **SHORT).fit(X, y)

    model = packed(base, X, y, target_bytes=5000, distillation=0.5)

    again = load(save(model, tmp_path / "model"), modules=[kind])
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    layers = weight_layers(again.module_).values()
    assert max(len(layer.weight.unique()) for layer in layers) <= 31


def test_norms_only_add_even_where_one_epoch_has_to_do_for_all(base, X, y):
    with pytest.warns(UserWarning, match="target_bytes is 120"):
        model = packed(base, X, y, target_bytes=120)

    norms = [part for part in model.module_.modules() if isinstance(part, nn.BatchNorm2d)]
    assert model.estimator_.n_parameters_ < base.n_parameters_
    assert all(norm.running_var.eq(1).all() and not norm.running_mean.any() for norm in norms)


def test_layers_that_share_a_weight_go_on_sharing_it(X, y):
    model = packed(NeuralClassifier(Shared, **SHORT).fit(X, y), X, y)

    assert model.module_.first.weight is model.module_.second.weight


REGRESSORS = {
    "CNNRegressor": CNNRegressor(widths=(4,), **SHORT),
    "NeuralRegressor": NeuralRegressor(Normed, module__n_outputs=1, **SHORT),
}


@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors_are_packed(kind, X, numbers, tmp_path):
    base = REGRESSORS[kind]

    model = packed(clone(base).fit(X, numbers), X, numbers, distillation=0.5)

    again = load(save(model, tmp_path / "model"), modules=[Normed])
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert model.packing_report_.metric == "R2"


@pytest.mark.parametrize("net_class", [NeuralNetClassifier, NeuralNetRegressor])
def test_a_raw_net_is_packed(net_class, X, y):
    n_outputs = 3 if net_class is NeuralNetClassifier else 1
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs)
    )
    options = {"criterion": nn.CrossEntropyLoss} if n_outputs == 3 else {}
    net = net_class(module, max_epochs=1, verbose=0, train_split=None, **options)
    images, targets = X.astype(np.float32), y if n_outputs == 3 else y.astype(np.float32)

    model = PackedEstimator(net, finetune_epochs=1, distillation=0.5, random_state=0).fit(
        images, targets
    )

    assert model.size_bytes_ > 0
    assert not any(is_parametrized(part) for part in model.module_.modules())
    assert len(model.predict(images)) == len(X)


def test_numbers_of_half_precision_are_taken(base, X, y):
    models = [packed(base, images, y) for images in (X, X.astype(np.float16))]

    np.testing.assert_array_equal(*(model.predict_proba(X) for model in models))


def test_a_class_of_one_sample_is_no_hindrance(X, y):
    rare = np.where(np.arange(len(y)) == 7, 5, y)
    base = CNNClassifier(widths=(4,), **SHORT).fit(X, rare)

    model = packed(base, X, rare, max_accuracy_drop=0.9)

    assert model.classes_.tolist() == [0, 1, 2, 5]


def test_samples_without_weight_leave_no_trace(base, X, y):
    weight = (np.arange(len(y)) < 40).astype(float)
    wrong = np.where(weight > 0, y, (y + 1) % 3)
    options = {"finetune_epochs": 1, "random_state": 0}

    models = [
        PackedEstimator(FrozenEstimator(base), **options).fit(X, labels, sample_weight=weight)
        for labels in (y, wrong)
    ]

    assert same_state(models[0], models[1].module_.state_dict())


def test_a_budget_that_nothing_breaks_ends_at_the_smallest_file_tried(base, X, y):
    report = packed(base, X, y, max_accuracy_drop=1.0).packing_report_

    assert all(trial.fits for trial in report.trials)
    assert report.after.size_bytes == report.trials[-1].size_bytes
    assert report.scored_on == "validation data"


def test_a_budget_that_everything_breaks_leaves_the_network_dense(base, X, y, monkeypatch):
    scores = iter([1.0, *[0.0] * 20])
    monkeypatch.setattr(CNNClassifier, "score", lambda *args, **kwargs: next(scores))

    with pytest.warns(UserWarning, match="no size that loses at most 0.1 of 1.0000"):
        model = packed(base, X, y, max_accuracy_drop=0.1)

    np.testing.assert_array_equal(model.predict_proba(X), base.predict_proba(X))
    assert not any(trial.fits for trial in model.packing_report_.trials)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_a_packed_network_can_be_pruned_and_stays_packed(X, y, granularity, tmp_path):
    inner = PackedEstimator(
        CNNClassifier(widths=(6, 8), **SHORT), target_bytes=2000, finetune_epochs=1, random_state=0
    )

    model = PrunedEstimator(
        inner, granularity=granularity, pruning_ratio=0.5, finetune_epochs=2, random_state=0,
        schedule="gradual",
    ).fit(X, y)  # fmt: skip

    layers = weight_layers(model.module_).values()
    assert max(len(layer.weight.unique()) for layer in layers) <= 31
    again = load(save(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_packed_network_can_be_packed_further(X, y, tmp_path):
    inner = PackedEstimator(CNNClassifier(widths=(4, 8), **SHORT), finetune_epochs=1)

    model = PackedEstimator(inner, finetune_epochs=1, random_state=0).fit(X, y)

    again = load(save(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert not any(is_parametrized(part) for part in model.module_.modules())


def test_a_pickled_estimator_answers_the_same(model, X):
    again = pickle.loads(pickle.dumps(model))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_history_goes_on_and_stays_out_of_the_file(base, model, tmp_path):
    assert len(model.history_) > len(base.history_)
    assert load(save(model, tmp_path / "model")).history_ == []


def test_the_report_has_every_layer_with_a_step_that_its_weights_are_multiples_of(model):
    layers = weight_layers(model.module_)

    assert [row.name for row in model.packing_report_.layers] == list(layers)
    for row in model.packing_report_.layers:
        weight = layers[row.name].weight.detach().double()
        codes = weight / (row.step or 1.0)
        assert torch.equal(codes, codes.round())
        assert row.n_values == len(weight.unique()) - int((weight == 0).any())
        assert row.n_nonzero == int(torch.count_nonzero(weight))


def test_a_net_that_owns_it_hears_that_its_network_changed(base, X, y):
    model = packed(base, X, y)

    known = {id(p) for g in model.estimator_.net_.optimizer_.param_groups for p in g["params"]}

    assert {id(parameter) for parameter in model.module_.parameters()} <= known
    assert isinstance(model.estimator_.net_, TensorNet)
