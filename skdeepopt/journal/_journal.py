"""What a search has found, on disk, so that a killed search goes on from where it was."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from skdeepopt.journal._blobs import BlobStore
from skdeepopt.journal._file import JournalFile
from skdeepopt.journal._lines import as_plain

__all__ = ["Journal"]


class Journal:
    """Finished entries of one search by key, and blobs (weights) by name.

    Parameters
    ----------
    folder : path or None
        Made where it is missing, with its parents. None keeps everything in memory only.
    identity : mapping of str to JSON values
        What the search is. A folder that holds another search is refused.
    owner : str
        Who asks, such as ``"BayesSearchCV.journal"``; it opens the messages.

    Raises
    ------
    ValueError
        The folder is a file, holds another search or something else, is damaged, or another
        living process writes to it.
    OSError
        The folder cannot be made or written.

    Notes
    -----
    ``journal.jsonl`` holds one JSON object a line, each with a checksum: the identity first, then
    what began and what was found. A line is on disk when :meth:`add` returns. Of a process that
    was killed while it wrote, at most a torn last line is left, which the next one drops. Blobs
    are files of their own in ``blobs``; they appear whole or not at all.

    Examples
    --------
    >>> with Journal(None, {"seed": 0}, owner="search") as journal:
    ...     journal.add("12", {"score": 0.5})
    ...     journal.find("12")
    {'score': 0.5}
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None, identity: Mapping[str, Any], *, owner: str
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self._owner = owner
        self._entries: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, int] = {}
        self._guard = threading.RLock()
        self._is_closed = False
        self._file: JournalFile | None = None
        if self.folder is not None:
            self._file = JournalFile(self.folder, as_plain(dict(identity)), owner=owner)
            for record in self._file.records:
                self._take(record)
        self._blobs = BlobStore(None if self.folder is None else self.folder / "blobs")

    def find(self, key: str) -> dict[str, Any] | None:
        """The finished entry of that key, a copy; None where there is none.

        Tuples have become lists, numpy's arrays too; floats are exactly what they were.
        """
        return copy.deepcopy(self._entries.get(key))

    def add(self, key: str, entry: Mapping[str, Any]) -> None:
        """Keep a finished entry; it is on disk when this returns.

        Parameters
        ----------
        key : str
            A later entry of the same key takes the place of the earlier.
        entry : mapping of str to JSON values
            Numbers and arrays of numpy are taken; NaN and infinity too.

        Raises
        ------
        TypeError
            A value is nothing that JSON knows.
        OSError
            The disk is full, or gone; the journal is as it was before.
        """
        self._write({"key": key, "entry": as_plain(dict(entry))}, durable=True)

    def begin(self, key: str) -> int:
        """Note that the evaluation of a key begins.

        Returns
        -------
        times : int
            How often it had begun earlier, in this search or in one that was killed, without an
            entry since.
        """
        with self._guard:
            before = self._begun.get(key, 0)
            self._write({"begin": key}, durable=False)
        return before

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, whole or not at all.

        Raises
        ------
        OSError
            The disk is full, or gone; what was there before stays.
        """
        self._check_open()
        self._blobs.put(name, data)

    def get(self, name: str) -> bytes | None:
        """The bytes of that name, or None.

        Raises
        ------
        ValueError
            The file is damaged.
        """
        return self._blobs.get(name)

    def drop(self, name: str) -> None:
        """Forget the bytes of that name, where there are any."""
        self._check_open()
        self._blobs.drop(name)

    def close(self) -> None:
        """Let another process have the folder; what is kept can still be read here."""
        self._is_closed = True
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, record: dict[str, Any], *, durable: bool) -> None:
        with self._guard:
            self._check_open()
            if self._file is not None:
                self._file.append(record, durable=durable)
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        if "begin" in record:
            self._begun[record["begin"]] = self._begun.get(record["begin"], 0) + 1
        else:
            self._entries[record["key"]] = record["entry"]
            self._begun.pop(record["key"], None)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(f"{self._owner}: the journal is closed, and takes nothing more.")
