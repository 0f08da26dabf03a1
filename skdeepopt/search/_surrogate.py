"""A Gaussian process that learns which parameters matter."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

__all__ = ["Surrogate", "normal_ranks", "on_one_thread"]

_ROOT = math.sqrt(5.0)
_JITTER = 1e-8
_BOUNDS = (-5.0, 8.0)
"""Of all logarithms, wide enough for a parameter to matter not at all."""

_NOISE = (math.log(0.1), 1.5)
_SPREAD = (0.0, 1.0)
"""Mean and deviation of the logarithms of the variances; targets have a variance of about one."""

_MOST_STEPS = 60
_ROOT_OF_TURN = math.sqrt(2 * math.pi)

on_one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
"""Decorator of whoever asks a process. Threads over such small matrices wait for each other, for
seconds where workers hold the cores, and the last bits would depend on how many there are."""


class Surrogate:
    """Gaussian process over the unit cube with a length for each axis and a Matern 5/2 kernel.

    Parameters
    ----------
    is_choice : ndarray of shape (n_axes,), bool
        Axes of which only equal and not equal matters.

    Attributes
    ----------
    logarithms_ : ndarray of shape (n_axes + 2,)
        Of the variance, of the noise's variance, and of the lengths: those of most posterior
        density. A length's prior has its middle at what keeps the distances in a cube of so many
        axes about one.

    References
    ----------
    Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, sections 2.2 and 5.4.
    Hvarfner, Hellsten & Nardi (2024), arXiv:2402.02229, section 4: the prior.

    Examples
    --------
    >>> points = np.linspace(0, 1, 9)[:, None]
    >>> model = Surrogate(np.array([False])).fit(points, np.sin(3 * points[:, 0]))
    >>> mean, deviation = model.predict(np.array([[0.3]]))
    >>> bool(abs(mean[0] - np.sin(0.9)) < 0.1)
    True
    """

    def __init__(self, is_choice: np.ndarray) -> None:
        self._is_choice = is_choice
        n_axes = len(is_choice)
        lengths = (math.sqrt(2.0) + math.log(n_axes) / 2, math.sqrt(3.0))
        prior = np.array([_SPREAD, _NOISE, *[lengths] * n_axes])
        self._middle, self._width = prior[:, 0], prior[:, 1]
        # The middle of a length's prior is long; a shorter start sees more of the data.
        self.logarithms_ = np.array([0.0, _NOISE[0], *[lengths[0] - 1.0] * n_axes])

    def fit(self, points: np.ndarray, targets: np.ndarray) -> Surrogate:
        """Find lengths and variances from where they are, and take the data in.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_axes)
        targets : ndarray of shape (n_points,)
            Of about mean zero and variance one.
        """
        gaps = self._gaps(points, points)
        found = minimize(
            self._loss,
            self.logarithms_,
            (gaps, targets),
            method="L-BFGS-B",
            jac=True,
            bounds=[_BOUNDS] * len(self.logarithms_),
            options={"maxiter": _MOST_STEPS},
        )
        if np.isfinite(found.fun):
            self.logarithms_ = found.x
        return self.learn(points, targets)

    def learn(self, points: np.ndarray, targets: np.ndarray) -> Surrogate:
        """Take the data in, with lengths and variances as they are.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_axes)
        targets : ndarray of shape (n_points,)
        """
        self._points, self._targets = points, targets
        covariance = self._kernel(self._gaps(points, points))
        covariance[np.diag_indices_from(covariance)] += self._noise
        self._factor = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._factor, True), targets)
        return self

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the value without its noise, each of shape (n_points,).

        Parameters
        ----------
        points : ndarray of shape (n_points, n_axes)
        """
        mean, variance, _ = self._believed(points)
        return mean, np.sqrt(np.maximum(variance, _JITTER))

    def batch(self, points: np.ndarray, n_chosen: int, *, pending: int = 0) -> list[int]:
        """Positions of the points to try next, the most promising first.

        Each is chosen as if the mean had been observed at those before it, so that they lie apart.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_axes)
        n_chosen : int
            At most all that are left.
        pending : int, default=0
            The first so many are being tried; they are not chosen.

        References
        ----------
        Jones, Schonlau & Welch (1998), Efficient global optimization, section 4.1: the measure.
        Ginsbourger, Le Riche & Carraro (2010), Kriging is well-suited to parallelize optimization,
        section 4.2: the batch.
        """
        mean, variance, explained = self._believed(points)
        # Of means, not of targets: a lucky one is no mark to beat.
        mark = float(self.predict(self._points)[0].max())
        is_free, chosen = np.ones(len(points), bool), list(range(pending))
        for turn in range(pending + min(n_chosen, len(points) - pending)):
            variance = np.maximum(variance, _JITTER)
            if turn >= pending:
                gains = np.where(is_free, _expected_gain(mean - mark, np.sqrt(variance)), -1.0)
                chosen.append(int(np.argmax(gains)))
            at = chosen[turn]
            is_free[at] = False
            # The mean stays where it was believed, and the variance falls with one more row.
            kernel = self._kernel(self._gaps(points, points[at][None]))[:, 0]
            row = (kernel - explained.T @ explained[:, at]) / math.sqrt(variance[at] + self._noise)
            explained = np.vstack([explained, row])
            variance = variance - row**2
        return chosen[pending:]

    def _believed(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance at points, and what of the variance each result explains."""
        covariance = self._kernel(self._gaps(points, self._points))
        explained = solve_triangular(self._factor, covariance.T, lower=True)
        variance = math.exp(self.logarithms_[0]) - (explained**2).sum(0)
        return covariance @ self._weights, variance, explained

    @property
    def _noise(self) -> float:
        return math.exp(self.logarithms_[1]) + _JITTER

    def _gaps(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Squared distances along each axis, of shape (n_axes, n_ones, n_others)."""
        gaps = (ones.T[:, :, None] - others.T[:, None, :]) ** 2
        gaps[self._is_choice] = gaps[self._is_choice] > 0
        return gaps

    def _kernel(self, gaps: np.ndarray) -> np.ndarray:
        distance = _ROOT * np.sqrt(np.tensordot(np.exp(-2 * self.logarithms_[2:]), gaps, 1))
        spread = math.exp(self.logarithms_[0])
        values: np.ndarray = spread * (1 + distance + distance**2 / 3) * np.exp(-distance)
        return values

    def _loss(
        self, logarithms: np.ndarray, gaps: np.ndarray, targets: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Negative logarithm of the posterior density, and its slope."""
        spread, noise = np.exp(logarithms[:2])
        shares = np.exp(-2 * logarithms[2:])
        distance = _ROOT * np.sqrt(np.tensordot(shares, gaps, 1))
        decay = np.exp(-distance)
        kernel = spread * (1 + distance + distance**2 / 3) * decay
        eye = np.eye(len(targets))
        try:
            factor = cholesky(kernel + (noise + _JITTER) * eye, lower=True)
        except np.linalg.LinAlgError:
            return math.inf, np.zeros_like(logarithms)
        weights = cho_solve((factor, True), targets)
        pull = cho_solve((factor, True), eye) - np.outer(weights, weights)
        # d kernel / d log length_j = 5/3 spread (1 + distance) decay gap_j / length_j^2
        along = pull * (5 / 3 * spread * (1 + distance) * decay)
        slopes = shares * np.tensordot(gaps, along, 2)
        slope = np.array([(pull * kernel).sum(), noise * np.trace(pull), *slopes]) / 2
        off = (logarithms - self._middle) / self._width
        loss = targets @ weights / 2 + np.log(np.diag(factor)).sum() + (off**2).sum() / 2
        return float(loss), slope + off / self._width


def _expected_gain(lead: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    ratio = lead / deviation
    gain: np.ndarray = lead * ndtr(ratio) + deviation * np.exp(-(ratio**2) / 2) / _ROOT_OF_TURN
    return gain


def normal_ranks(scores: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks; failed candidates, which are NaN, share the last place.

    Scores have no scale of their own: a candidate that diverges is no hundred times worse than one
    that loses a percent.
    """
    ranks = rankdata(np.where(np.isnan(scores), -np.inf, scores))
    quantiles: np.ndarray = ndtri((ranks - 0.5) / len(scores))
    return quantiles
