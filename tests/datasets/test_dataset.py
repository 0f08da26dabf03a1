from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from skdeepopt.datasets._dataset import ImageDataset, split_dataset
from skdeepopt.exceptions import DatasetError

IMAGES = np.arange(40 * 4, dtype=np.uint8).reshape(40, 2, 2)
LABELS = np.repeat([0, 1], [30, 10])
NAMES = ("cat", "dog")


def split(**options):
    chosen = {"test_size": 0.2, "random_state": 0, **options}
    return split_dataset("pets", IMAGES, LABELS, NAMES, **chosen)


def test_a_split_loses_and_repeats_no_image():
    images, _ = split().all

    assert sorted(map(bytes, images)) == sorted(map(bytes, IMAGES))


def test_a_split_keeps_the_share_of_each_class():
    dataset = split()

    assert np.bincount(dataset.y_train).tolist() == [24, 8]
    assert np.bincount(dataset.y_test).tolist() == [6, 2]
    assert dataset.split == "stratified, 20% to test, seed 0"


def test_the_seed_decides_the_split():
    first, again, other = split(), split(), split(random_state=1)

    np.testing.assert_array_equal(first.X_test, again.X_test)
    assert (first.X_test != other.X_test).any()


def test_a_class_of_one_image_cannot_be_split():
    with pytest.raises(DatasetError, match="pets has no test part and cannot be split"):
        split_dataset(
            "pets", IMAGES[:4], np.array([0, 0, 0, 1]), NAMES, test_size=0.5, random_state=0
        )


def test_continuous_targets_are_split_at_random():
    dataset = split_dataset(
        "heat", IMAGES, np.linspace(0, 1, 40), (), test_size=0.25, random_state=0
    )

    assert dataset.split.startswith("random")
    assert len(dataset.y_test) == 10


def test_a_data_set_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        split().name = "other"


def test_parts_of_different_image_shapes_are_refused():
    with pytest.raises(DatasetError, match=r"images of one shape, not \(2, 2\)"):
        ImageDataset("pets", IMAGES, LABELS, np.zeros((1, 3, 3)), LABELS[:1], NAMES)


def test_labels_that_do_not_match_the_images_are_refused():
    with pytest.raises(DatasetError, match="not 40 labels for 39 images"):
        ImageDataset("pets", IMAGES[1:], LABELS, IMAGES, LABELS, NAMES)


def test_a_data_set_is_shown_without_its_pixels():
    assert repr(split()) == (
        "ImageDataset('pets', 32 to train, 8 to test, images (2, 2) uint8, 2 classes, "
        "split stratified, 20% to test, seed 0)"
    )
