from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from torch import nn

from skdeepopt import (
    CNNClassifier,
    ImageAugmenter,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    TransferEstimator,
    export,
    load,
    save,
)
from skdeepopt.exceptions import TrainingDivergedError
from skdeepopt.nets import TransferNetwork
from skdeepopt.sources import resolve_source

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
QUICK = {"finetune_epochs": 1, "random_state": 0}
STRATEGIES = ("features", "finetune", "probe_then_finetune", "gradual")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(144, 5)

    def forward(self, images):
        return self.head(torch.relu(self.norm(self.conv(images))).flatten(1))


@pytest.fixture(scope="module")
def base(images, y):
    return CNNClassifier(widths=(4, 8), **SHORT).fit(images, y)


@pytest.fixture(scope="module")
def model(images, y):
    """Only to be looked at."""
    return TransferEstimator(**SHORT).fit(images, y)


@pytest.fixture(scope="module")
def taught(images, y):
    """With unlabelled images; only to be looked at."""
    return TransferEstimator(unlabelled=images, batch_size=10, **SHORT).fit(images[:30], y[:30])


class Spy:
    """Training hook that counts steps, and may end the training in one of them."""

    def __init__(self, network, error=None):
        self.network, self.error, self.steps = network, error, 0

    def before_training(self, n_steps):
        self.before = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        return False

    def after_step(self, progress):
        self.steps += 1
        return False

    def penalty(self):
        if self.error is not None and self.steps == 2:
            raise self.error

    def after_training(self):
        """Nothing."""


def state(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


def body_of_source():
    return resolve_source("mnist-compact", owner="test").body_state


def changed(model):
    """Names of the body's weights that are not those of the source."""
    now = model.module_.body.state_dict()
    learned = [
        name for name, tensor in body_of_source().items() if not torch.equal(now[name], tensor)
    ]
    return [name for name in learned if "num_batches" not in name]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_learns(images, y, strategy):
    model = TransferEstimator(strategy=strategy, random_state=0).fit(images, y)

    assert model.score(images, y) == 1.0


def test_features_alone_leave_the_body_as_the_source_has_it(images, y):
    kept = TransferEstimator(strategy="features", batch_norm="keep").fit(images, y)
    adapted = TransferEstimator(strategy="features").fit(images, y)

    assert changed(kept) == []
    assert changed(adapted)
    assert all("running" in name for name in changed(adapted))
    assert kept.history_ == []


@pytest.mark.parametrize(("batch_norm", "follows"), [("adapt", True), ("estimate", False)])
def test_statistics_are_estimated_first_and_then_follow_or_stay(images, y, batch_norm, follows):
    options = {**SHORT, "batch_norm": batch_norm}
    estimated = TransferEstimator(strategy="features", **options).fit(images, y)
    trained = TransferEstimator(strategy="finetune", **options).fit(images, y)

    before, after = (m.module_.body.network.features[1].running_mean for m in (estimated, trained))

    assert torch.equal(before, after) != follows


def test_kept_statistics_are_the_sources_even_while_finetuning(images, y):
    model = TransferEstimator(batch_norm="keep", **SHORT).fit(images, y)
    model.finetune(images, y, epochs=2)

    assert changed(model)
    assert not any("running" in name for name in changed(model))
    assert all(type(part).__name__ != "KeptNorm2d" for part in model.module_.modules())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_ends_a_finetuning_batch_norms_are_as_they_were(images, y, error):
    model = TransferEstimator(batch_norm="keep", **SHORT).fit(images, y)

    with pytest.raises(error):
        model.finetune(images, y, epochs=2, hook=Spy(model.module_, error()))

    norms = [part for part in model.module_.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {type(norm) for norm in norms} == {nn.BatchNorm2d}


def test_a_small_rate_decay_leaves_the_first_layer_almost_alone(images, y):
    def moved(rate_decay):
        model = TransferEstimator(rate_decay=rate_decay, weight_decay=0.0, **SHORT).fit(images, y)
        first = model.module_.body.network.features[0].weight
        return (first - body_of_source()["network.features.0.weight"]).abs().max().item()

    assert moved(0.01) < 1e-3 * moved(1.0)


def test_a_strong_pull_keeps_the_body_near_the_source(images, y):
    def moved(l2_sp):
        model = TransferEstimator(l2_sp=l2_sp, max_epochs=20, random_state=0).fit(images, y)
        now = model.module_.body.state_dict()
        names = [name for name in body_of_source() if name.endswith("weight")]
        return sum((now[name] - body_of_source()[name]).square().sum().item() for name in names)

    assert moved(10.0) < 0.5 * moved(0.0)


def test_the_probe_comes_before_the_first_step(images, y):
    seen = []

    def hook_for(network):
        seen.append(network.head.weight.detach().clone())
        return Spy(network)

    for strategy in ("finetune", "probe_then_finetune"):
        TransferEstimator(strategy=strategy, **SHORT)._fit_hooked(images, y, None, hook_for)
    features = TransferEstimator(strategy="features", **SHORT).fit(images, y)

    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], features.module_.head.weight)


@pytest.mark.parametrize("strategy", STRATEGIES[1:])
def test_the_sources_own_head_stays_where_it_knows_the_very_classes(base, images, y, strategy):
    begun = []

    def hook_for(network):
        begun.append(network.head.weight.detach().clone())
        return Spy(network)

    def first_weight(labels):
        model = TransferEstimator(FrozenEstimator(base), strategy=strategy, **SHORT)
        model._fit_hooked(images, labels, None, hook_for)
        return begun.pop()

    own = base.module_.network.head.weight
    assert torch.equal(first_weight(y), own)
    assert not torch.equal(first_weight(y + 1), own)


def test_a_hook_takes_part_in_the_first_training(images, y):
    spies = []

    def hook_for(network):
        spies.append(Spy(network))
        return spies[-1]

    TransferEstimator(batch_size=20, **SHORT)._fit_hooked(images, y, None, hook_for)

    assert spies[0].steps == 6


def test_the_network_shows_what_it_learned(model, images):
    assert isinstance(model.module_, TransferNetwork)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.n_features_in_, model.image_shape_) == (64, (1, 8, 8))
    assert model.source_digest_ == resolve_source("mnist-compact", owner="test").digest
    assert len(model.history_) == 2
    assert model.transform(images).shape == (60, 256)
    assert model.get_feature_names_out()[-1] == "transferestimator255"


@pytest.mark.parametrize(
    "layout",
    [
        lambda images: images,
        lambda images: images.reshape(60, 64),
        lambda images: images[:, None],
        lambda images: images[..., None],
        lambda images: images.tolist(),
        torch.from_numpy,
        lambda images: pd.DataFrame(images.reshape(60, 64)),
    ],
)
def test_images_in_any_layout_are_the_same_images(model, images, y, layout):
    given = layout(images.copy())
    again = TransferEstimator(**SHORT).fit(given, y)

    np.testing.assert_array_equal(again.predict_proba(given), model.predict_proba(images))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 28, 28), (1, 5, 13)])
def test_images_of_any_size_are_matched(shape, y):
    images = np.random.default_rng(0).random((60, *shape), dtype=np.float32)

    model = TransferEstimator(strategy="features").fit(images, y)

    assert model.image_shape_ == shape
    assert model.predict(images).shape == (60,)


def test_the_range_of_the_pixels_does_not_matter(images, y):
    # A power of two rounds nothing.
    model = TransferEstimator(strategy="features")
    answers = [model.fit(images * s, y).predict_proba(images * s) for s in (1.0, 2.0**-4)]

    np.testing.assert_allclose(*answers, rtol=1e-3, atol=1e-6)


def test_whole_numbers_are_the_same_images(images, y):
    model = TransferEstimator(strategy="features")
    answers = [model.fit(X, y).predict_proba(X) for X in (images, images.astype(np.uint8))]

    np.testing.assert_allclose(*answers, rtol=1e-3, atol=1e-6)


def test_augmentation_takes_part(images, y, model):
    augmented = TransferEstimator(augment=ImageAugmenter(shift=0.2), **SHORT).fit(images, y)

    assert not np.array_equal(augmented.predict_proba(images), model.predict_proba(images))


def test_a_fitted_estimator_is_a_source_and_stays_as_it_is(base, images, y):
    before = state(base)

    model = TransferEstimator(FrozenEstimator(base), **SHORT).fit(images, y)

    assert all(torch.equal(before[name], now) for name, now in state(base).items())
    assert model.module_.match.source_shape == (1, 8, 8)
    assert clone(model).source.estimator is base


def test_a_transfer_goes_on_from_a_transfer(model, images, y):
    frozen = FrozenEstimator(model)
    options = {"strategy": "features", "batch_norm": "keep"}

    again = TransferEstimator(frozen, **options).fit(images, y)

    np.testing.assert_allclose(
        again.transform(images), model.transform(images), rtol=1e-4, atol=1e-4
    )


def test_a_pruned_network_is_a_source(base, images, y):
    pruned = PrunedEstimator(FrozenEstimator(base), **QUICK).fit(images, y)

    model = TransferEstimator(FrozenEstimator(pruned), **SHORT).fit(images, y)

    assert model.module_.head.in_features == pruned.module_.network.head.in_features


STACKS = {
    "pruned": lambda base: PrunedEstimator(base, **QUICK),
    "pruned weights": lambda base: PrunedEstimator(base, granularity="weight", **QUICK),
    "sparse from the start": lambda base: PrunedEstimator(
        base, granularity="weight", schedule="rigl", **QUICK
    ),
    "quantized": lambda base: QuantizedEstimator(base, random_state=0),
    "pruned, then quantized": lambda base: QuantizedEstimator(
        PrunedEstimator(base, **QUICK), random_state=0
    ),
    "packed": lambda base: PackedEstimator(base, target_bytes=20_000, **QUICK),
}


# What trains sparse from its first step has to train.
STACKED = [(n, f) for n in STACKS for f in (False, True) if not (f and "from the start" in n)]


@pytest.mark.parametrize(
    ("name", "frozen"),
    [pytest.param(n, f, marks=[pytest.mark.slow] * (n == "packed")) for n, f in STACKED],
)
def test_wrappers_stack_on_it_and_are_stored(model, images, y, name, frozen, tmp_path):
    given = FrozenEstimator(model) if frozen else TransferEstimator(**SHORT)
    before = state(model)

    stacked = STACKS[name](given).fit(images, y)
    again = load(save(stacked, tmp_path / "model.skdo"))

    np.testing.assert_array_equal(again.predict(images), stacked.predict(images))
    assert all(torch.equal(before[key], now) for key, now in state(model).items())
    again.finetune(images, y, epochs=1)


def test_it_is_exported(model, images, tmp_path):
    pytest.importorskip("onnxruntime")

    assert export(model, tmp_path / "model.onnx", X=images).exists()


def test_unlabelled_images_take_part(taught, images, y):
    without = clone(taught).set_params(unlabelled=None).fit(images[:30], y[:30])

    assert not np.array_equal(taught.predict_proba(images), without.predict_proba(images))


def test_the_order_of_unlabelled_images_changes_nothing(taught, images, y):
    again = clone(taught).set_params(unlabelled=images[::-1].copy())

    np.testing.assert_array_equal(
        again.fit(images[:30], y[:30]).predict_proba(images), taught.predict_proba(images)
    )


@pytest.mark.parametrize("layout", [lambda X: X.reshape(60, 64), lambda X: X[:, None]])
def test_unlabelled_images_come_in_any_layout(taught, images, y, layout):
    again = clone(taught).set_params(unlabelled=layout(images))

    np.testing.assert_array_equal(
        again.fit(images[:30], y[:30]).predict_proba(images), taught.predict_proba(images)
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_ends_a_fit_the_last_one_stays_whole(images, y, error):
    model = TransferEstimator(**SHORT).fit(images, y)
    before = model.predict_proba(images), model.source_digest_

    with pytest.raises(error):
        model.set_params(max_epochs=5)._fit_hooked(
            images, 2 - y, None, lambda network: Spy(network, error())
        )

    np.testing.assert_array_equal(model.predict_proba(images), before[0])
    assert model.source_digest_ == before[1]


def test_a_training_that_diverges_is_told_and_changes_nothing(images, y):
    model = TransferEstimator(**SHORT).fit(images, y)
    before = state(model)

    with pytest.raises(TrainingDivergedError):
        model.set_params(lr=1e30, max_epochs=20).fit(images, y)

    assert all(torch.equal(before[name], now) for name, now in state(model).items())


def test_cross_validation_works_from_a_frozen_source(base, images, y):
    scores = cross_val_score(TransferEstimator(FrozenEstimator(base), **SHORT), images, y, cv=2)

    assert np.isfinite(scores).all()
