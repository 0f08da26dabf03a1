"""Pixels of image files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from skdeepopt.exceptions import DatasetError

__all__ = ["IMAGE_SUFFIXES", "is_gray", "read_pixels"]

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
_GRAY_MODES = ("1", "L", "LA", "I", "F")


def is_gray(path: Path) -> bool:
    """Whether an image file holds one channel, by its header alone."""
    with _opened(path, path) as image:
        return _is_gray_mode(image.mode)


def read_pixels(
    source: Path | bytes,
    name: str | Path,
    *,
    grayscale: bool,
    size: tuple[int, int] | None = None,
    resize: bool = False,
) -> np.ndarray:
    """Pixels of one image, uint8 of shape (h, w), or (h, w, 3) in colour.

    Parameters
    ----------
    source : Path or bytes
        The file, or what it holds.
    name : str or Path
        What an error calls it.
    grayscale : bool
    size : tuple of int, optional
        Height and width that it has, or gets with `resize`.
    resize : bool, default=False

    Raises
    ------
    DatasetError
        The image is damaged, or has another size.
    """
    with _opened(source, name) as image:
        height_width = image.size[::-1]
        if size is not None and height_width != size and not resize:
            raise DatasetError(
                f"{name} has {size[0]} x {size[1]} pixels like the images before it, not "
                f"{height_width[0]} x {height_width[1]}. Did you mean to give an image_size?"
            )
        converted = _converted(image, "L" if grayscale else "RGB")
        if size is not None and height_width != size:
            converted = converted.resize(size[::-1], Image.Resampling.BILINEAR)
        return np.asarray(converted)


def _is_gray_mode(mode: str) -> bool:
    return mode.partition(";")[0] in _GRAY_MODES


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits at 255 instead of scaling them.
        scaled = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return Image.fromarray(scaled).convert(mode)
    return image.convert(mode)


@contextmanager
def _opened(source: Path | bytes, name: str | Path) -> Iterator[Image.Image]:
    # Pillow reads lazily, so that a damaged file may speak up at any later step.
    damaged = (OSError, SyntaxError, EOFError, UnidentifiedImageError, Image.DecompressionBombError)
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            yield image
    except damaged as error:
        raise DatasetError(f"{name} cannot be read as an image: {error}") from error
