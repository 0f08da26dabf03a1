"""Which candidates to try next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import qmc

from skdeepopt.search._surrogate import Surrogate, normal_ranks, on_one_thread
from skdeepopt.space._coordinates import Coordinates, unseen

__all__ = ["Suggestions"]

_RANDOM_EVERY = 5
"""One in so many candidates is drawn at random whatever was found, so that all of the space may be
tried. Falkner et al. draw a third; here the process's own doubt looks further already."""

_ANYWHERE_EVERY = 4
_DEVIATION = 0.15
_BOUND = 0.01
"""While nothing is known, one in so many is drawn from the whole space, and the others about the
first candidate, so far off. At the least of a range it says nothing: a penalty, an augmentation or
a second layer that is not there is one that nobody has thought of, unlike a learning rate."""

_MOST_RESULTS = 400
"""Results that the process is fitted to; its time grows with the third power."""

_REFIT_GROWTH = 1.2
"""Lengths are found anew when there are so many times more results."""

_N_RANDOM, _N_NEAR, _N_PARENTS = 64, 64, 8
_STEP = 0.15
_SHARE_MOVED = 0.3
"""Points looked at: at random, near each of the best, and how far off and in how many axes. Of many
random ones in many dimensions, the process's doubt would choose the remotest, which are no better
than chance while it knows little."""


class Suggestions:
    """Draws candidates at random, or where the results so far promise most.

    Parameters
    ----------
    coordinates : Coordinates
        Where candidates are points.
    seed : int
        The same seed and results give the same candidates.
    max_resources : int
        Resource at which the best is sought.
    is_informed : bool
        Whether results are looked at at all.
    first : mapping of str to object, or None, default=None
        Parameters of the first candidate, as far as they are in the space, where results are
        looked at. Of those that follow, three of four are near it until enough is known.

    Notes
    -----
    A Gaussian process over parameters and resource is fitted to the results of all rungs, as ranks
    on a normal scale: what a short training says of a long one is found from the candidates that
    had both. Expected improvement at the most resource picks from points of the whole space and
    from points near the best. The first candidates, of which nothing is known, fill the space and
    the surroundings of the first evenly: most of what is far from any known recipe does not learn.

    References
    ----------
    Falkner, Klein & Hutter (2018), arXiv:1807.01774, section 3.2: a model for Hyperband's
    candidates, and a share of random ones.
    Mallik et al. (2023), PriorBand, arXiv:2306.12370, section 5: candidates near what is believed
    to be good, and others anywhere.
    Swersky, Snoek & Adams (2014), arXiv:1406.3896, section 3: one process for short and long runs.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        *,
        seed: int,
        max_resources: int,
        is_informed: bool,
        first: Mapping[str, Any] | None = None,
    ) -> None:
        self._coordinates, self._seed = coordinates, seed
        self._max_resources, self._is_informed = max_resources, is_informed
        self._first = None if first is None or not is_informed else coordinates.point(first)
        self._results: list[tuple[tuple[float, ...], int, float]] = []
        self._surrogate = Surrogate(np.append(coordinates.is_choice, False))
        self._n_fitted = 0

    def learn(self, point: np.ndarray, resource: int, score: float) -> None:
        """Take in what a candidate scored at a resource; NaN where it failed.

        Parameters
        ----------
        point : ndarray of shape (n_parameters,)
        resource : int
        score : float
            Larger is better.
        """
        self._results.append((tuple(point), resource, score))

    def suggest(
        self, number: int, n_points: int = 1, *, pending: np.ndarray | None = None
    ) -> np.ndarray:
        """Points to try, of shape (n_points, n_parameters).

        Parameters
        ----------
        number : int
            Of the first of them among all candidates; it seeds the draw, so that a search that
            goes on draws as it would have.
        n_points : int, default=1
        pending : ndarray of shape (n_pending, n_parameters) or None, default=None
            Points that are being tried.
        """
        generator = np.random.default_rng([self._seed, number])
        cube = self._cube(generator, n_points)
        points = self._coordinates.snapped(cube)
        if not self._is_informed:
            return points
        numbers = np.arange(number, number + n_points)
        if not self._knows_enough:
            return self._near_first(numbers, cube, points)
        informed = _but_one_in(_RANDOM_EVERY, numbers)
        if informed.any():
            points[informed] = self._promising(generator, int(informed.sum()), pending)
        return points

    @property
    def _knows_enough(self) -> bool:
        sound = {point for point, _, score in self._results if not math.isnan(score)}
        return len(sound) > len(self._coordinates)

    def _cube(self, generator: np.random.Generator, n_points: int) -> np.ndarray:
        """Uniform draws, spread evenly where results are looked at."""
        n_axes = len(self._coordinates)
        if not self._is_informed:
            return generator.random((n_points, n_axes))
        return qmc.LatinHypercube(n_axes, rng=generator).random(n_points)

    def _near_first(self, numbers: np.ndarray, cube: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The first candidate itself, most of the others about it, and the rest where they are."""
        if self._first is None:
            return points
        is_least = (self._first <= _BOUND) & ~self._coordinates.is_choice
        centre = np.where(is_least, np.nan, self._first)
        near = _but_one_in(_ANYWHERE_EVERY, numbers)
        points[near] = self._coordinates.around(cube[near], centre, _DEVIATION)
        own = (numbers == 0)[:, None] & ~np.isnan(self._first)
        return np.where(own, self._first, points)

    @on_one_thread
    def _promising(
        self, generator: np.random.Generator, n_points: int, pending: np.ndarray | None
    ) -> np.ndarray:
        resources = self._fit()
        seen = np.array(list({point: None for point, _, _ in self._results}))
        mean, _ = self._surrogate.predict(self._at_most(seen, resources))
        parents = seen[np.argsort(-mean, kind="stable")[:_N_PARENTS]]
        pool = np.vstack(
            [generator.random((_N_RANDOM, seen.shape[1])), self._near(parents, generator)]
        )
        waiting = np.empty((0, seen.shape[1])) if pending is None else pending
        pool = np.vstack([waiting, self._new(pool, np.vstack([waiting, seen]))])
        picked = self._surrogate.batch(
            self._at_most(pool, resources), n_points, pending=len(waiting)
        )
        if len(picked) == n_points:
            return pool[picked]
        rest = generator.random((n_points - len(picked), seen.shape[1]))
        return np.vstack([pool[picked], self._coordinates.snapped(rest)])

    def _near(self, parents: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Points that differ from the given ones in some axes."""
        copies = np.repeat(parents, _N_NEAR, axis=0)
        return self._coordinates.moved(copies, _STEP, _SHARE_MOVED, generator)

    def _new(self, pool: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Points of a pool that have not been tried, each once."""
        return unseen(self._coordinates.snapped(pool), seen)

    def _fit(self) -> float:
        """Fit the process to the results, and return the resource that counts as the least."""
        kept = sorted(self._results, key=lambda result: -result[1])[:_MOST_RESULTS]
        points = np.array([point for point, _, _ in kept])
        resources = np.array([resource for _, resource, _ in kept], dtype=np.float64)
        scores = np.array([score for *_, score in kept])
        least = float(resources.min())
        features = np.column_stack([points, self._scale(resources, least)])
        targets = normal_ranks(scores)
        if len(self._results) >= _REFIT_GROWTH * self._n_fitted:
            self._n_fitted = len(self._results)
            self._surrogate.fit(features, targets)
        else:
            self._surrogate.learn(features, targets)
        return least

    def _scale(self, resources: np.ndarray, least: float) -> np.ndarray:
        """0 at the least resource, 1 at the most, evenly by factors."""
        span = math.log(self._max_resources / least)
        return np.log(resources / least) / span if span > 0 else np.zeros(len(resources))

    def _at_most(self, points: np.ndarray, least: float) -> np.ndarray:
        most = self._scale(np.array([float(self._max_resources)]), least)
        return np.column_stack([points, np.repeat(most, len(points))])


def _but_one_in(n: int, numbers: np.ndarray) -> np.ndarray:
    """Which numbers are not the last of so many."""
    return numbers % n != n - 1
