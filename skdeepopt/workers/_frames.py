"""Messages over a pipe: a length, then so many bytes."""

from __future__ import annotations

import struct
from typing import IO

__all__ = ["read_frame", "write_frame"]

_LENGTH = struct.Struct("<Q")


def write_frame(pipe: IO[bytes], data: bytes) -> None:
    """Send bytes as one message; OSError where the other side is gone."""
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes | None:
    """The next message, waiting for it; None where the other side is gone.

    Examples
    --------
    >>> import io
    >>> pipe = io.BytesIO()
    >>> write_frame(pipe, b"hello")
    >>> _ = pipe.seek(0)
    >>> read_frame(pipe), read_frame(pipe)
    (b'hello', None)
    """
    length = pipe.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    data = pipe.read(_LENGTH.unpack(length)[0])
    return data if len(data) == _LENGTH.unpack(length)[0] else None
