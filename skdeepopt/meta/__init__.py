"""Wrappers that compress the network inside a deep estimator."""

from skdeepopt.meta._pruned import PrunedEstimator

__all__ = ["PrunedEstimator"]
