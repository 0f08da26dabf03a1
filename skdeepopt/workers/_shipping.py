"""A function and its data, pickled once for all workers, which share the large arrays."""

from __future__ import annotations

import mmap
import pickle
import shutil
import struct
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from skdeepopt.workers._failure import first_line
from skdeepopt.workers._pickles import pickled

__all__ = ["Package", "PackageFile", "read_package"]

_WORTH_SHARING = 1 << 16
"""Bytes from which an array travels as it is, beside the pickle."""

_ALIGNMENT = 64
_HEADER = struct.Struct("<QQ")
_LENGTH = struct.Struct("<Q")
_MEMORY_FOLDER = Path("/dev/shm")


class Package:
    """A function and data as one pickle and the buffers of the large arrays in them.

    Who unpacks it gets read-only arrays on those buffers, not copies. Functions and classes of
    ``__main__`` and of notebooks travel with it.

    Parameters
    ----------
    token : str
        Differs from package to package.
    head : bytes
        The pickle.
    buffers : sequence of bytes-like

    Examples
    --------
    >>> function, data = Package.of(len, ("abc",)).unpack()
    >>> function(*data)
    3
    """

    def __init__(self, token: str, head: bytes, buffers: Sequence[Any]) -> None:
        self.token = token
        self.head = head
        self.buffers = [memoryview(buffer).toreadonly() for buffer in buffers]
        self._unpacked: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._guard = threading.Lock()

    @classmethod
    def of(cls, function: Callable[..., Any], data: tuple[Any, ...]) -> Package:
        """Pack a function and data.

        Raises
        ------
        TypeError
            Something in them cannot be pickled.
        """
        buffers: list[memoryview] = []

        def keep(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < _WORTH_SHARING:
                return True  # stays in the pickle
            buffers.append(raw)
            return False

        try:
            head = pickled((function, data), keep)
        except Exception as error:
            raise TypeError(
                "What a search sends to its workers can be pickled, but not what is in this one "
                f"({first_line(error)}). Did you mean n_jobs=1 without a timeout?"
            ) from error
        return cls(uuid4().hex, head, buffers)

    @property
    def n_bytes(self) -> int:
        """What is shipped to each worker."""
        return len(self.head) + sum(buffer.nbytes for buffer in self.buffers)

    def unpack(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function and the data, the same each time; they live as long as the package."""
        with self._guard:
            if self._unpacked is None:
                # The bytes come from the process that searches, over a channel of its own.
                self._unpacked = pickle.loads(self.head, buffers=self.buffers)  # noqa: S301
            return self._unpacked

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # dask and ray move such buffers without copying them.
        wrapped = [pickle.PickleBuffer(b) if protocol >= 5 else bytes(b) for b in self.buffers]
        return type(self), (self.token, self.head, wrapped)


class PackageFile:
    """A package in a temporary file, for the other processes of this machine.

    It lies in shared memory where that has room, and goes with :meth:`close`, or with this
    process, even by a kill.

    Parameters
    ----------
    package : Package
    folder : path or None, default=None
        Where the file goes; None is shared memory, or the system's folder for temporary files.
    """

    def __init__(self, package: Package, folder: str | None = None) -> None:
        parent = folder or _roomy_folder(package.n_bytes)
        self._folder = Path(tempfile.mkdtemp(prefix="skdeepopt-search-", dir=parent))
        _tracker().register(str(self._folder), "folder")
        self.path = self._folder / "package"
        with self.path.open("wb") as file:
            _write(file, package)

    def close(self) -> None:
        """Delete the file; who has read it keeps what it has."""
        if self._folder.exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            _tracker().unregister(str(self._folder), "folder")


def read_package(path: Path) -> Package:
    """The package in a file; its arrays stay in the file, mapped into memory."""
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    n_head, n_buffers = _HEADER.unpack_from(view)
    lengths = struct.unpack_from(f"<{n_buffers}Q", view, _HEADER.size)
    begin = _HEADER.size + _LENGTH.size * n_buffers
    head, position = bytes(view[begin : begin + n_head]), begin + n_head
    buffers = []
    for length in lengths:
        position = _aligned(position)
        buffers.append(view[position : position + length])
        position += length
    return Package(str(path), head, buffers)


def _write(file: Any, package: Package) -> None:
    buffers = package.buffers
    file.write(_HEADER.pack(len(package.head), len(buffers)))
    file.write(b"".join(_LENGTH.pack(buffer.nbytes) for buffer in buffers))
    file.write(package.head)
    for buffer in buffers:
        file.write(bytes(_aligned(file.tell()) - file.tell()))
        file.write(buffer)


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


def _roomy_folder(n_bytes: int) -> str | None:
    try:
        has_room = shutil.disk_usage(_MEMORY_FOLDER).free > 2 * n_bytes + (1 << 26)
    except OSError:
        return None
    return str(_MEMORY_FOLDER) if has_room else None


def _tracker() -> Any:
    """The process that deletes what a killed process left behind."""
    from joblib.externals.loky.backend import resource_tracker

    return resource_tracker
