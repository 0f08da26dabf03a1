from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from skdeepopt.datasets._digits import load_digits_images


def test_digits_are_those_of_scikit_learn():
    images, labels = load_digits_images().all

    expected = load_digits()
    assert images.dtype == np.uint8
    assert sorted(map(bytes, images)) == sorted(map(bytes, expected.images.astype(np.uint8)))
    assert np.bincount(labels).tolist() == np.bincount(expected.target).tolist()


def test_digits_have_the_names_0_to_9():
    assert load_digits_images().class_names == tuple("0123456789")
