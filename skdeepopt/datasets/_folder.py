"""Images of the user's own: one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skdeepopt._validation import did_you_mean
from skdeepopt.datasets._dataset import ImageDataset, split_dataset
from skdeepopt.datasets._images import IMAGE_SUFFIXES, is_gray, read_pixels
from skdeepopt.exceptions import DatasetError

__all__ = ["load_folder"]


def load_folder(
    path: str | Path,
    *,
    image_size: int | tuple[int, int] | None = None,
    grayscale: bool | None = None,
    test_size: float = 0.25,
    random_state: int = 0,
) -> ImageDataset:
    """Images from a folder that holds one folder of image files per class.

    Parameters
    ----------
    path : str or Path
        Folder of class folders, or of ``train`` and ``test`` folders that hold those. Files of
        other kinds and names that start with a dot are left alone.
    image_size : int or (height, width), optional
        Pixels that each image is resized to, bilinearly. By default all have one size already.
    grayscale : bool, optional
        One channel or three. By default one if all images have only one.
    test_size : float, default=0.25
        Share of each class in the test part, where there is no ``test`` folder.
    random_state : int, default=0
        Seed of that split.

    Returns
    -------
    dataset : ImageDataset
        Labels are integers, the place of the folder's name among the sorted ``class_names``.

    Raises
    ------
    DatasetError
        The folder is missing or built otherwise, an image is damaged, or sizes differ.
    """
    path = Path(path)
    if not path.is_dir():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        slip = did_you_mean(path.name, near)
        raise DatasetError(f"load_folder reads an existing folder, not {str(path)!r}.{slip}")
    parts = _parts(path)
    classes = _class_names(parts[0])
    files = [_labelled_files(part, classes) for part in parts]
    size, resize = _size(image_size, files[0][0][0], grayscale)
    if grayscale is None:
        grayscale = all(is_gray(file) for part in files for file, _ in part)
    arrays = [_read(part, grayscale=grayscale, size=size, resize=resize) for part in files]
    if len(arrays) == 2:
        return ImageDataset(path.name, *arrays[0], *arrays[1], classes)
    return split_dataset(
        path.name, *arrays[0], classes, test_size=test_size, random_state=random_state
    )


def _parts(path: Path) -> list[Path]:
    """Folders of class folders: train and test, or only train, or the folder itself."""
    if (path / "train").is_dir():
        return [path / part for part in ("train", "test") if (path / part).is_dir()]
    return [path]


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and entry.name[0] != ".")


def _class_names(path: Path) -> tuple[str, ...]:
    names = tuple(folder.name for folder in _folders(path))
    if len(names) < 2:
        slip = f" Did you mean {str(path.parent)!r}?" if _image_files(path) else ""
        raise DatasetError(
            f"{path} holds one folder of images for each of at least two classes, "
            f"not {', '.join(names) or 'none'}.{slip}"
        )
    return names


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "." and file.is_file()
    )


def _labelled_files(path: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    labelled = []
    for folder in _folders(path):
        if folder.name not in classes:
            slip = did_you_mean(folder.name, classes)
            raise DatasetError(
                f"{path} holds the classes of the training part, {', '.join(classes)}, "
                f"not {folder.name}.{slip}"
            )
        files = _image_files(folder)
        if not files:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise DatasetError(f"{folder} holds at least one image ({kinds}), not none.")
        labelled += [(file, classes.index(folder.name)) for file in files]
    return labelled


def _size(
    image_size: int | tuple[int, int] | None, first: Path, grayscale: bool | None
) -> tuple[tuple[int, int], bool]:
    """Height and width of every image, and whether images get them by resizing."""
    if image_size is None:
        pixels = read_pixels(first, first, grayscale=bool(grayscale))
        return (pixels.shape[0], pixels.shape[1]), False
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise DatasetError(
            f"load_folder.image_size is a positive integer or (height, width), not {image_size!r}."
        )
    return (size[0], size[1]), True


def _read(
    files: list[tuple[Path, int]], *, grayscale: bool, size: tuple[int, int], resize: bool
) -> tuple[np.ndarray, np.ndarray]:
    channels = () if grayscale else (3,)
    images = np.empty((len(files), *size, *channels), dtype=np.uint8)
    for row, (file, _) in enumerate(files):
        images[row] = read_pixels(file, file, grayscale=grayscale, size=size, resize=resize)
    return images, np.array([label for _, label in files], dtype=np.int64)
