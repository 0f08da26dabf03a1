"""Candidates as points of the unit cube, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from skopt.space import Categorical, Dimension, Integer

__all__ = ["Coordinates", "unseen"]

_DECIMALS = 12
"""Of a point; scipy's quantiles of numbers near the least float warn."""


class Coordinates:
    """A space of parameters whose points are rows of numbers from 0 to 1, one for each parameter.

    A uniform number is a draw from the parameter's prior: logarithmic where that is, and of a
    choice's probabilities.

    Parameters
    ----------
    dimensions : mapping of str to skopt Dimension

    Examples
    --------
    >>> from skopt.space import Integer, Real
    >>> space = Coordinates({"lr": Real(1e-4, 1.0, prior="log-uniform"), "depth": Integer(1, 3)})
    >>> {name: round(value, 4) for name, value in space.parameters(np.array([0.5, 0.9])).items()}
    {'lr': 0.01, 'depth': 3}
    """

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.names = list(dimensions)
        self._axes = [_axis(dimensions[name]) for name in self.names]
        self.is_choice = np.array([axis.is_choice for axis in self._axes], dtype=bool)

    def __len__(self) -> int:
        return len(self.names)

    def parameters(self, point: np.ndarray) -> dict[str, Any]:
        """What ``set_params`` takes for a point.

        Parameters
        ----------
        point : ndarray of shape (n_parameters,)
        """
        triples = zip(self.names, self._axes, point, strict=True)
        return {name: axis.value(float(at)) for name, axis, at in triples}

    def snapped(self, points: np.ndarray) -> np.ndarray:
        """Same candidates at the middle of what stands for them, so that equal ones are equal.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_parameters)
        """
        columns = zip(self._axes, points.T, strict=True)
        return np.stack([axis.snapped(column) for axis, column in columns], axis=1)

    def moved(self, points: np.ndarray, steps: Any, share: float, generator: Any) -> np.ndarray:
        """Points that differ from the given ones in some axes; a choice is drawn anew there.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_parameters)
        steps : float or ndarray of shape (n_points, 1)
            Deviation of how far a number moves.
        share : float
            Of the axes that differ.
        generator : numpy Generator or RandomState
        """
        is_moved = generator.random(points.shape) < share
        # Outside it is reflected, so that the bounds do not collect the points.
        landed = np.abs(points + steps * generator.normal(size=points.shape))
        landed = np.where(landed > 1, 2 - landed, landed).clip(0, 1)
        landed = np.where(self.is_choice, generator.random(points.shape), landed)
        return np.where(is_moved, landed, points)

    def around(self, cube: np.ndarray, centre: np.ndarray, deviation: float) -> np.ndarray:
        """Points about one: numbers are normal within bounds, half of the choices are its own.

        Parameters
        ----------
        cube : ndarray of shape (n_points, n_parameters)
            Uniform draws.
        centre : ndarray of shape (n_parameters,)
            Along axes on which it is NaN the draws stay as they are.
        deviation : float

        Examples
        --------
        >>> from skopt.space import Categorical, Real
        >>> space = Coordinates({"lr": Real(0.0, 1.0), "kind": Categorical(["a", "b"])})
        >>> centre = space.point({"lr": 0.5, "kind": "b"})
        >>> space.around(np.array([[0.5, 0.2], [0.9, 0.7]]), centre, 0.1).round(2).tolist()
        [[0.5, 0.75], [0.63, 0.25]]
        """
        triples = zip(self._axes, cube.T, centre, strict=True)
        columns = [
            column if np.isnan(at) else axis.around(column, float(at), deviation)
            for axis, column, at in triples
        ]
        return self.snapped(np.stack(columns, axis=1))

    def point(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """Point of a candidate, NaN along the axes on which it lies outside of the space.

        Parameters
        ----------
        parameters : mapping of str to object
            Those of other names do not matter.
        """
        at = [
            axis.position(parameters[name]) if name in parameters else None
            for name, axis in zip(self.names, self._axes, strict=True)
        ]
        return np.array([np.nan if place is None else place for place in at], dtype=np.float64)

    def held(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of a candidate that lie in the space.

        Parameters
        ----------
        parameters : mapping of str to object

        Examples
        --------
        >>> from skopt.space import Real
        >>> Coordinates({"a": Real(0, 1), "b": Real(0, 1)}).held({"a": 0.5, "b": None, "c": 0.5})
        {'a': 0.5}
        """
        places = zip(self.names, self.point(parameters), strict=True)
        return {name: parameters[name] for name, place in places if not np.isnan(place)}


def unseen(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Points that are not among those seen, each once, in their order.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_parameters)
    seen : ndarray of shape (n_seen, n_parameters)
    """
    known = set(map(tuple, seen.tolist()))
    fresh = {tuple(point): None for point in points.tolist() if tuple(point) not in known}
    return np.array(list(fresh)).reshape(-1, points.shape[1])


class _Line:
    """Numbers between two bounds."""

    is_choice = False

    def __init__(self, dimension: Dimension) -> None:
        # A copy, since whose dimension it is may have chosen another transformer.
        self._dimension = copy.copy(dimension)
        self._dimension.set_transformer("normalize")
        bounds = (dimension.low, dimension.high)
        self._steps = int(bounds[1] - bounds[0]) + 1 if isinstance(dimension, Integer) else None

    def value(self, at: float) -> Any:
        kind = float if self._steps is None else int
        return kind(self._values(np.array([at]))[0])

    def snapped(self, column: np.ndarray) -> np.ndarray:
        if self._steps is None:
            return column
        return np.asarray(self._dimension.transform(self._values(column)), dtype=np.float64)

    def _values(self, column: np.ndarray) -> np.ndarray:
        line = self._on_grid(np.round(column, _DECIMALS))
        found = np.asarray(self._dimension.inverse_transform(line))
        # Rounding may carry a bound out of the range.
        return found.clip(self._dimension.low, self._dimension.high)

    def position(self, value: Any) -> float | None:
        try:
            inside = value is not None and value in self._dimension
        except TypeError:
            return None
        return float(self._dimension.transform([value])[0]) if inside else None

    def around(self, column: np.ndarray, at: float, deviation: float) -> np.ndarray:
        low, high = ndtr(-at / deviation), ndtr((1 - at) / deviation)
        points: np.ndarray = at + deviation * ndtri(low + column * (high - low))
        return points.clip(0, 1)

    def _on_grid(self, line: np.ndarray) -> np.ndarray:
        """So that each integer of a uniform prior has an equal share of the line, the bounds too.

        skopt rounds to the nearest, which leaves half a share to each bound.
        """
        if self._steps is None or self._steps == 1 or self._dimension.prior != "uniform":
            return line
        return np.minimum(np.floor(line * self._steps), self._steps - 1) / (self._steps - 1)


class _Choice:
    """One of several values, each with a stretch of the line as long as it is likely."""

    is_choice = True

    def __init__(self, dimension: Categorical) -> None:
        self._values = list(dimension.categories)
        likely = dimension.prior_ if dimension.prior_ is not None else np.ones(len(self._values))
        self._ends = np.cumsum(likely) / np.sum(likely)

    def value(self, at: float) -> Any:
        return self._values[self._place(np.array([at]))[0]]

    def snapped(self, column: np.ndarray) -> np.ndarray:
        begins = np.append(0.0, self._ends[:-1])
        middles: np.ndarray = ((begins + self._ends) / 2)[self._place(column)]
        return middles

    def position(self, value: Any) -> float | None:
        for at, category in enumerate(self._values):
            if category is value or _are_equal(category, value):
                return float((self._ends[at] + (self._ends[at - 1] if at else 0.0)) / 2)
        return None

    def around(self, column: np.ndarray, at: float, deviation: float) -> np.ndarray:
        return np.where(column < 0.5, at, 2 * column - 1)

    def _place(self, column: np.ndarray) -> np.ndarray:
        places = np.searchsorted(self._ends, column, side="right")
        return np.minimum(places, len(self._values) - 1)


def _axis(dimension: Dimension) -> _Line | _Choice:
    return _Choice(dimension) if isinstance(dimension, Categorical) else _Line(dimension)


def _are_equal(one: Any, other: Any) -> bool:
    """Whether two values of one type are equal; arrays and the like are not compared."""
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False
