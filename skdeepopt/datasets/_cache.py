"""Arrays kept on disk because making them again takes long."""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path

import numpy as np

__all__ = ["read_arrays", "write_arrays"]


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Arrays of an earlier run by name, None where there are none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Keep arrays for a later run; a folder that cannot be written costs time, nothing else."""
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            np.savez(draft, allow_pickle=False, **arrays)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
