"""Checks of parameters, each raising an error that says where, what is allowed and what arrived."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = [
    "check_choice",
    "check_flag",
    "check_integer",
    "check_ratio",
    "check_real",
    "did_you_mean",
    "some_of",
]


_STORED: Any = object()
"""Stands for the value that the owner has under that name."""


def check_choice(owner: object, name: str, choices: Iterable[str]) -> str:
    """Value of ``owner.name``, one of `choices`."""
    value = getattr(owner, name)
    allowed = list(choices)
    if isinstance(value, str) and value in allowed:
        return value
    error = ValueError if isinstance(value, str) else TypeError
    raise error(
        f"{_where(owner, name)} is one of {_listed(allowed)}, not {value!r}."
        f"{did_you_mean(value, allowed)}"
    )


def check_flag(owner: object, name: str) -> bool:
    """Value of ``owner.name``, True or False and not merely something that is true."""
    value = getattr(owner, name)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    slips = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    slip = slips.get(str(value).lower())
    raise TypeError(
        f"{_where(owner, name)} is True or False, not {value!r}."
        f"{'' if slip is None else _suggest(slip)}"
    )


def check_integer(owner: object, name: str, *, minimum: int = 1, value: Any = _STORED) -> int:
    """Value of ``owner.name``, or `value`, an integer of at least `minimum`."""
    value = getattr(owner, name) if value is _STORED else value
    allowed = f"{_where(owner, name)} is an integer of at least {minimum}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        whole = _is_number(value) and value == value // 1
        raise TypeError(f"{allowed}, not {value!r}.{_suggest(int(value)) if whole else ''}")
    if value < minimum:
        slip = _suggest(-int(value)) if -int(value) >= minimum else ""
        raise ValueError(f"{allowed}, not {value!r}.{slip}")
    return int(value)


def check_real(
    owner: object,
    name: str,
    *,
    minimum: float = 0.0,
    inclusive: bool = True,
    value: Any = _STORED,
) -> float:
    """Value of ``owner.name``, or `value`, a finite number of at least (or above) `minimum`."""
    value = getattr(owner, name) if value is _STORED else value
    bound = "of at least" if inclusive else "above"
    allowed = f"{_where(owner, name)} is a finite number {bound} {minimum:g}, not {value!r}."
    if not _is_number(value):
        raise TypeError(allowed + _as_number(value))
    inside = value >= minimum if inclusive else value > minimum
    if not (math.isfinite(value) and inside):
        slip = _suggest(-value) if math.isfinite(value) and -value > minimum else ""
        raise ValueError(allowed + slip)
    return float(value)


def check_ratio(owner: object, name: str, *, low_inclusive: bool = True) -> float:
    """Value of ``owner.name``, a ratio in [0, 1), or in (0, 1) where zero makes no sense."""
    value: Any = getattr(owner, name)
    bracket = "[" if low_inclusive else "("
    allowed = f"{_where(owner, name)} is a ratio in {bracket}0, 1), not {value!r}."
    if not _is_number(value):
        raise TypeError(allowed + _as_number(value))
    above = value >= 0 if low_inclusive else value > 0
    if not (above and value < 1):
        slip = _suggest(value / 100) if 1 < value < 100 else ""
        raise ValueError(allowed + slip)
    return float(value)


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """Sentence that suggests the choice nearest to `value`, empty where none is near."""
    near = difflib.get_close_matches(str(value).lower(), list(choices), n=1, cutoff=0.5)
    return _suggest(near[0]) if near else ""


def some_of(values: np.ndarray, *, most: int = 5) -> str:
    """The first few values in a list, for a message."""
    shown = _listed(values[:most].tolist())
    return f"[{shown}, ...]" if len(values) > most else f"[{shown}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _where(owner: object, name: str) -> str:
    return f"{type(owner).__name__}.{name}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(repr(value) for value in values)


def _suggest(value: Any) -> str:
    shown = f"{value:g}" if isinstance(value, float) else repr(value)
    return f" Did you mean {shown}?"


def _as_number(value: object) -> str:
    try:
        return _suggest(float(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""
