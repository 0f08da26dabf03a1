"""A folder that one living process has for itself."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks; there two searches can share a folder unseen.
    fcntl = None  # type: ignore[assignment]

__all__ = ["FolderLock"]


class FolderLock:
    """Held until :meth:`release`, or the end of the process, even by a kill.

    Parameters
    ----------
    folder : Path
        Where the file ``lock`` lies; it stays there and holds the process's number.
    owner : str
        Opens the messages.

    Raises
    ------
    ValueError
        Another living process, or another place in this one, holds the folder.
    OSError
        The folder cannot be written.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._take(folder, owner)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, folder: Path, owner: str) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(self._refusal(folder, owner)) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def _refusal(self, folder: Path, owner: str) -> str:
        number = os.pread(self._descriptor, 20, 0).decode(errors="replace")
        here = number == str(os.getpid())
        holder = "another search in this process" if here else f"the running process {number}"
        return (
            f"{owner}: {folder} is being written by {holder}. "
            "Did you mean another folder, or to wait for that one?"
        )
