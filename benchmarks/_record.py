"""One JSON record per figure: what was measured, how, on what, and with which versions."""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from skdeepopt.measurement._machine import describe_machine, package_versions

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "benchmarks" / "records"


def write_record(
    name: str, config: dict[str, Any], results: dict[str, Any], *, folder: Path = RECORDS
) -> Path:
    """Path of the JSON record written, complete or not at all.

    Parameters
    ----------
    name : str
        Name of the figure; the file is ``<folder>/<name>.json``.
    config : dict
        What was asked for, with its ``seeds``.
    results : dict
        What came out. Numbers are finite.

    Raises
    ------
    ValueError
        A number is not finite, or a text holds a path of this machine.
    """
    record = {
        "name": name,
        "command": _command(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "seeds": config.get("seeds"),
        "config": config,
        "results": results,
        "machine": describe_machine(),
        "versions": package_versions(),
    }
    return _write_json(folder / f"{name}.json", record)


def load_record(name: str, *, folder: Path = RECORDS) -> dict[str, Any]:
    """The record of that name, as `write_record` wrote it."""
    path = folder / f"{name}.json"
    if not path.exists():
        known = sorted(file.stem for file in folder.glob("*.json"))
        raise FileNotFoundError(f"load_record: {name!r} is not among the records {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


def recorded_runs(
    name: str, config: dict[str, Any], *, folder: Path = RECORDS
) -> dict[int, dict[str, Any]]:
    """Results by seed in the record of that name, none where it answers another question.

    Parameters
    ----------
    name : str
    config : dict
        As of the record, without its seeds.
    """
    if not (folder / f"{name}.json").exists():
        return {}
    record = load_record(name, folder=folder)
    same = {k: v for k, v in record["config"].items() if k != "seeds"} == json.loads(
        _to_json(config)
    )
    runs = record["results"].get("runs", {}) if same else {}
    return {int(seed): run for seed, run in runs.items()}


def spread(values: Iterable[float]) -> dict[str, float | int | None]:
    """Mean, sample deviation (None for one value), smallest, largest and count."""
    numbers = [float(value) for value in values]
    return {
        "mean": statistics.fmean(numbers),
        "std": statistics.stdev(numbers) if len(numbers) > 1 else None,
        "min": min(numbers),
        "max": max(numbers),
        "n": len(numbers),
    }


class SeedStore:
    """Finished seeds of a benchmark on disk, so that a run that is cut loses one seed at most.

    A store whose configuration changed starts anew: its results answer another question.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SeedStore("demo", {"epochs": 1}, folder=Path(folder))
    ...     store.run([0, 1], lambda seed: {"accuracy": 0.9})
    {0: {'accuracy': 0.9}, 1: {'accuracy': 0.9}}
    """

    def __init__(self, name: str, config: dict[str, Any], *, folder: Path = RECORDS / "partial"):
        self.path = folder / f"{name}.json"
        self.config = json.loads(_to_json(config))
        self.results: dict[int, Any] = self._read()

    def __contains__(self, seed: int) -> bool:
        return seed in self.results

    def put(self, seed: int, result: Any) -> None:
        """Keep the result of a seed, on disk at once."""
        self.results[int(seed)] = json.loads(_to_json(result))
        _write_json(self.path, {"config": self.config, "results": self.results})

    def run(self, seeds: Sequence[int], function: Callable[[int], Any]) -> dict[int, Any]:
        """Result of each seed, from the store where it is there, else from ``function(seed)``."""
        for seed in seeds:
            if seed not in self:
                self.put(seed, function(seed))
        return {seed: self.results[seed] for seed in seeds}

    def clear(self) -> None:
        """Forget all seeds."""
        self.results = {}
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[int, Any]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        if kept.get("config") != self.config:
            return {}
        return {int(seed): result for seed, result in kept["results"].items()}


def _command() -> str:
    script, *arguments = sys.argv
    return shlex.join(["python", *(_without_folder(part) for part in [script, *arguments])])


def _without_folder(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def _commit() -> str | None:
    """Commit of the working tree, with ``-dirty`` where files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    command += ["--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    text = _to_json(content, indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return path


def _to_json(content: Any, *, indent: int | None = None) -> str:
    text = json.dumps(content, indent=indent, allow_nan=False, default=_plain, ensure_ascii=False)
    for folder in {str(ROOT), str(Path.home())} - {"/"}:
        if folder + os.sep in text or f'{folder}"' in text:
            raise ValueError(f"A record holds no path of a machine, but {folder!r} is in it.")
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"A record holds plain values and numpy numbers, not {type(value).__name__}.")
