"""MNIST from a local file, else from OpenML."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml

from skdeepopt.datasets._cache import read_arrays, write_arrays
from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.datasets._locations import cache_folder, data_folder
from skdeepopt.datasets._npz import read_npz
from skdeepopt.exceptions import DatasetError

__all__ = ["load_mnist"]

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_N_TRAIN = 60_000


def load_mnist() -> ImageDataset:
    """MNIST: 60,000 and 10,000 handwritten digits, 28 x 28, uint8 from 0 to 255.

    Read from ``mnist.npz`` in the folder that the environment variable ``SKDEEPOPT_DATA`` names;
    where that is not there, fetched once from OpenML (``mnist_784``) and kept in the user's cache.

    Returns
    -------
    dataset : ImageDataset
        In the original order and the original split.

    Raises
    ------
    DatasetError
        The file is damaged, or there is none and OpenML cannot be reached.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11).
    """
    folder = data_folder()
    path = folder / "mnist.npz" if folder else None
    arrays = _local(path) if path and path.is_file() else _cached_openml()
    names = tuple(str(digit) for digit in range(10))
    X_train, X_test = arrays["x_train"], arrays["x_test"]
    y_train, y_test = arrays["y_train"].astype(np.int64), arrays["y_test"].astype(np.int64)
    return ImageDataset("mnist", X_train, y_train, X_test, y_test, names)


def _local(path: Path) -> dict[str, np.ndarray]:
    arrays = read_npz(path)
    if not set(_KEYS) <= set(arrays):
        arrived = ", ".join(sorted(arrays)) or "none"
        raise DatasetError(f"{path} holds the arrays {', '.join(_KEYS)}, not {arrived}.")
    return arrays


def _cached_openml() -> dict[str, np.ndarray]:
    path = cache_folder() / "mnist.npz"
    arrays = read_arrays(path)
    if arrays is None:
        arrays = _fetch_openml()
        write_arrays(path, arrays)
    return arrays


def _fetch_openml() -> dict[str, np.ndarray]:
    # scikit-learn's own parser needs minutes and gigabytes for this file; pandas is optional here.
    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        X, y = fetch_openml(
            "mnist_784", version=1, as_frame=False, return_X_y=True, cache=False, parser=parser
        )
    except (OSError, ValueError) as error:
        raise DatasetError(
            "load_mnist reads mnist.npz in the folder that the environment variable "
            "SKDEEPOPT_DATA names, or fetches mnist_784 from OpenML; there is no such file and "
            f"OpenML did not answer ({type(error).__name__}: {error})."
        ) from error
    images, labels = X.reshape(-1, 28, 28).astype(np.uint8), y.astype(np.int64)
    return {
        "x_train": images[:_N_TRAIN],
        "y_train": labels[:_N_TRAIN],
        "x_test": images[_N_TRAIN:],
        "y_test": labels[_N_TRAIN:],
    }
