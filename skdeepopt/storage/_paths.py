"""Paths that can be written and read, and files that appear whole or not at all."""

from __future__ import annotations

import difflib
import os
import secrets
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from skdeepopt.exceptions import ModelFileError

__all__ = ["as_path", "check_writable", "open_model", "write_whole"]


def as_path(path: Any, verb: str) -> Path:
    """Path of a str or path-like argument."""
    slip = ""
    if hasattr(path, "get_params"):
        slip = " Did you mean save(estimator, path)?"
    elif hasattr(path, "write"):
        slip = " Did you mean the path of the open file?"
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(
            f"skdeepopt.{verb} takes the path as a str or pathlib.Path, not {type(path).__name__}."
            f"{slip}"
        )
    if not os.fspath(path):
        raise ValueError(f"skdeepopt.{verb} takes the path of a file, not an empty one.")
    return Path(path)


def check_writable(path: Path) -> Path:
    """Path of the file itself, behind any links, in a folder that exists."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(
            f"skdeepopt.save writes one file, and {path} is a folder. "
            f"Did you mean {path / 'model.skdo'}?"
        )
    if not target.parent.exists():
        raise FileNotFoundError(
            f"skdeepopt.save writes into a folder that exists, and {path.parent} does not."
            f"{_nearby(target.parent)}"
        )
    if not target.parent.is_dir():
        raise NotADirectoryError(f"skdeepopt.save writes into a folder; {path.parent} is a file.")
    return target


def write_whole(path: Path, buffers: Iterable[Any]) -> None:
    """Write a file so that a reader, or a crash, meets the old one or the new one, never a part."""
    part = path.with_name(f".skdeepopt-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as handle:
            for buffer in buffers:
                handle.write(buffer)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def open_model(path: Path) -> tuple[BinaryIO, int]:
    """Open file and its size in bytes.

    Raises
    ------
    FileNotFoundError
        No such file; the message names the nearest ones.
    IsADirectoryError
        The path is a folder.
    ModelFileError
        The path is a device, a pipe or a socket.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"skdeepopt.load found no file {path}.{_nearby(path)}") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"skdeepopt.load reads one file, and {path} is a folder.")
    if not stat.S_ISREG(mode):
        raise ModelFileError("is not a regular file")
    handle = path.open("rb")
    return handle, os.fstat(handle.fileno()).st_size


def _nearby(missing: Path) -> str:
    """Sentence about what there is instead of a missing path."""
    if not missing.parent.is_dir():
        return f" The folder {missing.parent} does not exist either."
    names = [entry.name for entry in islice(missing.parent.iterdir(), 10_000)]
    near = difflib.get_close_matches(missing.name, names, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""
