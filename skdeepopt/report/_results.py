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
from skdeepopt.report._claims import Claim, Claimed, claimed
from skdeepopt.report._standing import Rivals
from skdeepopt.report._table import Row

__all__ = ["results_document", "write_bytes", "write_csv", "write_json"]

FORMAT = "skdeepopt-compare"
FORMAT_VERSION = 2


def results_document(
    rows: Sequence[Row],
    cells: Sequence[Cell],
    *,
    about: Mapping[str, Any],
    claims: Mapping[str, Claim] | None = None,
    found: Rivals | None = None,
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
    claims : mapping of technique to Claim or None, default=None
        What the study says.
    found : Rivals or None, default=None
        How the techniques together stand against the best alone.

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
        "techniques": [_technique(row, (claims or {}).get(row.technique)) for row in rows],
        "together": asdict(found) if found else None,
        "cells": [cell.to_plain() for cell in cells],
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `document` so that a reader finds the old file or the new one, never half of it."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    write_bytes(path, (text + "\n").encode())


def write_csv(
    path: Path, rows: Sequence[Row], *, claims: Mapping[str, Claim] | None = None
) -> None:
    """Write a line per technique and figure: unit, mean, deviation, seeds, change, the study's."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    names = ["technique", "figure", "unit", "mean", "deviation", "n_seeds"]
    names += ["change_kind", "change", "change_deviation", "change_n_seeds", "against"]
    writer.writerow([*names, "percent", "percent_deviation", "study_percent", "out_of_reach"])
    for row in rows:
        said: dict[str, Claimed] = {
            c.figure: c for c in claimed(row, (claims or {}).get(row.technique)) or ()
        }
        for figure, summary in row.summaries.items():
            change = row.changes[figure]
            against = asdict(change).values() if change else ("", "", "", "")
            own = (row.technique, figure, row.units[figure], *asdict(summary).values())
            study = _study_fields(row, figure, said.get(figure))
            writer.writerow([*own, *against, row.against, *study])
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


def _study_fields(row: Row, figure: str, said: Claimed | None) -> tuple[Any, ...]:
    relative = row.relative.get(figure)
    measured = (relative.value, relative.deviation) if relative else ("", "")
    return (*measured, *((said.percent, said.reason) if said else ("", "")))


def _technique(row: Row, claim: Claim | None) -> dict[str, Any]:
    figures = {}
    for figure, summary in row.summaries.items():
        change = row.changes[figure]
        figures[figure] = {
            "unit": row.units[figure],
            "spread": "sample deviation over seeds",
            **asdict(summary),
            "change": asdict(change) if change else None,
        }
    return {
        "name": row.technique,
        "seeds": list(row.seeds),
        "against": row.against,
        "figures": figures,
        "percent": {figure: asdict(change) for figure, change in row.relative.items()},
        "study": _study(row, claim),
    }


def _study(row: Row, claim: Claim | None) -> dict[str, Any] | None:
    """What the study says of a technique, beside ``"percent"``, which was measured."""
    said = claimed(row, claim)
    if claim is None or said is None:
        return None
    figures: dict[str, Any] = {
        entry.figure: {
            "percent": entry.percent,
            "bound_percent": entry.bound,
            "can_be_reached": entry.can_be_reached,
            "reason": entry.reason,
        }
        for entry in said
    }
    return {"group": claim.group, **figures}


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
