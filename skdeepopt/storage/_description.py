"""The description of a model in few bytes: DEFLATE that already knows a typical one."""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files
from typing import Final

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._limits import MAX_HEADER_BYTES

__all__ = ["compress", "decompress", "preset"]

_RAW: Final = -zlib.MAX_WBITS
_HARDEST: Final = 9


@cache
def preset() -> bytes:
    """Text that the compressor has seen before, which never changes for one schema."""
    return files("skdeepopt.storage").joinpath("description-3.txt").read_bytes()


def compress(text: str) -> bytes:
    """Raw DEFLATE of a text in ASCII.

    Raises
    ------
    ValueError
        The text is longer than a reader accepts.
    """
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(
            f"The description of the model takes {len(text):,} bytes; "
            f"{MAX_HEADER_BYTES:,} are allowed. Are there very many categories or labels?"
        )
    coder = zlib.compressobj(_HARDEST, zlib.DEFLATED, _RAW, _HARDEST, zdict=preset())
    return coder.compress(text.encode("ascii")) + coder.flush()


def decompress(data: bytes) -> bytes:
    """Text of a description.

    Raises
    ------
    ModelFileError
        Not DEFLATE, not all of it, something after it, or too long.
    """
    coder = zlib.decompressobj(_RAW, zdict=preset())
    try:
        text = coder.decompress(data, MAX_HEADER_BYTES + 1)
    except zlib.error as error:
        raise ModelFileError(f"has a description that cannot be inflated: {error}") from error
    if len(text) > MAX_HEADER_BYTES:
        raise ModelFileError(
            f"has a description of more than {MAX_HEADER_BYTES:,} bytes, which is the most allowed"
        )
    if not coder.eof or coder.unused_data:
        raise ModelFileError("has a description that does not end where it says")
    return text
