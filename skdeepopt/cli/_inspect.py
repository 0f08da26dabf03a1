"""``inspect``: where every byte of a model file goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skdeepopt.cli._command import Command

__all__ = ["INSPECT"]

DESCRIPTION = """\
Print what each tensor of a model file takes: bytes for tables (how its numbers are coded), for
positions (which of them are not zero) and for values; and what the rest of the file takes.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="model file that save wrote")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PICTURE.png",
        help="write a picture of it as well; .svg and .pdf will do",
    )


def _run(options: argparse.Namespace) -> int:
    # Here rather than above: the help, and an unknown word, answer without waiting for numpy.
    from skdeepopt.report._byte_chart import check_picture, write_byte_chart
    from skdeepopt.report._byte_table import byte_rows, byte_table
    from skdeepopt.storage import byte_map, read_header

    if options.out is not None:
        check_picture(options.out)
    rows = byte_rows(byte_map(options.file))
    title = _title(options.file, read_header(options.file))
    _print(f"{title}\n\n{byte_table(rows)}")
    if options.out is not None:
        write_byte_chart(options.out, rows, title=title)
        _print(f"\nthe picture is {options.out}")
    return 0


def _title(path: Path, header: Mapping[str, Any]) -> str:
    kind = str(header["model"].get("estimator", "model")).rpartition(".")[2]
    return f"{path.name}: {kind}, {header['size_bytes']:,} bytes, schema {header['schema']}"


def _print(text: str) -> None:
    """Whatever the names in a file are, and whatever the output can carry."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


INSPECT = Command(
    "inspect", "show where the bytes of a model file go", DESCRIPTION, _add_arguments, _run
)
