"""Wrappers around a deep estimator: a smaller network, or one that learns from another's."""

from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator

__all__ = [
    "DistilledEstimator",
    "PackedEstimator",
    "PrunedEstimator",
    "QuantizedEstimator",
    "TransferEstimator",
]
