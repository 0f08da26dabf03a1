"""Images to learn from: built in, well known, or the user's own."""

from __future__ import annotations

from skdeepopt.datasets._cifar10 import load_cifar10
from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.datasets._digits import load_digits_images
from skdeepopt.datasets._dispatch import load_dataset
from skdeepopt.datasets._folder import load_folder
from skdeepopt.datasets._mnist import load_mnist
from skdeepopt.datasets._npz import load_npz

__all__ = [
    "ImageDataset",
    "load_cifar10",
    "load_dataset",
    "load_digits_images",
    "load_folder",
    "load_mnist",
    "load_npz",
]
