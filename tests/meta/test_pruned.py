from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    ImageScaler,
    NeuralClassifier,
    PrunedEstimator,
    load,
    save,
)
from skdeepopt.meta import _pruning_plan

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
QUICK = {"finetune_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(widths=(6, 12), **SHORT).fit(X, y)


@pytest.fixture(scope="module", name="residual")
def trained_residual(X, y):
    return CNNClassifier("residual", widths=(4, 8), depth=2, **SHORT).fit(X, y)


def pruned(base, X, y, **options):
    return PrunedEstimator(FrozenEstimator(base), **{**QUICK, **options}).fit(X, y)


def weights_of(model):
    return [m for m in model.module_.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def n_zeros(model):
    return sum(int((layer.weight == 0).sum()) for layer in weights_of(model))


def n_kept(model):
    return sum(int((layer.weight != 0).sum()) for layer in weights_of(model))


@pytest.mark.parametrize("granularity", ["channel", "weight", "block"])
def test_ratio_zero_changes_no_prediction(residual, X, y, granularity):
    model = pruned(residual, X, y, pruning_ratio=0.0, granularity=granularity)

    np.testing.assert_array_equal(model.predict_proba(X), residual.predict_proba(X))


def test_channels_are_gone_for_good(base, X, y):
    model = pruned(base, X, y, pruning_ratio=0.5, scope="layer")

    shapes = [tuple(layer.weight.shape[:2]) for layer in weights_of(model)]
    assert shapes == [(3, 1), (6, 3), (3, 24)]


@pytest.mark.parametrize("schedule", ["gradual", "one_shot", "rewind", "variational"])
def test_as_many_weights_are_left_as_asked(base, X, y, schedule, monkeypatch):
    monkeypatch.setattr(_pruning_plan, "remove_dead_channels", lambda *_: {})
    model = pruned(base, X, y, pruning_ratio=0.75, granularity="weight", schedule=schedule)

    total = sum(layer.weight.numel() for layer in weights_of(model))
    assert n_zeros(model) == round(0.75 * total)
    assert sum(layer.kept for layer in model.pruning_report_.layers) == total - n_zeros(model)


def test_a_network_that_was_sparse_from_the_start_is_as_sparse_as_asked(X, y):
    model = PrunedEstimator(
        CNNClassifier("mlp", widths=(16,), **SHORT),
        granularity="weight",
        schedule="rigl",
        pruning_ratio=0.8,
        random_state=0,
    ).fit(X, y)

    total = sum(layer.weight.numel() for layer in weights_of(model))
    assert n_zeros(model) == round(0.8 * total)
    assert model.pruning_report_.before.score is None


def test_a_pattern_leaves_two_of_four_weights(base, X, y):
    model = pruned(base, X, y, granularity="2:4")

    rows = weights_of(model)[1].weight.detach().reshape(12, -1)[:, :52].reshape(12, 13, 4)
    assert ((rows != 0).sum(2) == 2).all()


def test_a_pattern_has_a_ratio_of_its_own(base, X, y):
    assert pruned(base, X, y, granularity="1:4").pruning_report_.ratio == 0.75


def test_blocks_are_gone_for_good(residual, X, y):
    model = pruned(residual, X, y, granularity="block", pruning_ratio=0.5)

    gone = [layer.name for layer in model.pruning_report_.layers if layer.kept == 0]
    assert gone
    assert all(isinstance(model.module_.get_submodule(name), nn.Identity) for name in gone)


def test_multiply_adds_are_at_most_as_many_as_asked(base, X, y):
    report = pruned(base, X, y, scope="multiply_adds", pruning_ratio=0.6).pruning_report_

    assert 0.3 < report.after.multiply_adds / report.before.multiply_adds <= 0.4


def test_the_file_shrinks_with_the_shapes_and_with_the_zeros(base, X, y):
    channels = pruned(base, X, y, scope="bytes", pruning_ratio=0.6).pruning_report_
    weights = pruned(base, X, y, granularity="weight", pruning_ratio=0.9).pruning_report_

    assert channels.after.size_bytes < channels.before.size_bytes
    assert weights.after.size_bytes < weights.before.size_bytes


def test_finetuning_brings_no_weight_back_to_life(base, X, y):
    model = pruned(base, X, y, granularity="weight", pruning_ratio=0.8)
    before = [layer.weight.detach().clone() for layer in weights_of(model)]

    model.finetune(X, y, epochs=3, lr=0.05)

    after = [layer.weight.detach() for layer in weights_of(model)]
    assert all(bool((new[old == 0] == 0).all()) for old, new in zip(before, after, strict=True))
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_training_without_autograd_prunes_as_training_with_it_does(
    base, X, y, granularity, monkeypatch
):
    fast = pruned(base, X, y, granularity=granularity, finetune_epochs=3)
    monkeypatch.setattr("skdeepopt.training._net.Chain.of", lambda module: None)

    slow = pruned(base, X, y, granularity=granularity, finetune_epochs=3)

    np.testing.assert_array_equal(fast.predict_proba(X), slow.predict_proba(X))


WEIGHTS = {"granularity": "weight", "pruning_ratio": 0.97}


@pytest.fixture(scope="module", name="mlp")
def trained_mlp(X, y):
    return CNNClassifier("mlp", widths=(24, 16), **SHORT).fit(X, y)


@pytest.mark.parametrize("schedule", ["gradual", "one_shot", "rewind", "variational"])
def test_channels_that_died_with_their_weights_are_gone_and_no_answer_changes(
    mlp, X, y, schedule, monkeypatch
):
    model = pruned(mlp, X, y, schedule=schedule, **WEIGHTS)
    monkeypatch.setattr(_pruning_plan, "remove_dead_channels", lambda *_: {})
    whole = pruned(mlp, X, y, schedule=schedule, **WEIGHTS)

    np.testing.assert_allclose(
        model.decision_function(X), whole.decision_function(X), rtol=0, atol=1e-5
    )
    one, other = model.pruning_report_.after, whole.pruning_report_.after
    assert one.multiply_adds < other.multiply_adds == whole.pruning_report_.before.multiply_adds
    assert one.size_bytes < other.size_bytes


def test_a_network_that_was_sparse_from_the_start_loses_its_dead_channels(X, y):
    base = CNNClassifier("mlp", widths=(24, 16), **SHORT)

    model = PrunedEstimator(base, schedule="rigl", random_state=0, **WEIGHTS).fit(X, y)

    report = model.pruning_report_
    assert report.after.multiply_adds < report.before.multiply_adds
    assert sum(layer.kept for layer in report.layers) == n_kept(model)


def test_the_report_counts_weights_that_are_left_and_says_that_channels_are_gone(mlp, X, y):
    model = pruned(mlp, X, y, **WEIGHTS)

    report = model.pruning_report_
    total = sum(layer.total for layer in report.layers)
    assert sum(layer.kept for layer in report.layers) == n_kept(model) <= round(0.03 * total)
    assert [layer.total for layer in report.layers] == [24 * 64, 16 * 24, 3 * 16]
    assert [layer.shape_before for layer in report.layers] == [(24, 64), (16, 24), (3, 16)]
    shapes = [tuple(layer.weight.shape) for layer in weights_of(model)]
    assert [layer.shape_after for layer in report.layers] == shapes
    assert "not the latency, but for channels that died" in repr(report)


def test_zeros_stay_zeros_where_channels_cannot_be_followed(X, y):
    base = NeuralClassifier(Shuffled, **SHORT)

    model = PrunedEstimator(base, **WEIGHTS, **QUICK).fit(X, y)

    assert [tuple(layer.weight.shape) for layer in weights_of(model)] == [(8, 64), (3, 4)]
    assert n_kept(model) == round(0.03 * (8 * 64 + 3 * 4))


@pytest.mark.parametrize(("granularity", "n_units"), [("weight", 23), ("2:4", 24)])
def test_only_the_rows_of_a_pattern_stay_whole(mlp, X, y, granularity, n_units):
    base = copy.deepcopy(mlp)
    with torch.no_grad():
        weights_of(base)[1].weight[:, 5] = 0

    model = pruned(base, X, y, granularity=granularity, pruning_ratio=0.1, finetune_epochs=0)

    assert weights_of(model)[0].weight.shape == (n_units, 64)


@pytest.mark.parametrize("learn", ["partial_fit", "finetune"])
def test_a_network_that_lost_dead_channels_learns_on(mlp, X, y, learn):
    model = pruned(mlp, X, y, **WEIGHTS)
    before = [layer.weight.detach().clone() for layer in weights_of(model)]

    getattr(model.estimator_, learn)(X, y)

    after = [layer.weight.detach() for layer in weights_of(model)]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_finetuning_and_loading_keep_zeros_and_shapes_where_channels_died(mlp, X, y, tmp_path):
    model = pruned(mlp, X, y, **WEIGHTS)
    zeros = [layer.weight == 0 for layer in weights_of(model)]

    again = load(save(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    again.finetune(X, y, epochs=2, lr=0.05)

    after = [layer.weight for layer in weights_of(again)]
    assert all(bool((new[zero] == 0).all()) for zero, new in zip(zeros, after, strict=True))


def test_weights_are_pruned_where_dead_channels_were_removed(mlp, X, y):
    once = PrunedEstimator(FrozenEstimator(mlp), **WEIGHTS, **QUICK)
    model = PrunedEstimator(once, granularity="weight", pruning_ratio=0.99, **QUICK).fit(X, y)

    assert n_kept(model) < model.estimator_.pruning_report_.after.n_nonzero
    assert model.finetune(X, y).predict(X).shape == y.shape


def test_the_base_is_never_changed(base, X, y):
    before = copy.deepcopy(base.module_.state_dict())

    pruned(base, X, y, granularity="weight", pruning_ratio=0.8)
    pruned(base, X, y, pruning_ratio=0.5)

    after = base.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_unfitted_base_stays_unfitted(X, y):
    estimator = CNNClassifier(widths=(4,), **SHORT)

    PrunedEstimator(estimator, **QUICK).fit(X, y)

    assert not hasattr(estimator, "net_")


def test_a_search_over_a_frozen_base_trains_it_once(base, X, y, monkeypatch):
    fits = []
    monkeypatch.setattr(CNNClassifier, "fit", lambda self, *_, **__: fits.append(self))
    search = GridSearchCV(
        PrunedEstimator(FrozenEstimator(base), **QUICK), {"pruning_ratio": [0.0, 0.5]}, cv=2
    )

    search.fit(X, y)

    assert fits == []
    assert search.best_estimator_.pruning_report_.before.n_parameters == base.n_parameters_


@pytest.mark.parametrize("outer", ["channel", "weight"])
@pytest.mark.parametrize("inner", ["channel", "weight"])
def test_pruned_networks_are_pruned_again(base, X, y, inner, outer):
    once = PrunedEstimator(FrozenEstimator(base), granularity=inner, pruning_ratio=0.5, **QUICK)
    twice = PrunedEstimator(once, granularity=outer, pruning_ratio=0.75, **QUICK).fit(X, y)

    left = [report.after.n_nonzero for report in (twice.estimator_.pruning_report_,)]
    assert twice.pruning_report_.after.n_nonzero < left[0]
    assert twice.predict(X).shape == y.shape


def test_weights_that_an_inner_mask_holds_stay_zero_while_channels_go(base, X, y):
    once = PrunedEstimator(
        FrozenEstimator(base), granularity="weight", pruning_ratio=0.8, scope="layer", **QUICK
    )
    twice = PrunedEstimator(once, pruning_ratio=0.3, scope="layer", **QUICK).fit(X, y)

    share = n_zeros(twice) / sum(layer.weight.numel() for layer in weights_of(twice))
    assert share > 0.5


def test_it_is_a_step_of_a_pipeline(X, y):
    model = make_pipeline(ImageScaler(), PrunedEstimator(CNNClassifier(widths=(4,), **SHORT)))

    assert model.fit(X, y).predict(X).shape == y.shape


def test_a_regressor_is_pruned_too(X, numbers):
    model = PrunedEstimator(CNNRegressor(widths=(4, 8), **SHORT), **QUICK).fit(X, numbers)

    assert model.pruning_report_.metric == "R2"
    assert model.predict(X).shape == numbers.shape


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_saved_and_loaded_it_gives_the_same_answers_and_stays_pruned(
    base, X, y, granularity, tmp_path
):
    model = pruned(base, X, y, granularity=granularity, pruning_ratio=0.6)

    again = load(save(model, tmp_path / "model"))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.pruning_report_ == model.pruning_report_
    again.finetune(X, y)
    assert n_zeros(again) >= n_zeros(model)


def test_a_file_does_not_hold_the_base_that_was_frozen(base, X, y, tmp_path):
    model = pruned(base, X, y, pruning_ratio=0.6)
    again = load(save(model, tmp_path / "model"))

    with pytest.raises(NotFittedError, match="set_params"):
        again.fit(X, y)


def test_pickled_it_gives_the_same_answers(base, X, y):
    model = pruned(base, X, y, granularity="weight")

    again = pickle.loads(pickle.dumps(model))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_with_a_budget_the_strongest_ratio_that_fits_is_found(X, y):
    model = PrunedEstimator(
        CNNClassifier(widths=(6, 12), max_epochs=4, random_state=0),
        max_accuracy_drop=1.0,
        **QUICK,
    ).fit(X, y)

    trials = model.pruning_report_.trials
    assert model.pruning_ratio_ == max(trial.ratio for trial in trials if trial.fits) > 0.9
    assert model.pruning_report_.scored_on == "validation data"


def test_where_nothing_fits_the_dense_network_stays_with_a_warning(base, X, y, monkeypatch):
    scores = iter([1.0, *[0.0] * 20])
    monkeypatch.setattr(CNNClassifier, "score", lambda *_, **__: next(scores))
    model = PrunedEstimator(FrozenEstimator(base), max_accuracy_drop=0.0, **QUICK)

    with pytest.warns(UserWarning, match=r"no ratio.*dense"):
        model.fit(X, y)

    assert model.pruning_ratio_ == 0
    np.testing.assert_array_equal(model.predict_proba(X), base.predict_proba(X))


def test_a_failed_fit_leaves_the_last_one_whole(base, X, y):
    model = pruned(base, X, y)
    before = model.predict_proba(X)

    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :60], y)

    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_the_report_prints_what_changed(base, X, y):
    text = repr(pruned(base, X, y, granularity="weight").pruning_report_)

    assert "the file, and not the latency" in text
    assert "network.head" in text


def test_a_layer_that_a_ratio_would_empty_is_kept_at_its_minimum_and_told(base, X, y):
    report = pruned(base, X, y, pruning_ratio=0.99, scope="layer").pruning_report_

    assert "Kept at the minimum" in repr(report)
    assert all(layer.kept >= 1 for layer in report.layers)


def test_the_layers_are_a_table(base, X, y):
    frame = pruned(base, X, y).pruning_report_.to_frame()

    assert next(iter(frame.index)) == "network.features.0"
    assert {"kept", "total", "shape_after", "multiply_adds_after"} <= set(frame.columns)


def infected(base):
    broken = copy.deepcopy(base)
    with torch.no_grad():
        broken.module_.network.head.weight[0, 0] = torch.nan
    return broken


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_nan_weights_are_refused_by_the_layers_name(base, X, y, granularity):
    with pytest.raises(ValueError, match=r"network\.head.*NaN"):
        pruned(infected(base), X, y, granularity=granularity, schedule="one_shot")


class Shuffled(nn.Module):
    """Channels are halved and swapped by a view, which no dependency graph can follow."""

    def __init__(self, n_outputs=3):
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.second = nn.Linear(4, n_outputs)

    def forward(self, inputs):
        return self.second(self.first(inputs).view(len(inputs), 2, 4).prod(1))


def test_a_module_that_cannot_be_followed_is_refused_by_the_layers_name(X, y):
    model = PrunedEstimator(NeuralClassifier(Shuffled, **SHORT), **QUICK)

    with pytest.raises(ValueError, match="first"):
        model.fit(X, y)


def test_a_clone_has_the_same_parameters_and_no_fit(base, X, y):
    model = pruned(base, X, y, granularity="weight")

    copied = clone(model)

    assert not hasattr(copied, "estimator_")
    assert copied.get_params()["granularity"] == "weight"
