"""Lists of dicts that are tables, such as a history of training: their columns are tensors."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from skdeepopt.coding._arrays import encode_arrays
from skdeepopt.coding._stored import StoredTensor
from skdeepopt.storage._limits import MAX_CONTAINERS
from skdeepopt.storage._tensors import from_numpy

__all__ = ["columns_of", "rows_of"]

_LEAST_ROWS: Final = 2
_LONGEST: Final = 2**63 - 1


def columns_of(rows: list[Any]) -> dict[str, StoredTensor] | None:
    """Columns of a table as tensors, None where it is none or takes no less room so."""
    if not _is_table(rows):
        return None
    columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
    kept = {name: stored for name, stored in columns.items() if stored is not None}
    if len(kept) < len(columns) or not _is_shorter(list(kept.values()), rows):
        return None
    return kept


def rows_of(columns: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The table again."""
    lists = [column.tolist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _is_table(rows: list[Any]) -> bool:
    if len(rows) < _LEAST_ROWS or type(rows[0]) is not dict or not rows[0]:
        return False
    names = list(rows[0])
    return (
        len(rows) * len(names) <= MAX_CONTAINERS
        and all(type(name) is str for name in names)
        and all(type(row) is dict and list(row) == names for row in rows)
    )


def _column(values: list[Any]) -> StoredTensor | None:
    kinds = {type(value) for value in values}
    if kinds == {float}:
        return from_numpy(np.array(values, dtype=np.float64))
    if kinds == {int} and max(map(abs, values)) <= _LONGEST:
        return from_numpy(np.array(values, dtype=np.int64))
    return None


def _is_shorter(columns: list[StoredTensor], rows: list[Any]) -> bool:
    """Whether tensors take less than the table would, as DEFLATE leaves its text."""
    plain = repr(rows).encode()
    return len(encode_arrays(columns).data) < len(zlib.compress(plain, 9))
