"""CIFAR-10 from an archive of JPEG files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from skdeepopt.datasets._cache import read_arrays, write_arrays
from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.datasets._images import read_pixels
from skdeepopt.datasets._locations import cache_folder, data_folder
from skdeepopt.exceptions import DatasetError

__all__ = ["load_cifar10"]

_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_FILE = "cifar10-jpeg.zip"
_SIZE = (32, 32)


def load_cifar10(*, limit_per_class: int | None = None) -> ImageDataset:
    """CIFAR-10: 50,000 and 10,000 photographs of ten things, 32 x 32 x 3, uint8.

    Read from ``cifar10-jpeg.zip`` (``train/<class>/NNNN.jpg`` and ``test/<class>/NNNN.jpg``) in
    the folder that the environment variable ``SKDEEPOPT_DATA`` names. JPEG loses a little, so
    figures on it are compared with one another, not with published ones. The pixels of the whole
    are kept in the user's cache, so that only the first call takes long.

    Parameters
    ----------
    limit_per_class : int, optional
        Take only the first so many images of each class, in each of the two parts.

    Returns
    -------
    dataset : ImageDataset
        Sorted by class and name; shuffle before taking a part of it.

    Raises
    ------
    DatasetError
        The archive is not there, is damaged or lacks a class.
    ValueError
        `limit_per_class` is below 1.

    References
    ----------
    Krizhevsky (2009), "Learning multiple layers of features from tiny images".
    """
    if limit_per_class is not None and limit_per_class < 1:
        raise ValueError(
            f"load_cifar10.limit_per_class is an integer of at least 1, not {limit_per_class!r}. "
            "Did you mean None, for all?"
        )
    path = _archive()
    kept = cache_folder() / _cache_name(path)
    arrays = read_arrays(kept)
    if arrays is None:
        arrays = _decode(path, limit_per_class)
        if limit_per_class is None:
            write_arrays(kept, arrays)
    train, test = (_part(arrays, part, limit_per_class) for part in ("train", "test"))
    return ImageDataset("cifar10", *train, *test, _CLASSES)


def _archive() -> Path:
    folder = data_folder()
    path = folder / _FILE if folder else None
    if path is None or not path.is_file():
        arrived = f"and {str(folder)!r} has none" if folder else "which is not set"
        raise DatasetError(
            f"load_cifar10 reads {_FILE} in the folder that the environment variable "
            f"SKDEEPOPT_DATA names, {arrived}."
        )
    return path


def _cache_name(path: Path) -> str:
    state = path.stat()
    return f"{path.stem}-{state.st_size}-{state.st_mtime_ns}.npz"


def _decode(path: Path, limit: int | None) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays: dict[str, np.ndarray] = {}
            for part in ("train", "test"):
                names = _names(path, archive, part, limit)
                arrays[f"x_{part}"] = _pixels(path, archive, names)
                labels = [_CLASSES.index(name.split("/")[1]) for name in names]
                arrays[f"y_{part}"] = np.array(labels, dtype=np.int64)
            return arrays
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{path} cannot be read as a zip archive: {error}") from error


def _names(path: Path, archive: zipfile.ZipFile, part: str, limit: int | None) -> list[str]:
    of_class: dict[str, list[str]] = {label: [] for label in _CLASSES}
    for name in sorted(archive.namelist()):
        folder, _, file = name.rpartition("/")
        found, _, label = folder.rpartition("/")
        if found == part and label in of_class and file.endswith(".jpg"):
            of_class[label].append(name)
    for label, names in of_class.items():
        if not names:
            raise DatasetError(f"{path} holds images in {part}/{label}/, not none.")
    return [name for names in of_class.values() for name in names[:limit]]


def _pixels(path: Path, archive: zipfile.ZipFile, names: list[str]) -> np.ndarray:
    images = np.empty((len(names), *_SIZE, 3), dtype=np.uint8)
    for row, name in enumerate(names):
        images[row] = read_pixels(
            archive.read(name), f"{path}, {name},", grayscale=False, size=_SIZE
        )
    return images


def _part(
    arrays: dict[str, np.ndarray], part: str, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if limit is None:
        return images, labels
    rows = np.concatenate([np.flatnonzero(labels == k)[:limit] for k in range(len(_CLASSES))])
    return images[rows], labels[rows]
