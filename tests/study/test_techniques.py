from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone

from skdeepopt.study._techniques import TECHNIQUES, Technique, technique


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


@pytest.mark.parametrize("name", [n for n in TECHNIQUES if n.endswith("search")])
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


def test_a_technique_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TECHNIQUES["baseline"].name = "other"


def _seed(estimator):
    return getattr(estimator, "estimator", estimator).random_state
