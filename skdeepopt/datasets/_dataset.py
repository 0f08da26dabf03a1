"""Images with labels, in a part to learn from and a part that chose nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from skdeepopt.exceptions import DatasetError

__all__ = ["GIVEN_SPLIT", "ImageDataset", "split_dataset"]

GIVEN_SPLIT = "given by the data"


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """Images with labels, in a training and a test part.

    Attributes
    ----------
    name : str
    X_train, X_test : ndarray of shape (n, height, width) or (n, height, width, channels)
        Pixels as they are stored, uint8 as a rule; from an ``.npz`` file whatever it holds.
    y_train, y_test : ndarray of shape (n,)
    class_names : tuple of str
        Name of each label, in the order of ``numpy.unique(y)``; empty where y is continuous.
    split : str
        How the two parts came about.

    Raises
    ------
    DatasetError
        A part is empty, or the parts do not fit together.
    """

    name: str
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    split: str = GIVEN_SPLIT

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            X, y = getattr(self, f"X_{part}"), getattr(self, f"y_{part}")
            if len(X) == 0 or len(X) != len(y):
                raise DatasetError(
                    f"{self.name} has one label for each of at least one {part} image, "
                    f"not {len(y)} labels for {len(X)} images."
                )
        shapes = self.X_train.shape[1:], self.X_test.shape[1:]
        if shapes[0] != shapes[1]:
            raise DatasetError(
                f"{self.name} has images of one shape, not {shapes[0]} in the training part "
                f"and {shapes[1]} in the test part."
            )

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the training part."""
        return self.X_train, self.y_train

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the test part."""
        return self.X_test, self.y_test

    @property
    def all(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of both parts, training first."""
        parts = [self.X_train, self.X_test], [self.y_train, self.y_test]
        return np.concatenate(parts[0]), np.concatenate(parts[1])

    def __repr__(self) -> str:
        return (
            f"ImageDataset({self.name!r}, {len(self.X_train)} to train, {len(self.X_test)} to "
            f"test, images {self.X_train.shape[1:]} {self.X_train.dtype}, "
            f"{len(self.class_names)} classes, split {self.split})"
        )


def split_dataset(
    name: str,
    X: np.ndarray,
    y: np.ndarray,
    class_names: tuple[str, ...],
    *,
    test_size: float,
    random_state: int,
) -> ImageDataset:
    """Data set with a test part drawn from X, class by class where there are classes."""
    stratify = y if class_names else None
    try:
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=test_size, random_state=random_state, stratify=stratify
        )
    except ValueError as error:
        raise DatasetError(
            f"{name} has no test part and cannot be split into one of {test_size:g}: {error}"
        ) from error
    kind = "stratified" if class_names else "random"
    split = f"{kind}, {test_size:.0%} to test, seed {random_state}"
    return ImageDataset(name, X_train, y_train, X_test, y_test, class_names, split)
