"""Wrappers that compress the network inside a deep estimator."""

from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator

__all__ = ["PrunedEstimator", "QuantizedEstimator"]
