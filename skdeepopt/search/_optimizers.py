"""scikit-optimize's optimizer, with a quicker process and no more fits than questions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import skopt
from sklearn.base import BaseEstimator, RegressorMixin
from skopt.space import Categorical, Dimension, Integer

from skdeepopt.search._process import QuietProcess
from skdeepopt.search._surrogate import normal_ranks, on_one_thread
from skdeepopt.space._coordinates import Coordinates, unseen

__all__ = ["DeferredOptimizer", "SurrogateOptimizer", "initial_points", "new_optimizer", "plain"]

_DEFAULT_INITIAL_POINTS = 10
_OWN_SETTINGS = {"n_initial_points", "n_random_starts", "initial_point_generator", "random_state"}

_N_RANDOM, _N_NEAR, _N_PARENTS = 1024, 96, 8
_STEPS = (0.2, 0.05)
_SHARE_MOVED = 0.3
"""Points looked at: at random, near each of the best, how far off, and in how many axes."""

_MOST_LISTED = 2048
"""A space of no more candidates is looked at as a whole."""

_MOST_RESULTS = 400
"""Results that the process is fitted to, the latest and the best; its time grows with the cube."""

_REFIT_GROWTH = 1.05
"""Lengths are found anew when there are so many times more results."""


def new_optimizer(
    dimensions: Sequence[Dimension],
    settings: Mapping[str, Any],
    *,
    n_iter: int,
    random_state: np.random.RandomState,
) -> skopt.Optimizer:
    """Optimizer for a space.

    Parameters
    ----------
    dimensions : sequence of skopt Dimension
        With names. Changed as skopt changes them.
    settings : mapping of str to object
        As ``skopt.Optimizer`` takes them. With those that choose its model or acquisition it is
        skopt's own, else a :class:`SurrogateOptimizer`.
    n_iter : int
        Candidates to come. The default of 10 initial points is cut to half of them.
    random_state : RandomState
    """
    kwargs = {**settings, "random_state": random_state}
    if "n_random_starts" not in settings:
        kwargs["n_initial_points"] = initial_points(settings, n_iter)
    kind = SurrogateOptimizer if kwargs.keys() <= _OWN_SETTINGS else DeferredOptimizer
    return kind(list(dimensions), **kwargs)


def initial_points(settings: Mapping[str, Any], n_iter: int) -> int:
    """Candidates at random before a model is asked.

    Parameters
    ----------
    settings : mapping of str to object
        As ``skopt.Optimizer`` takes them.
    n_iter : int
        Candidates in all; by default no more than half of them are drawn at random.
    """
    default = max(1, min(_DEFAULT_INITIAL_POINTS, n_iter // 2))
    return int(settings.get("n_initial_points", settings.get("n_random_starts", default)))


def plain(point: Iterable[Any]) -> list[Any]:
    """Values of a point as Python's own numbers and strings.

    Parameters
    ----------
    point : iterable of object
    """
    return [value.item() if isinstance(value, np.generic) else value for value in point]


class DeferredOptimizer(skopt.Optimizer):
    """skopt's optimizer, fitted when it is asked instead of each time it is told."""

    _n_fitted = 0

    def tell(self, x: Any, y: Any, fit: bool = True) -> Any:
        """Take in what a point, or several, cost.

        Parameters
        ----------
        x : list, or list of list
        y : float, or list of float
        fit : bool, default=True
            Not used: the next question fits.

        Returns
        -------
        result : OptimizeResult
        """
        return super().tell(x, y, fit=False)

    def ask(self, n_points: int | None = None, strategy: str = "cl_min") -> list[Any]:
        """Point to try next, or a list of several.

        Parameters
        ----------
        n_points : int or None, default=None
        strategy : str, default="cl_min"
            What several are told of each other, as in skopt.
        """
        if n_points is not None and n_points > 1:
            points: list[Any] = super().ask(n_points, strategy)
            return points
        if self._n_initial_points <= 0 and len(self.Xi) > self._n_fitted:
            self._n_fitted = len(self.Xi)
            self._tell([], [], fit=True)
        point: list[Any] = self._ask()
        return point if n_points is None else [point]


class SurrogateOptimizer(DeferredOptimizer):
    """skopt's optimizer around a Gaussian process that takes hundredths of a second.

    Parameters
    ----------
    dimensions : list of skopt Dimension
        With names.
    n_initial_points : int, default=10
        Points at random before the process is asked.
    initial_point_generator : str or skopt generator, default="random"
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    Xi, yi, space, models
        As in skopt. `models` holds the process as it is last.

    Notes
    -----
    The process sees the ranks of the costs on a normal scale, which a diverged candidate does not
    bend. Expected improvement is compared on points of the whole space and near the best, and no
    candidate is suggested twice as long as there is another one.

    References
    ----------
    Snoek, Larochelle & Adams (2012), arXiv:1206.2944, section 2.
    Salinas, Shen & Perrone (2020), arXiv:1909.13595, section 4: ranks on a normal scale.
    """

    def __init__(self, dimensions: list[Dimension], **settings: Any) -> None:
        super().__init__(dimensions, **settings)
        self._coordinates = Coordinates({d.name: d for d in self.space.dimensions})
        self._surrogate = QuietProcess(self._coordinates.is_choice)
        self._all = _listed(self._coordinates, self.space.dimensions)

    @property
    def n_candidates(self) -> float:
        """Different candidates in the space; infinite where a parameter is a real number."""
        return math.prod(_size(dimension) for dimension in self.space.dimensions)

    def ask(self, n_points: int | None = None, strategy: str = "cl_min") -> list[Any]:
        """Point to try next, or a list of several.

        Parameters
        ----------
        n_points : int or None, default=None
        strategy : str, default="cl_min"
            Not used: each of several is chosen as if the mean had been observed at those before.
        """
        points = self._initial(1 if n_points is None else n_points)
        lacking = (1 if n_points is None else n_points) - len(points)
        if lacking:
            points += self._suggested(lacking, points)
        return points[0] if n_points is None else points

    def get_result(self) -> Any:
        """What skopt tells of the search, with the process as the only model.

        Returns
        -------
        result : OptimizeResult
        """
        self.models = [_Model(self)] if self._n_fitted else []
        return super().get_result()

    def _initial(self, most: int) -> list[list[Any]]:
        """The random points that are still to be tried."""
        n_points = min(max(self._n_initial_points, 0), most)
        if self._initial_samples is not None:
            first = len(self._initial_samples) - self._n_initial_points
            return [list(point) for point in self._initial_samples[first : first + n_points]]
        points: list[list[Any]] = []
        for _ in range(n_points):
            points.append(self._new_random(points))
        return points

    def _new_random(self, others: list[list[Any]]) -> list[Any]:
        pool = self._all if self._all is not None else self._drawn(64)
        fresh = self._fresh(pool[self.rng.permutation(len(pool))], others)
        return self._point(fresh[0] if len(fresh) else pool[self.rng.randint(len(pool))])

    @on_one_thread
    def _suggested(self, n_points: int, others: list[list[Any]]) -> list[list[Any]]:
        """Where the process expects to gain the most."""
        rows = self._rows(self.Xi)
        if not len(rows):
            return [self._new_random(others) for _ in range(n_points)]
        self._fit(rows)
        pool = self._all
        if pool is None:
            mean, _ = self._surrogate.predict(rows)
            best = rows[np.argsort(-mean, kind="stable")[:_N_PARENTS]]
            pool = np.vstack([self._drawn(_N_RANDOM), self._near(best)])
        waiting = self._rows(others)
        fresh = self._fresh(pool, others)
        chosen = self._surrogate.batch(np.vstack([waiting, fresh]), n_points, pending=len(waiting))
        points = [self._point(np.vstack([waiting, fresh])[at]) for at in chosen]
        while len(points) < n_points:
            points.append(self._new_random(points))
        return points

    def _fit(self, rows: np.ndarray) -> None:
        targets = -np.asarray(self.yi, dtype=np.float64)
        if len(rows) > _MOST_RESULTS:
            kept = np.union1d(
                np.argsort(-targets)[: _MOST_RESULTS // 2],
                np.arange(len(rows) - _MOST_RESULTS // 2, len(rows)),
            )
            rows, targets = rows[kept], targets[kept]
        targets = normal_ranks(targets)
        if len(self.yi) >= _REFIT_GROWTH * self._n_fitted:
            self._n_fitted = len(self.yi)
            self._surrogate.fit(rows, targets)
        else:
            self._surrogate.learn(rows, targets)

    def _near(self, parents: np.ndarray) -> np.ndarray:
        """Points that differ from the given ones in some axes, far and little."""
        copies = np.repeat(np.repeat(parents, _N_NEAR, axis=0), len(_STEPS), axis=0)
        steps = np.resize(_STEPS, len(copies))[:, None]
        moved = self._coordinates.moved(copies, steps, _SHARE_MOVED, self.rng)
        return self._coordinates.snapped(moved)

    def _drawn(self, n_points: int) -> np.ndarray:
        cube = self.rng.random_sample((n_points, len(self._coordinates)))
        return self._coordinates.snapped(cube)

    def _fresh(self, pool: np.ndarray, others: list[list[Any]]) -> np.ndarray:
        """Points of a pool that were neither tried nor are about to be, each once."""
        return unseen(pool, self._rows([*self.Xi, *others]))

    def _rows(self, points: Sequence[Sequence[Any]]) -> np.ndarray:
        names = self._coordinates.names
        rows = [self._coordinates.point(dict(zip(names, plain(p), strict=True))) for p in points]
        return np.array(rows, dtype=np.float64).reshape(-1, len(names))

    def _point(self, row: np.ndarray) -> list[Any]:
        return list(self._coordinates.parameters(row).values())


class _Model(RegressorMixin, BaseEstimator):
    """The process as skopt's plots ask it: costs at points as skopt transforms them."""

    def __init__(self, optimizer: SurrogateOptimizer) -> None:
        self.optimizer = optimizer

    @on_one_thread
    def predict(self, X: np.ndarray, return_std: bool = False) -> Any:
        """Costs, and their deviations where asked for."""
        optimizer = self.optimizer
        costs = np.asarray(optimizer.yi, dtype=np.float64)
        scale = float(costs.std()) or 1.0
        process = QuietProcess(optimizer._coordinates.is_choice)
        process.logarithms_ = optimizer._surrogate.logarithms_
        process.learn(optimizer._rows(optimizer.Xi), (costs - costs.mean()) / scale)
        mean, deviation = process.predict(optimizer._rows(optimizer.space.inverse_transform(X)))
        mean = costs.mean() + scale * mean
        return (mean, scale * deviation) if return_std else mean


def _size(dimension: Dimension) -> float:
    if isinstance(dimension, Categorical):
        return len(dimension.categories)
    if isinstance(dimension, Integer):
        return int(dimension.high) - int(dimension.low) + 1
    return math.inf


def _values(dimension: Dimension) -> Sequence[Any]:
    if isinstance(dimension, Categorical):
        return list(dimension.categories)
    return range(int(dimension.low), int(dimension.high) + 1)


def _listed(coordinates: Coordinates, dimensions: Sequence[Dimension]) -> np.ndarray | None:
    """All candidates of a small space, as rows."""
    sizes = [_size(dimension) for dimension in dimensions]
    if math.prod(sizes) > _MOST_LISTED:
        return None
    values = map(_values, dimensions)
    combinations = (
        dict(zip(coordinates.names, v, strict=True)) for v in itertools.product(*values)
    )
    return np.array([coordinates.point(parameters) for parameters in combinations])
