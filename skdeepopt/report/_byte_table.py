"""Where the bytes of a model file go: a row a tensor, and a row for each part of the whole file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skdeepopt.report._layer_rows import short_names
from skdeepopt.storage._byte_map import ByteSpan

__all__ = ["PARTS", "ByteRow", "byte_rows", "byte_table"]

PARTS = ("tables", "positions", "values")
"""What a tensor takes bytes for."""

LONGEST_NAME = 40
"""Characters of a tensor's name in the table, unless more are needed to tell it from another."""

HEADER = ("", "values", "not zero", *PARTS, "bytes", "bits a value", "share %")


@dataclass(frozen=True)
class ByteRow:
    """A tensor, or a part of the whole file such as its description.

    Parameters
    ----------
    name : str
    n_values, n_nonzero : int
        Numbers of the tensor, and how many of them are not zero; 0 for a part of the whole file.
    size_bytes : mapping of str to float
        By part; a row that is no tensor is its own and only part.
    """

    name: str
    n_values: int
    n_nonzero: int
    size_bytes: Mapping[str, float]

    @property
    def total_bytes(self) -> float:
        """Of all parts."""
        return sum(self.size_bytes.values())

    @property
    def bits_a_value(self) -> float | None:
        """None where there is no value."""
        return 8 * self.total_bytes / self.n_values if self.n_values else None


def byte_rows(spans: Sequence[ByteSpan]) -> list[ByteRow]:
    """Rows in the order of the file; parts of the whole file that take nothing are left out.

    Parameters
    ----------
    spans : sequence of ByteSpan
        As ``byte_map`` gives them.
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for span in spans:
        key = (span.name, "" if span.name else span.part)
        rows.setdefault(key, {})[span.part] = span.bits / 8
        counts[key] = span.n_values, span.n_nonzero
    made = [
        ByteRow(_printable(name or part), *counts[name, part], sizes)
        for (name, part), sizes in rows.items()
    ]
    return [row for row in made if row.n_values or row.total_bytes]


def byte_table(rows: Sequence[ByteRow]) -> str:
    """Rows as aligned text, with the whole file below.

    Parameters
    ----------
    rows : sequence of ByteRow
    """
    whole = whole_file(rows)
    names = short_names([row.name for row in rows], LONGEST_NAME)
    shares = [row.total_bytes / whole.total_bytes for row in rows]
    body = [_texts(name, row, share) for name, row, share in zip(names, rows, shares, strict=True)]
    total = _texts(whole.name, whole, 1.0)
    widths = [max(map(len, column)) for column in zip(HEADER, *body, total, strict=True)]
    rule = ["-" * width for width in widths]
    lines = [HEADER, rule, *body, rule, total]
    return "\n".join(_aligned(texts, widths) for texts in lines)


def whole_file(rows: Sequence[ByteRow]) -> ByteRow:
    """Sum of all rows, part by part."""
    sizes: dict[str, float] = {}
    for row in rows:
        for part, size in row.size_bytes.items():
            sizes[part] = sizes.get(part, 0.0) + size
    n_values, n_nonzero = (sum(getattr(row, name) for row in rows) for name in _COUNTS)
    return ByteRow("whole file", n_values, n_nonzero, sizes)


_COUNTS = ("n_values", "n_nonzero")


def _printable(name: str) -> str:
    """Name without what a terminal would take for a command: a file may come from anywhere."""
    return "".join(sign if sign.isprintable() else "?" for sign in name[-200:])


def _texts(name: str, row: ByteRow, share: float) -> list[str]:
    counts = [f"{getattr(row, count):,}" if row.n_values else "" for count in _COUNTS]
    parts = [f"{row.size_bytes[part]:,.1f}" if part in row.size_bytes else "" for part in PARTS]
    bits = row.bits_a_value
    a_value = "" if bits is None else f"{bits:,.2f}"
    return [name, *counts, *parts, f"{row.total_bytes:,.1f}", a_value, f"{100 * share:.1f}"]


def _aligned(texts: Sequence[str], widths: Sequence[int]) -> str:
    numbers = [text.rjust(width) for text, width in zip(texts[1:], widths[1:], strict=True)]
    return "  ".join([texts[0].ljust(widths[0]), *numbers]).rstrip()
