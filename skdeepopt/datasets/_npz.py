"""Images and labels from a numpy archive."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from skdeepopt._validation import did_you_mean
from skdeepopt.datasets._dataset import ImageDataset, split_dataset
from skdeepopt.exceptions import DatasetError

__all__ = ["load_npz", "read_npz"]

_WITHOUT_TEST = (("X", "y"), ("images", "labels"))
_WITH_TEST = ("x_train", "y_train", "x_test", "y_test")
_ALLOWED = (*_WITHOUT_TEST, _WITH_TEST)


def load_npz(path: str | Path, *, test_size: float = 0.25, random_state: int = 0) -> ImageDataset:
    """Images and labels from an ``.npz`` file, never unpickling anything.

    Parameters
    ----------
    path : str or Path
        File with the arrays ``X, y``, or ``images, labels``, or
        ``x_train, y_train, x_test, y_test``; others beside them are left alone. Images are
        numbers of shape (n, features), (n, h, w), (n, c, h, w) or (n, h, w, c).
    test_size : float, default=0.25
        Share of the test part, where the file has none.
    random_state : int, default=0
        Seed of that split, which keeps the shares of the classes.

    Returns
    -------
    dataset : ImageDataset

    Raises
    ------
    DatasetError
        The file is missing, damaged, or holds other arrays.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "stripes.npz"
    ...     np.savez(path, X=np.zeros((8, 4, 4), np.uint8), y=np.arange(8) % 2)
    ...     load_npz(path, test_size=0.5).X_train.shape
    (4, 4, 4)
    """
    path = Path(path)
    arrays = read_npz(path)
    keys = _known_keys(path, arrays)
    images = [_as_images(path, key, arrays[key]) for key in keys[::2]]
    labels = [_as_labels(path, key, arrays[key]) for key in keys[1::2]]
    names = _class_names(np.concatenate(labels))
    if keys == _WITH_TEST:
        return ImageDataset(path.stem, images[0], labels[0], images[1], labels[1], names)
    if len(images[0]) != len(labels[0]):
        raise DatasetError(
            f"{path} has one label for each image, "
            f"not {len(labels[0])} labels for {len(images[0])} images."
        )
    return split_dataset(
        path.stem, images[0], labels[0], names, test_size=test_size, random_state=random_state
    )


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file by name.

    Raises
    ------
    DatasetError
        The file is missing, damaged, no such archive, or holds Python objects.
    """
    if not path.is_file():
        raise DatasetError(f"load_npz reads an existing .npz file, not {str(path)!r}.")
    if not zipfile.is_zipfile(path):
        raise DatasetError(
            f"{path} is no .npz archive. Did you mean to write it with numpy.savez, or was it cut?"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(
            f"{path} cannot be read as arrays of numbers or text: {error}"
        ) from error


def _known_keys(path: Path, arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    for keys in (_WITH_TEST, *_WITHOUT_TEST):
        if set(keys) <= set(arrays):
            return keys
    allowed = " or ".join(", ".join(keys) for keys in _ALLOWED)
    known = [key for keys in _ALLOWED for key in keys]
    slips = [did_you_mean(key, known) for key in arrays if key not in known]
    raise DatasetError(
        f"{path} holds the arrays {allowed}, not {', '.join(sorted(arrays)) or 'none'}."
        + next((slip for slip in slips if slip), "")
    )


def _as_images(path: Path, key: str, images: np.ndarray) -> np.ndarray:
    if images.dtype.kind not in "buif" or images.ndim not in (2, 3, 4):
        raise DatasetError(
            f"{path}: {key} holds numbers of shape (n, features), (n, h, w), (n, c, h, w) or "
            f"(n, h, w, c), not {images.dtype} of shape {images.shape}."
        )
    return images


def _as_labels(path: Path, key: str, labels: np.ndarray) -> np.ndarray:
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1:
        slip = " Did you mean its argmax over the second axis?" if labels.ndim == 2 else ""
        raise DatasetError(f"{path}: {key} has the shape (n,), not {labels.shape}.{slip}")
    return labels


def _class_names(labels: np.ndarray) -> tuple[str, ...]:
    """Names of the classes, none where the labels are continuous."""
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        return ()
    return tuple(str(label) for label in np.unique(labels))
