"""What a model file may lose, where its writer allows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from skdeepopt._validation import did_you_mean
from skdeepopt.coding._stored import StoredTensor

__all__ = ["LOSSLESS", "LOSSY", "Lossy", "check_lossy"]

LOSSY: Final = ("float16", "bfloat16", "history")

_WHERE: Final = "skdeepopt.save.lossy"
_FEW: Final = 256
"""Values that codes of eight bits tell apart: a tensor of so few is coarse already."""


@dataclass(frozen=True)
class Lossy:
    """What is rounded, and what is left out.

    Parameters
    ----------
    rounding : {"float16", "bfloat16"} or None
        What float32 weights of many different values are rounded to.
    drops_history : bool
        Whether the history of training is left out.
    """

    rounding: str | None = None
    drops_history: bool = False

    def rounded(self, stored: StoredTensor) -> StoredTensor:
        """Float32 numbers that the short type holds, in place of float32 numbers of many values."""
        if self.rounding is None or stored.dtype != "F32" or _are_few(stored.patterns):
            return stored
        numbers = stored.raw.view("<f4")
        short = _as_float16(numbers) if self.rounding == "float16" else _as_bfloat16(numbers)
        # A number too large for the short type would become infinite.
        if not np.array_equal(np.isfinite(short), np.isfinite(numbers)):
            return stored
        return StoredTensor(stored.dtype, stored.shape, short.view(np.uint8))

    def without_history(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Fitted state, with a history of no epochs where that is dropped."""
        if not self.drops_history or "history" not in state:
            return dict(state)
        return {**state, "history": []}


LOSSLESS: Final = Lossy()


def check_lossy(lossy: str | Iterable[str] | None) -> Lossy:
    """What may be lost, from the argument of ``save``.

    Raises
    ------
    TypeError, ValueError
        Not None, or one or several of ``LOSSY``, or both types of numbers.
    """
    if lossy is None:
        return LOSSLESS
    if not isinstance(lossy, str | Iterable):
        raise TypeError(f"{_WHERE} is None, a name or a list of names, not {lossy!r}.")
    names = {lossy} if isinstance(lossy, str) else set(lossy)
    for name in names:
        if not isinstance(name, str) or name not in LOSSY:
            slip = did_you_mean(name, LOSSY) if isinstance(name, str) else ""
            raise ValueError(
                f"{_WHERE} is one or several of {', '.join(map(repr, LOSSY))}, not {name!r}.{slip}"
            )
    roundings = sorted(names - {"history"})
    if len(roundings) > 1:
        raise ValueError(f"{_WHERE} rounds to one type, not to {' and '.join(roundings)}.")
    return Lossy(roundings[0] if roundings else None, "history" in names)


def _are_few(patterns: np.ndarray) -> bool:
    first = np.unique(patterns[: 16 * _FEW])
    return first.size <= _FEW and np.unique(patterns).size <= _FEW


def _as_float16(numbers: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return numbers.astype("<f2").astype("<f4")


def _as_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Rounded to eight bits of precision, ties to even; NaN stays as it is."""
    bits = numbers.view("<u4")
    even = (bits >> 16 & 1) + np.uint32(0x7FFF)
    rounded = np.where(np.isnan(numbers), bits, bits + even & np.uint32(0xFFFF0000))
    return rounded.astype("<u4").view("<f4")
