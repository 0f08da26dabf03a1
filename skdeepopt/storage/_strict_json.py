"""JSON with one meaning: bounded, finite, no key twice."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

import numpy as np

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._limits import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES

__all__ = ["check_extent", "parse_json", "write_json"]

# A string left open runs to the end, so that the search stays linear on hostile text.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONGEST_INTEGER: Final = 20
_STEP: Final = np.zeros(256, dtype=np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


def write_json(value: Any) -> str:
    """Strict, compact, plain ASCII JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def check_extent(text: bytes) -> None:
    """Refuse JSON that is nested too deeply or holds too many values, before it is parsed.

    Raises
    ------
    ModelFileError
        More than ``MAX_DEPTH``, ``MAX_CONTAINERS`` or ``MAX_VALUES``.
    """
    codes = np.frombuffer(_STRING.sub(b"", text), dtype=np.uint8)
    steps = _STEP[codes]
    depth = int(np.cumsum(steps, dtype=np.int32).max(initial=0))
    if depth > MAX_DEPTH:
        raise ModelFileError(
            f"nests its description {depth:,} levels deep; {MAX_DEPTH} are allowed"
        )
    n_containers = int(np.count_nonzero(steps > 0))
    if n_containers > MAX_CONTAINERS:
        raise ModelFileError(
            f"describes {n_containers:,} lists and objects; at most {MAX_CONTAINERS:,} are allowed"
        )
    n_values = 1 + n_containers + int(np.count_nonzero(codes == ord(",")))
    if n_values > MAX_VALUES:
        raise ModelFileError(
            f"describes {n_values:,} values; at most {MAX_VALUES:,} are allowed "
            "(numbers belong in tensors)"
        )


def parse_json(text: bytes) -> Any:
    """Value of a JSON text, refusing what JSON leaves open.

    Raises
    ------
    ModelFileError
        Not UTF-8, not JSON, too deep, too many values, a key twice, a number that is not finite
        or longer than 64 bits.
    """
    check_extent(text)
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"has a description that is not valid JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ModelFileError(f"has the key {_short(name)} twice in one object")
        found[name] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ModelFileError(f"has an integer of {len(digits)} digits; 64 bits are allowed")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ModelFileError(f"has the number {_short(digits)}, which no float64 can hold")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ModelFileError(f"has {name} in its JSON, which JSON does not have")


def _short(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "...")
