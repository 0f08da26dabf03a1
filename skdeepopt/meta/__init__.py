"""Wrappers that compress the network inside a deep estimator."""

from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator

__all__ = ["PackedEstimator", "PrunedEstimator", "QuantizedEstimator"]
