"""Lines that several processes leave in one file, one of which may be killed at any moment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _search_space import in_plain_types


def digest(parameters: Mapping[str, Any]) -> str:
    """Name of a candidate: the same for the same parameters in every process."""
    text = json.dumps(in_plain_types(parameters), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def leave(path: Path, **mark: Any) -> None:
    """Append a mark, whole or not at all: one write of one line."""
    line = json.dumps(mark) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def marks(path: Path) -> list[dict[str, Any]]:
    """All marks that were left, in their order."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
