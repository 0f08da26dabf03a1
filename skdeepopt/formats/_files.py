"""Files that appear together, when all that is to be known of them is known."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["checked_path", "staged"]


def checked_path(path: Any, suffix: str, form: str) -> Path:
    """Path of the file to write, in a folder that exists.

    Raises
    ------
    TypeError, ValueError
        It is no path, or does not end as files of the format do.
    FileNotFoundError, IsADirectoryError
        Its folder is missing, or it is one.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(
            f"export.path is a str or pathlib.Path, not {type(path).__name__}. Did you mean "
            f"export(estimator, path)?"
        )
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(
            f"export.path ends in {suffix!r} for the format {form!r}, not {str(path)!r}. Did you "
            f"mean {path.with_suffix(suffix).name if path.name else 'model' + suffix!r}?"
        )
    if path.is_dir():
        raise IsADirectoryError(f"export.path is a file to write, and {path} is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"export.path is in a folder that exists, and {path.parent} does not."
        )
    return path


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A path of the same name in a folder of its own, whose files then take their places.

    Where the block fails, none of them appear, and what stood in their places stays.

    Parameters
    ----------
    path : Path
    """
    target = Path(os.path.realpath(path))
    with _folder(target.parent) as folder:
        yield folder / target.name
        # The file that was asked for comes last: who sees it finds the others too.
        for part in sorted(folder.iterdir(), key=lambda part: part.name == target.name):
            with part.open("rb") as handle:
                os.fsync(handle.fileno())
            part.replace(target.with_name(part.name))


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".skdeepopt-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
