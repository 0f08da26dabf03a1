"""What the codes of a tensor of few different values stand for: whole numbers, a grid, a list."""

from __future__ import annotations

from typing import Final

import numpy as np

from skdeepopt.coding._codes import MAX_SPREAD

__all__ = ["distinct", "grid_of", "grid_patterns", "whole_codes"]

_SAMPLE: Final = 2**13
_SHOWN: Final = 64
_MOST_DIVISORS: Final = 64
_NEARLY: Final = 0.01
_REAL: Final[dict[int, np.dtype]] = {4: np.dtype("<f4"), 8: np.dtype("<f8")}


def distinct(patterns: np.ndarray) -> np.ndarray | None:
    """Bits of the numbers that are not zero, each once, ascending; None where they are too many."""
    if np.unique(patterns[:_SAMPLE]).size > MAX_SPREAD:
        return None
    others = np.unique(patterns[patterns != 0])
    return others if others.size <= MAX_SPREAD else None


def whole_codes(patterns: np.ndarray, dtype: str) -> np.ndarray | None:
    """Whole numbers as codes, None where they are too large."""
    if dtype.startswith("I"):
        numbers = patterns.view(patterns.dtype.str.replace("u", "i"))
        is_small = numbers.min() >= -MAX_SPREAD and numbers.max() <= MAX_SPREAD
    else:
        numbers = patterns
        is_small = numbers.max() <= MAX_SPREAD
    return numbers.astype(np.int16) if is_small else None


def grid_of(others: np.ndarray) -> tuple[int, np.ndarray] | None:
    """Step of an even grid that floats lie on, as bits, and the place of each; None without one.

    Parameters
    ----------
    others : ndarray of uint32 or uint64
        Bits of different float32 or float64 numbers, none of them zero.
    """
    real = _REAL.get(others.dtype.itemsize)
    if real is None or not others.size:
        return None
    numbers = others.view(real)
    if not np.isfinite(numbers).all():
        return None
    smallest = np.abs(numbers).min()
    for divisor in _divisors(numbers[:_SHOWN], smallest):
        for step in _steps(smallest, divisor, real):
            places = _places(numbers, others, step)
            if places is not None:
                return int(np.array(step).view(others.dtype)), places
    return None


def grid_patterns(codes: np.ndarray, step: int, dtype: np.dtype) -> np.ndarray:
    """Bits of codes times a step, as IEEE 754 rounds the product in their own precision."""
    real = _REAL[dtype.itemsize]
    number = np.array(step, dtype=dtype).view(real)
    with np.errstate(all="ignore"):
        return (codes.astype(real) * number).view(dtype)


def _divisors(numbers: np.ndarray, smallest: np.floating) -> list[int]:
    """Into how many parts the smallest number may be cut, so that others are whole parts."""
    divisors = np.arange(1, _MOST_DIVISORS + 1)
    with np.errstate(all="ignore"):
        parts = np.outer(divisors, numbers / smallest)
        are_whole = np.abs(parts - np.rint(parts)) < _NEARLY
    found: list[int] = divisors[are_whole.all(axis=1)].tolist()
    return found


def _steps(smallest: np.floating, divisor: int, real: np.dtype) -> list[np.floating]:
    """Numbers near a part of the smallest one."""
    nearest = real.type(smallest / real.type(divisor))
    if divisor == 1:
        return [nearest]
    up, down = np.nextafter(nearest, real.type(np.inf)), np.nextafter(nearest, real.type(0))
    return [nearest, up, down]


def _places(numbers: np.ndarray, others: np.ndarray, step: np.floating) -> np.ndarray | None:
    with np.errstate(all="ignore"):
        places = np.rint(numbers / step)
    if not np.abs(places).max() <= MAX_SPREAD:
        return None
    codes = places.astype(np.int16)
    found = grid_patterns(codes, int(np.array(step).view(others.dtype)), others.dtype)
    return codes if np.array_equal(found, others) else None
