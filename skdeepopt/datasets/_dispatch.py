"""A data set by its name or its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skdeepopt._validation import did_you_mean
from skdeepopt.datasets._cifar10 import load_cifar10
from skdeepopt.datasets._dataset import ImageDataset
from skdeepopt.datasets._digits import load_digits_images
from skdeepopt.datasets._folder import load_folder
from skdeepopt.datasets._mnist import load_mnist
from skdeepopt.datasets._npz import load_npz
from skdeepopt.exceptions import DatasetError

__all__ = ["DATASET_NAMES", "load_dataset"]

_LOADERS: dict[str, Callable[[], ImageDataset]] = {
    "digits": load_digits_images,
    "mnist": load_mnist,
    "cifar10": load_cifar10,
}
DATASET_NAMES = tuple(_LOADERS)


def load_dataset(spec: str | Path) -> ImageDataset:
    """The data set that a name or a path stands for.

    Parameters
    ----------
    spec : str or Path
        ``"digits"``, ``"mnist"``, ``"cifar10"``, a folder as `load_folder` reads it, or an
        ``.npz`` file as `load_npz` reads it. A name wins over a path; ``./digits`` is a path.

    Returns
    -------
    dataset : ImageDataset

    Raises
    ------
    DatasetError
        There is no such thing, or it does not hold what it should.

    Examples
    --------
    >>> load_dataset("digits").name
    'digits'
    >>> load_dataset("mnits")
    Traceback (most recent call last):
    ...
    skdeepopt.exceptions.DatasetError: load_dataset takes digits, mnist, cifar10, a folder with \
one folder of images per class, or an .npz file, not 'mnits'. Did you mean 'mnist'?
    """
    if str(spec) in _LOADERS:
        return _LOADERS[str(spec)]()
    path = Path(spec).expanduser()
    if path.is_dir():
        return load_folder(path)
    if path.is_file() and path.suffix.lower() == ".npz":
        return load_npz(path)
    raise DatasetError(
        f"load_dataset takes {', '.join(_LOADERS)}, a folder with one folder of images per class, "
        f"or an .npz file, not {str(spec)!r}.{_slip(path)}"
    )


def _slip(path: Path) -> str:
    if path.is_file():
        return f" Did you mean {str(path.parent)!r}?"
    if path.parent.is_dir() and path.parent != Path():
        beside = {entry.name: str(entry) for entry in path.parent.iterdir()}
        near = did_you_mean(path.name, beside)
        return near or f" There is no {path.name!r} in {str(path.parent)!r}."
    if path.parent != Path():
        return f" There is no folder {str(path.parent)!r}."
    return did_you_mean(str(path), _LOADERS)
