"""The data set that is always there."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from skdeepopt.datasets._dataset import ImageDataset, split_dataset

__all__ = ["load_digits_images"]


def load_digits_images(*, test_size: float = 0.25, random_state: int = 0) -> ImageDataset:
    """Scikit-learn's 1,797 handwritten digits, 8 x 8, uint8 from 0 to 16.

    Parameters
    ----------
    test_size : float, default=0.25
        Share of each class in the test part.
    random_state : int, default=0
        Seed of that split.

    Returns
    -------
    dataset : ImageDataset

    References
    ----------
    Alpaydin & Kaynak (1998), "Optical recognition of handwritten digits", UCI repository.

    Examples
    --------
    >>> load_digits_images().all[0].shape
    (1797, 8, 8)
    """
    digits = load_digits()
    names = tuple(str(name) for name in digits.target_names)
    images = digits.images.astype(np.uint8)
    return split_dataset(
        "digits",
        images,
        digits.target.astype(np.int64),
        names,
        test_size=test_size,
        random_state=random_state,
    )
