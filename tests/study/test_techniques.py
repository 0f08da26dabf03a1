from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone

from skdeepopt.study._techniques import TECHNIQUES, Technique, technique

FEW = {"baseline, few labels", "tuned, few labels", "transferred, few labels"}


def test_the_baseline_comes_first_and_the_searches_follow():
    assert list(TECHNIQUES)[:4] == ["baseline", "grid search", "random search", "Bayesian search"]


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_what_a_technique_builds_can_be_cloned_and_follows_the_seed(name, setting):
    build = TECHNIQUES[name].build

    estimators = [build(setting, seed) for seed in (3, 3, 4)]

    seeds = [_seed(estimator) for estimator in estimators]
    assert seeds == [3, 3, 4]
    assert type(clone(estimators[0])) is type(estimators[0])


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_building_leaves_the_global_random_state_alone(name, setting):
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    TECHNIQUES[name].build(setting, 0)

    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("name", [n for n in TECHNIQUES if n.endswith(" search")])
def test_a_search_judges_candidates_on_the_drawn_images_alone(name, setting, dataset):
    splitter = TECHNIQUES[name].build(setting, 0).cv

    (train, test), *_ = splitter.split(dataset.X_train, dataset.y_train)

    assert (len(train), len(test)) == (setting.search_train, setting.search_test)
    assert not set(train) & set(test)


def test_a_technique_is_added_by_one_function(monkeypatch):
    registry = {}
    monkeypatch.setattr("skdeepopt.study._techniques.TECHNIQUES", registry)

    @technique("pruned", "fewer channels")
    def _pruned(setting, seed):
        return "estimator"

    assert registry == {"pruned": Technique("pruned", "fewer channels", _pruned)}


@pytest.mark.parametrize("name", ["", "a name that would break the table"])
def test_a_name_that_does_not_fit_the_table_is_refused(name):
    with pytest.raises(ValueError, match="1 to 25 characters"):
        Technique(name, "", lambda setting, seed: None)


def named(dataset, name, shape=(8, 8)):
    parts = {part: np.zeros((90, *shape), np.uint8) for part in ("X_train", "X_test")}
    labels = {part: np.tile([0, 1, 2], 30) for part in ("y_train", "y_test")}
    return dataclasses.replace(dataset, name=name, **parts, **labels)


@pytest.mark.parametrize(
    ("data", "left_out"),
    [
        ("digits", set()),
        ("mnist", {"transferred", *FEW}),
        ("cifar10", FEW),
    ],
)
def test_what_has_seen_the_data_or_is_not_about_them_is_left_out_with_a_reason(
    dataset, data, left_out
):
    reasons = {name: found.left_out(named(dataset, data)) for name, found in TECHNIQUES.items()}

    assert {name for name, reason in reasons.items() if reason} == left_out


def test_a_source_that_has_seen_the_data_is_named(dataset):
    assert "training images of MNIST" in TECHNIQUES["transferred"].left_out(named(dataset, "mnist"))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((8, 8, 3), ""),
        ((3, 8, 8), ""),
        ((64,), ""),
        ((8, 8, 4), "its source takes no images of 4 channels"),
    ],
)
def test_channels_that_cannot_be_matched_are_left_out(dataset, shape, reason):
    assert TECHNIQUES["transferred"].left_out(named(dataset, "own", shape)) == reason


def test_a_class_with_fewer_than_few_images_leaves_the_rows_out(dataset):
    few = dataclasses.replace(
        dataset, name="digits", X_train=dataset.X_train[:12], y_train=[0] * 8 + [1] * 4
    )

    assert "4 training images" in TECHNIQUES["baseline, few labels"].left_out(few)


def test_with_few_labels_all_see_the_same_and_are_held_against_their_own_baseline():
    few = [TECHNIQUES[name] for name in FEW]

    assert {technique.labels_per_class for technique in few} == {5}
    assert {technique.against for technique in few} == {"baseline, few labels"}


def test_a_transfer_needs_half_of_the_passes_where_labels_are_few(setting):
    alone, transferred = (
        TECHNIQUES[f"{name}, few labels"].build(setting, 0) for name in ("baseline", "transferred")
    )

    assert transferred.max_epochs == alone.max_epochs / 2


def test_passes_before_and_after_the_channels_go_are_as_many_as_the_baselines(setting):
    whole = dataclasses.replace(setting, max_epochs=10)

    pruned = TECHNIQUES["pruned, channels"].build(whole, 0)

    assert pruned.estimator.max_epochs + pruned.finetune_epochs == 10


def test_what_has_more_training_or_more_techniques_is_no_single_one():
    kinds = {name: technique.kind for name, technique in TECHNIQUES.items()}

    assert {name for name, kind in kinds.items() if kind == "search"} == {
        *("grid search", "random search", "Bayesian search", "tuned, few labels"),
    }
    assert {name for name, kind in kinds.items() if kind == "combination"} == {
        *("pruned and quantized", "all together"),
    }


def test_the_student_has_at_most_a_tenth_of_its_teachers_parameters(setting):
    distilled = TECHNIQUES["distilled"].build(setting, 0)
    X, y = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 10

    sizes = [
        sum(weight.numel() for weight in network.fit(X, y).module_.parameters())
        for network in (distilled.estimator, distilled.teacher)
    ]

    assert sizes[0] <= sizes[1] / 10


def test_a_technique_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TECHNIQUES["baseline"].name = "other"


def _seed(estimator):
    return getattr(estimator, "estimator", estimator).random_state
