"""The folder of a study: finished cells and their models, from which a stopped run goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skdeepopt.report._cells import Cell
from skdeepopt.report._results import write_json
from skdeepopt.study._setting import StudySetting

__all__ = ["CellStore"]

MODEL_SUFFIX = ".skdo"


class CellStore:
    """Folder that holds the setting of a study, and a JSON and a model file per finished cell.

    Parameters
    ----------
    folder : Path
        Made where it is missing, with its parents.
    setting : StudySetting
        What the study does; a folder of another setting is refused.
    machine : str
        Processor; seconds of another one would not compare.
    n_seeds : int
        Seeds of the study; it may grow from run to run.

    Raises
    ------
    ValueError
        The folder belongs to another study.
    OSError
        The folder cannot be made or written.
    """

    def __init__(self, folder: Path, setting: StudySetting, *, machine: str, n_seeds: int) -> None:
        self.folder = Path(folder)
        self.n_seeds = n_seeds
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"--out is a folder, not the file {self.folder}.")
        (self.folder / "cells").mkdir(parents=True, exist_ok=True)
        self._agree({**setting.to_plain(), "machine": machine, "seeds": n_seeds})

    def cells(self, techniques: Iterable[str]) -> list[Cell]:
        """Finished cells of the techniques and of the study's seeds, seed by seed."""
        names = list(techniques)
        found = (self.find(name, seed) for seed in range(self.n_seeds) for name in names)
        return [cell for cell in found if cell is not None]

    def find(self, technique: str, seed: int) -> Cell | None:
        """The cell, or None where it, or its model, is not there yet.

        Raises
        ------
        ValueError
            The file holds something else.
        """
        path = self._path(technique, seed)
        if not (path.exists() and self.model_path(technique, seed).exists()):
            return None
        try:
            return Cell.from_plain(json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path} holds a finished cell, not what is in it ({error}). "
                "Delete the file to have the cell computed again."
            ) from error

    def add(self, cell: Cell) -> None:
        """Write a finished cell, whose model lies at `model_path` by now."""
        write_json(self._path(cell.technique, cell.seed), cell.to_plain())

    def model_path(self, technique: str, seed: int) -> Path:
        """Where the model of a cell lies."""
        return self._path(technique, seed).with_suffix(MODEL_SUFFIX)

    def _path(self, technique: str, seed: int) -> Path:
        slug = re.sub(r"[^a-z0-9]+", "-", technique.lower()).strip("-")
        return self.folder / "cells" / f"{slug}-seed{seed}.json"

    def _agree(self, wanted: Mapping[str, Any]) -> None:
        path = self.folder / "setting.json"
        if path.exists():
            _check_same(self.folder, _read_setting(path), wanted)
        write_json(path, wanted)


def _read_setting(path: Path) -> Mapping[str, Any]:
    try:
        setting = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        setting = None
    if not isinstance(setting, dict):
        raise ValueError(f"{path} is no setting of a study. Did you mean another --out?")
    return setting


def _check_same(folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    names = [*wanted, *(name for name in there if name not in wanted)]
    changed = [name for name in names if there.get(name) != wanted.get(name)]
    if "seeds" in changed and wanted["seeds"] > there.get("seeds", 0):
        changed.remove("seeds")
    if not changed:
        return
    # One difference says it: that of the data or of the hurry brings all the others with it.
    name = changed[0]
    raise ValueError(
        f"--out {folder} holds a study with {name} = {there.get(name)!r}, "
        f"this one has {name} = {wanted.get(name)!r}. "
        "Did you mean another --out, or to delete that folder?"
    )
