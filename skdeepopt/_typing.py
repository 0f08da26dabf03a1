"""Names for the types that cross the rooms."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["ImageShape"]

ImageShape: TypeAlias = tuple[int, int, int]
"""Channels, height, width."""
