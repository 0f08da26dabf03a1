from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, PrunedEstimator
from skdeepopt.meta._pruning_plan import PruningPlan, example_for

PLAN = PruningPlan(
    granularity="weight",
    criterion="magnitude",
    scope="global",
    schedule="gradual",
    epochs=1,
    seed=0,
)
SHORT = {"widths": (4, 8), "max_epochs": 2, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(**SHORT).fit(X, y)


@pytest.mark.parametrize(
    ("granularity", "ratio", "expected"),
    [
        ("weight", 0.3, 0.3),
        ("channel", 0.3, 0.3),
        ("2:4", 0.3, 0.5),
        ("1:4", 0.9, 0.75),
        ("1:4", 0.0, 0.0),
    ],
)
def test_a_pattern_has_a_ratio_of_its_own_unless_nothing_is_removed(granularity, ratio, expected):
    assert replace(PLAN, granularity=granularity).ratio_of(ratio) == expected


@pytest.mark.parametrize(
    ("changes", "rewinds"),
    [
        ({"schedule": "rewind"}, True),
        ({"schedule": "rewind", "granularity": "2:4"}, True),
        ({"schedule": "rewind", "granularity": "channel"}, False),
        ({"schedule": "rewind", "criterion": "taylor"}, False),
        ({"schedule": "gradual"}, False),
    ],
)
def test_early_weights_are_remembered_where_they_fit_what_is_left(X, y, changes, rewinds):
    dense, early = replace(PLAN, **changes).dense(CNNClassifier(**SHORT), X, y, None)

    assert bool(early) == rewinds
    assert not rewinds or early.keys() == dense.module_.state_dict().keys()


def test_remembering_early_weights_changes_no_weight(base, X, y):
    dense, early = replace(PLAN, schedule="rewind").dense(CNNClassifier(**SHORT), X, y, None)

    late = dense.module_.state_dict()
    assert all(torch.equal(late[name], v) for name, v in base.module_.state_dict().items())
    assert not torch.equal(early["network.head.weight"], late["network.head.weight"])


def test_a_frozen_base_has_no_early_weights(base, X, y):
    _, early = replace(PLAN, schedule="rewind").dense(FrozenEstimator(base), X, y, None)

    assert early == {}


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_what_is_pruned_is_a_copy(base, X, y, granularity):
    before = base.predict_proba(X)

    replace(PLAN, granularity=granularity).prune(base, 0.7, X, y, None, {})

    np.testing.assert_array_equal(base.predict_proba(X), before)


@pytest.mark.parametrize(
    ("schedule", "n_trainings"),
    [("gradual", 1), ("one_shot", 1), ("variational", 1), ("rewind", 4)],
)
def test_a_schedule_is_a_training_or_one_a_round(base, X, y, schedule, n_trainings):
    plan = replace(PLAN, schedule=schedule, epochs=2)

    pruned = plan.prune(base, 0.55, X, y, None, {})

    assert len(pruned.estimator.history_) == len(base.history_) + 2 * n_trainings


def test_no_mask_is_left_in_what_was_pruned(base, X, y):
    pruned = PLAN.prune(base, 0.7, X, y, None, {})

    assert not [n for n in pruned.estimator.module_.state_dict() if "parametrizations" in n]


def test_a_sparse_training_gives_the_untrained_network_too(base, X, y):
    plan = replace(PLAN, schedule="rigl")

    dense, pruned = plan.train_sparse(CNNClassifier(**SHORT), 0.8, X, y, None)

    assert not any(bool((p == 0).all()) for n, p in dense.named_parameters() if "weight" in n)
    assert sum(k.total for k in pruned.kept) == sum(
        p.numel() for n, p in dense.named_parameters() if p.ndim > 1
    )


def test_examples_are_noise_of_the_shape_of_a_sample_and_draw_from_no_global_generator(base):
    before = torch.get_rng_state()

    example = example_for(base)

    assert example.shape == (2, 1, 8, 8)
    assert torch.equal(example, example_for(base))
    assert torch.equal(torch.get_rng_state(), before)


def test_examples_of_a_wrapper_are_those_of_its_base(base, X, y):
    model = PrunedEstimator(FrozenEstimator(base), pruning_ratio=0.0).fit(X, y)

    assert torch.equal(example_for(model), example_for(base))
