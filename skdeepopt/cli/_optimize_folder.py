"""The folder of an optimization: what it holds is of one run, which goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["OUTPUTS", "OptimizeFolder"]

OUTPUTS = {
    "model.skdo": "The model, for this package.",
    "model.onnx": "The same model for ONNX Runtime, which needs no Python package of ours.",
    "model.onnx.md": "What goes into the ONNX file, and what comes out.",
    "model-card.md": "The card of the model: its data, its figures, its limits.",
    "chart.png": "The chart, as a picture for slides.",
    "results.json": "Everything on this page, for programs.",
    "page.html": "This page.",
}
"""What is written, and what for."""

COMMAND = "optimize"

FREE = ("time_budget", "jobs")
"""What may change from one run to the next that goes on from it."""


class OptimizeFolder:
    """Folder of a run.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ValueError
        It is a file, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.is_continued = False
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"--out is a folder, not the file {self.path}.")
        self._there = self._read()

    @property
    def journal(self) -> Path:
        """Where the search keeps what it has found."""
        return self.path / "journal"

    def agree(self, wanted: Mapping[str, Any]) -> None:
        """Make the folder where it is missing, and note what the run is.

        Parameters
        ----------
        wanted : mapping
            Setting of the run, as JSON holds it.

        Raises
        ------
        ValueError
            The folder holds a run of another setting.
        OSError
            The folder cannot be made or written.
        """
        from skdeepopt.report._results import write_json

        setting = {"command": COMMAND, **wanted}
        if self._there is not None:
            self._check_same(self._there, setting)
            self.is_continued = True
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "setting.json", setting)

    def _read(self) -> dict[str, Any] | None:
        """What the folder is of; None where it is nobody's."""
        file = self.path / "setting.json"
        slip = "Did you mean another --out?"
        if not file.exists():
            taken = [name for name in OUTPUTS if (self.path / name).exists()]
            if taken:
                raise ValueError(
                    f"--out {self.path} is a new folder or one of an optimization, and holds "
                    f"{taken[0]} of something else. {slip}"
                )
            return None
        try:
            setting = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            setting = None
        if not isinstance(setting, dict) or setting.get("command") != COMMAND:
            raise ValueError(
                f"--out {self.path} holds the results of another command, not of an optimization. "
                f"{slip}"
            )
        return setting

    def _check_same(self, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        names = [*wanted, *(name for name in there if name not in wanted)]
        changed = [n for n in names if n not in FREE and there.get(n) != wanted.get(n)]
        if changed:
            name = changed[0]
            raise ValueError(
                f"--out {self.path} holds an optimization with {name} = {there.get(name)!r}, "
                f"this one has {name} = {wanted.get(name)!r}. "
                "Did you mean another --out, or to delete that folder?"
            )
