"""Where data lie on this computer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from skdeepopt.exceptions import DatasetError

__all__ = ["cache_folder", "data_folder"]


def data_folder() -> Path | None:
    """Folder that the environment variable ``SKDEEPOPT_DATA`` names, None where it is unset.

    Raises
    ------
    DatasetError
        The variable is set, to something that is no folder.
    """
    value = os.environ.get("SKDEEPOPT_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if folder.is_dir():
        return folder
    slip = f" Did you mean {str(folder.parent)!r}?" if folder.is_file() else ""
    raise DatasetError(
        f"Environment variable SKDEEPOPT_DATA names an existing folder, not {value!r}.{slip}"
    )


def cache_folder() -> Path:
    """Folder for what can be made again: decoded and downloaded data."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "skdeepopt"
