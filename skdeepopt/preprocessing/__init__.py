"""Pixels made ready for a network."""

from __future__ import annotations

from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.preprocessing._scaler import ImageScaler

__all__ = ["ImageAugmenter", "ImageScaler"]
