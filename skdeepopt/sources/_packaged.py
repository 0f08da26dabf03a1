"""The pretrained networks in this package, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from skdeepopt.exceptions import ModelFileError
from skdeepopt.sources._estimators import source_of_estimator
from skdeepopt.sources._source import PixelRange, Source
from skdeepopt.storage._files import load

__all__ = ["SOURCES", "Packaged", "packaged_source"]


class Packaged(NamedTuple):
    """A model file that comes with the package; the model card lies beside it, as Markdown."""

    file: str
    sha256: str
    pixel_range: PixelRange

    @property
    def path(self) -> Path:
        """Where the file is installed."""
        return Path(str(files("skdeepopt.sources"))) / "weights" / self.file


_MNIST_COMPACT: Final = "d016caaa020e07d08f3b464931d6bfd29b2638a131dcc33e2315922318fdf6b3"

SOURCES: Final[Mapping[str, Packaged]] = MappingProxyType(
    {"mnist-compact": Packaged("mnist-compact.skdo", _MNIST_COMPACT, (0.0, 255.0))}
)
"""Model files by the name of the source."""


@cache
def packaged_source(name: str, packaged: Packaged) -> Source:
    """Source in a file of the package, whose every byte is checked.

    Raises
    ------
    ModelFileError
        The file was altered, or is not there.
    """
    path = packaged.path
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(
            f"the source {name!r} comes with the package as {path}, which cannot be read: "
            f"{error.strerror}. Install skdeepopt again"
        ) from error
    if digest != packaged.sha256:
        raise ModelFileError(
            f"the source {name!r} is the file {path} with the SHA-256 {packaged.sha256}, not "
            f"{digest}: it was altered. Install skdeepopt again"
        )
    return source_of_estimator(load(path), name=name, pixel_range=packaged.pixel_range, owner=name)
