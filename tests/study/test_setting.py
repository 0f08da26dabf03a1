from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.exceptions import DatasetError
from skdeepopt.study._setting import CONFIG_VERSION, StudySetting, setting_for


def images(n_train, labels=(0, 1), name="toy", value=0):
    y = np.resize(np.asarray(labels), n_train)
    X = np.full((n_train, 2, 2), value, dtype=np.uint8)
    return ImageDataset(name, X, y, X[:2], y[:2], tuple(map(str, np.unique(y))))


@given(st.integers(6, 70_000), st.booleans())
def test_a_search_draws_no_more_than_the_training_part(n_train, quick):
    setting = setting_for(images(n_train), quick=quick)

    assert 2 <= setting.search_test < setting.search_train
    assert setting.search_train + setting.search_test <= n_train


@given(st.integers(6, 70_000), st.booleans())
def test_no_batch_that_a_search_may_choose_exceeds_what_it_fits_on(n_train, quick):
    setting = setting_for(images(n_train), quick=quick)

    assert 1 <= max(setting.batch_sizes) <= setting.search_train


@given(st.sampled_from([300, 60_000]))
def test_a_quick_study_costs_less(n_train):
    quick, full = (setting_for(images(n_train), quick=quick) for quick in (True, False))

    assert quick.max_epochs < full.max_epochs
    assert quick.n_candidates < full.n_candidates


@given(st.sampled_from([300, 60_000]), st.booleans(), st.floats(0, 5))
def test_a_share_of_the_passes_is_none_only_where_it_is_zero(n_train, quick, share):
    setting = setting_for(images(n_train), quick=quick)

    assert (setting.passes(share) == 0) == (share == 0)
    assert abs(setting.passes(share) - share * setting.max_epochs) <= 1


def test_the_baseline_of_small_data_has_its_default_passes():
    assert setting_for(images(300), quick=False).max_epochs == CNNClassifier().max_epochs


def test_a_plain_setting_holds_every_entry_of_the_file_by_name():
    setting = setting_for(images(9), quick=True)

    plain = setting.to_plain()

    assert json.loads(json.dumps(plain)) == plain
    assert plain["pruned_channels.pruning_ratio"] == 0.75
    assert plain["version"] == CONFIG_VERSION


def test_other_pixels_and_other_labels_are_noticed():
    settings = [
        setting_for(data, quick=True)
        for data in (images(9), images(9, value=1), images(9, labels=("x", "y")))
    ]

    assert len({setting.fingerprint for setting in settings}) == 3
    assert setting_for(images(9), quick=True) == settings[0]


def test_a_setting_cannot_be_changed():
    setting = setting_for(images(9), quick=True)

    assert isinstance(setting, StudySetting)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setting.quick = False


def test_a_class_too_small_to_be_divided_is_refused():
    with pytest.raises(DatasetError, match="at least 3 training images of each class, not 1 of 7"):
        setting_for(images(5, labels=(0, 0, 0, 0, 7)), quick=True)


def test_labels_without_classes_are_refused():
    data = dataclasses.replace(images(9), class_names=())

    with pytest.raises(DatasetError, match="data with classes"):
        setting_for(data, quick=True)
