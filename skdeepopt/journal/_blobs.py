"""Bytes by name, each in a file that appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from skdeepopt.journal._file import sync_folder

__all__ = ["BlobStore"]

_DIGEST_BYTES = 32
_DRAFT = ".partial"


class BlobStore:
    """Bytes by name, in a folder or, for None, in memory.

    Parameters
    ----------
    folder : Path or None
        Made at the first :meth:`put`.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        if folder is not None and folder.is_dir():
            for draft in folder.glob(f"*{_DRAFT}"):  # of a process that was killed
                draft.unlink(missing_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes; on disk when this returns."""
        if self._folder is None:
            self._memory[name] = bytes(data)
            return
        path = self._path(self._folder, name)
        self._folder.mkdir(exist_ok=True)
        draft = path.with_name(path.name + _DRAFT)
        try:
            with draft.open("wb") as file:
                file.write(hashlib.sha256(data).digest())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)

    def get(self, name: str) -> bytes | None:
        """The bytes of that name, or None; ValueError where the file is damaged."""
        if self._folder is None:
            return self._memory.get(name)
        path = self._path(self._folder, name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            raise ValueError(
                f"{path} is damaged: its checksum does not fit. Put it back from a copy, or choose "
                "another folder for the journal."
            )
        return data

    def drop(self, name: str) -> None:
        """Forget the bytes of that name, where there are any."""
        if self._folder is None:
            self._memory.pop(name, None)
        else:
            self._path(self._folder, name).unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        # Quoted, no name leaves the folder or meets another one; "." would be one of its own.
        return folder / f"{quote(name, safe='')}.blob"
