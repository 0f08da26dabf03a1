"""The files of a study: results.json for programs, results.csv for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from skdeepopt.report._cells import Cell
from skdeepopt.report._table import Row

__all__ = ["results_document", "write_bytes", "write_csv", "write_json"]

FORMAT = "skdeepopt-compare"
FORMAT_VERSION = 1


def results_document(
    rows: Sequence[Row], cells: Sequence[Cell], *, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything a study found, as plain dictionaries.

    Parameters
    ----------
    rows : sequence of Row
        A technique each, as `build_rows` made them from `cells`.
    cells : sequence of Cell
        A technique and seed each.
    about : mapping
        Setting, data, machine, versions, date; written before the results.

    Returns
    -------
    document : dict
        Each number under ``"techniques"`` stands with its unit, its deviation over seeds and the
        number of seeds; each under ``"cells"`` with its unit, spread and number of observations.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **about,
        "techniques": [_technique(row) for row in rows],
        "cells": [cell.to_plain() for cell in cells],
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` so that a reader finds the old file or the new one, never half of it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    write_bytes(path, (text + "\n").encode())


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write a line per technique and figure: unit, mean, deviation, seeds, change."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    names = ["technique", "figure", "unit", "mean", "deviation", "n_seeds"]
    writer.writerow([*names, "change_kind", "change", "change_deviation", "change_n_seeds"])
    for row in rows:
        for figure, summary in row.summaries.items():
            change = row.changes[figure]
            against = asdict(change).values() if change else ("", "", "", "")
            own = (row.technique, figure, row.units[figure], *asdict(summary).values())
            writer.writerow([*own, *against])
    write_bytes(path, buffer.getvalue().encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step: into a neighbour first, then over the old file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    neighbour = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        neighbour.chmod(0o666 & ~_umask())
        neighbour.replace(path)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _technique(row: Row) -> dict[str, Any]:
    figures = {}
    for figure, summary in row.summaries.items():
        change = row.changes[figure]
        figures[figure] = {
            "unit": row.units[figure],
            "spread": "sample deviation over seeds",
            **asdict(summary),
            "change": asdict(change) if change else None,
        }
    return {"name": row.technique, "seeds": list(row.seeds), "figures": figures}


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
