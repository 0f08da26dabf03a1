"""A Gaussian process for few results with little noise."""

from __future__ import annotations

import math

import numpy as np

from skdeepopt.search._surrogate import Surrogate

__all__ = ["QuietProcess"]

_NOISE = (math.log(0.01), 1.0)
"""Mean and deviation of the logarithm of the noise's variance, a hundredth of that of the targets:
scores are means over several splits."""

_SHORTER = 2.0
"""Taken from the logarithm of the length in the middle of the prior. The longer lengths of the
reference were found for hundreds of results; with thirty, they take an axis that was not looked
along for one that does not matter."""

_STARTS = (-1.0, 0.5)
"""Added to the logarithms of the lengths that a fit begins at."""


class QuietProcess(Surrogate):
    """Process that does not take ten results for noise.

    A handful of results in many axes is explained by noise as well as by anything, and a fit that
    begins where the last one ended never leaves that explanation. This one expects little noise,
    and begins in several places, of which the most likely end counts.

    Parameters
    ----------
    is_choice : ndarray of shape (n_axes,), bool
        Axes of which only equal and not equal matters.
    """

    def __init__(self, is_choice: np.ndarray) -> None:
        super().__init__(is_choice)
        self._middle[1], self._width[1] = _NOISE
        self._middle[2:] -= _SHORTER
        self.logarithms_[1] = _NOISE[0]
        self.logarithms_[2:] -= _SHORTER
        self._first = self.logarithms_.copy()

    def fit(self, points: np.ndarray, targets: np.ndarray) -> QuietProcess:
        """Find lengths and variances, from where they are and from elsewhere.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_axes)
        targets : ndarray of shape (n_points,)
            Of about mean zero and variance one.
        """
        gaps = self._gaps(points, points)
        ends = []
        for start in [self.logarithms_, *(self._lengthened(by) for by in _STARTS)]:
            self.logarithms_ = start
            super().fit(points, targets)
            ends.append((self._loss(self.logarithms_, gaps, targets)[0], self.logarithms_))
        self.logarithms_ = min(ends, key=lambda end: end[0])[1]
        self.learn(points, targets)
        return self

    def _lengthened(self, by: float) -> np.ndarray:
        start = self._first.copy()
        start[2:] += by
        return start
