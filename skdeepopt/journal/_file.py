"""The file of a journal: read when it is opened, locked meanwhile, appended to line by line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skdeepopt.journal._folder_lock import FolderLock
from skdeepopt.journal._lines import as_line, from_line

__all__ = ["JournalFile", "sync_folder"]

FORMAT = 1
FILE_NAME = "journal.jsonl"
_OPENING = b'{"journal": '


class JournalFile:
    """Lines of one search, in a folder that is this process's own until :meth:`close`.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    identity : mapping
        Plain, as JSON gives it back.
    owner : str
        Opens the messages.

    Attributes
    ----------
    records : list of dict
        What the file held when it was opened, without the identity.

    Raises
    ------
    ValueError, OSError
        As in ``Journal``.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], *, owner: str) -> None:
        self.path = folder / FILE_NAME
        self._owner = owner
        _make_folder(folder, owner)
        self._lock = FolderLock(folder, owner)
        try:
            self._descriptor = os.open(self.path, _FLAGS, 0o666)
        except BaseException:
            self._lock.release()
            raise
        try:
            self.records = self._read(identity)
        except BaseException:
            self.close()
            raise

    def append(self, record: Mapping[str, Any], *, durable: bool) -> None:
        """Write a line; on disk when this returns, where it is to be durable.

        Raises
        ------
        OSError
            The line could not be written whole; the file is as it was before.
        """
        line = as_line(dict(record))
        try:
            _write_all(self._descriptor, line)
            if durable:
                os.fsync(self._descriptor)
        except BaseException:
            # Half a line in the middle of the file would damage all that follows.
            self._cut(self._end)
            raise
        self._end += len(line)

    def close(self) -> None:
        """Give the folder back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._lock.release()

    def _read(self, identity: Mapping[str, Any]) -> list[dict[str, Any]]:
        # What follows the last line end was torn by a kill: its writer never said it was there.
        whole, _, torn = self.path.read_bytes().rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        self._end = len(whole) + 1 if whole else 0
        if not lines and not _OPENING.startswith(torn[: len(_OPENING)]):
            raise ValueError(self._foreign("it does not begin like one"))
        records = [self._record(number, line) for number, line in enumerate(lines, start=1)]
        if records:
            self._check_identity(records[0], identity)
        self._cut(self._end)
        if not records:
            self.append({"journal": FORMAT, "identity": identity}, durable=True)
            sync_folder(self.path.parent)
        return records[1:]

    def _record(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            return from_line(line)
        except ValueError as error:
            message = self._damaged(number, error) if number > 1 else self._foreign(str(error))
            raise ValueError(message) from error

    def _damaged(self, number: int, error: ValueError) -> str:
        return (
            f"{self._owner}: line {number} of {self.path} is damaged ({error}). Put the file back "
            "from a copy, delete the line to have its candidate trained again, or choose another "
            "folder."
        )

    def _foreign(self, reason: str) -> str:
        return (
            f"{self._owner}: {self.path} is no journal of a search, or its first line is damaged "
            f"({reason}). Did you mean another folder?"
        )

    def _check_identity(self, first: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        there = first.get("identity")
        if first.get("journal") != FORMAT or not isinstance(there, dict):
            raise ValueError(self._foreign("it is of another version"))
        for name in [*wanted, *there]:
            if name not in there or name not in wanted or not _same(there[name], wanted[name]):
                raise ValueError(
                    f"{self._owner}: {self.path.parent} is the journal of another search, with "
                    f"{name} = {_shown(there, name)}; this one has {name} = "
                    f"{_shown(wanted, name)}. Did you mean another folder, or to delete that one?"
                )

    def _cut(self, end: int) -> None:
        os.ftruncate(self._descriptor, end)


_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def _make_folder(folder: Path, owner: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{owner} is a folder, not the file {folder}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(
            error.errno, f"{owner}: the folder cannot be made", str(folder)
        ) from error


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as what is in it, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _same(one: Any, other: Any) -> bool:
    # NaN is no change of a search, though it is not equal to itself.
    return repr(one) == repr(other) or bool(one == other)


def _shown(identity: Mapping[str, Any], name: str) -> str:
    if name not in identity:
        return "nothing"
    text = repr(identity[name])
    return text if len(text) <= 200 else f"{text[:200]}..."
