"""Estimators as files that other runtimes read, each checked against the estimator."""

from skdeepopt.formats._export import export

__all__ = ["export"]
