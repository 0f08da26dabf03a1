"""Names for the types that cross the rooms."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Array", "ImageShape"]

Array: TypeAlias = Any
"""Anything that scikit-learn takes as data: arrays, DataFrames, nested lists."""

ImageShape: TypeAlias = tuple[int, int, int]
"""Channels, height, width."""
