"""Files opened and checked, whichever layout they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import Container
from skdeepopt.storage._packed import MAGIC
from skdeepopt.storage._packed import unpack as unpack_packed
from skdeepopt.storage._paths import open_model
from skdeepopt.storage._safetensors import unpack as unpack_safetensors

__all__ = ["opened"]


@contextmanager
def opened(path: Path, *, with_spans: bool = False) -> Iterator[Container]:
    """What a file holds; what is wrong with it, there or in the context, begins with its name.

    Parameters
    ----------
    path : Path
    with_spans : bool, default=False
        Also count what each tensor takes in the file.
    """
    try:
        yield _read(path, with_spans)
    except ModelFileError as error:
        raise ModelFileError(f"{path} {_ended(str(error))}") from error.__cause__
    except MemoryError as error:
        raise ModelFileError(f"{path} needs more memory than there is.") from error


def _ended(message: str) -> str:
    return message if message.endswith("?") else f"{message.rstrip('.')}."


def _read(path: Path, with_spans: bool) -> Container:
    handle, size_bytes = open_model(path)
    with handle:
        start = handle.read(len(MAGIC))
        handle.seek(0)
        if size_bytes and MAGIC.startswith(start):
            return unpack_packed(handle.read(), with_spans=with_spans)
        return unpack_safetensors(handle, size_bytes)
