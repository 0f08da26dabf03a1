"""All techniques in one call: which to try in the time there is, and which model to give back."""

from skdeepopt.auto._auto import AutoOptimizer

__all__ = ["AutoOptimizer"]
