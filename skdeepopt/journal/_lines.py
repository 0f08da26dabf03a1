"""Lines of a journal: JSON objects that carry a checksum of themselves."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

__all__ = ["as_line", "as_plain", "from_line"]

_CHECK = ', "check": "'
_CHECK_DIGITS = 16
_TAIL_BYTES = len(_CHECK) + _CHECK_DIGITS + len('"}')


def as_plain(value: Any) -> Any:
    """The value as it comes back from a line.

    Raises
    ------
    TypeError
        It holds something that JSON does not know.

    Examples
    --------
    >>> as_plain({"scores": (0.1, float("inf"))})
    {'scores': [0.1, inf]}
    """
    return json.loads(json.dumps(value, default=_plain))


def as_line(record: dict[str, Any]) -> bytes:
    r"""One line with its checksum and its end.

    Examples
    --------
    >>> as_line({"begin": "12"})
    b'{"begin": "12", "check": "744ede5003ebd13f"}\n'
    """
    body = json.dumps(record, default=_plain)
    return f'{body[:-1]}{_CHECK}{_checksum(body)}"}}\n'.encode()


def from_line(line: bytes) -> dict[str, Any]:
    """The record in a line, without its checksum.

    Raises
    ------
    ValueError
        The line is not what `as_line` wrote.
    """
    text = line.decode("ascii").removesuffix("\n")
    body, tail = text[:-_TAIL_BYTES] + "}", text[-_TAIL_BYTES:]
    if tail != f'{_CHECK}{_checksum(body)}"}}':
        raise ValueError("its checksum does not fit")
    record = json.loads(body)
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    return record


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_CHECK_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"A journal holds JSON values and numpy numbers, not {type(value).__name__}.")
