"""What the choices for a parameter may be given as, made one kind of thing."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import skopt.space

__all__ = ["Quantiles", "as_dimension", "as_dimensions", "labelled"]

_TAIL = 1e-6
"""Probability cut off at an end of a distribution that is open there."""


def as_dimension(name: str, value: Any) -> skopt.space.Dimension:
    """Dimension of skopt for the choices of one parameter; what was handed in stays as it is.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : skopt Dimension, tuple, list, ndarray or scipy distribution
        A tuple (low, high[, prior[, base]]) of numbers is a range, of integers where both are.
        Every other tuple, every list and every array holds categories of any type. A frozen
        ``uniform``, ``loguniform`` or ``randint`` of scipy is a range, any other continuous
        distribution a :class:`Quantiles`.

    Raises
    ------
    ValueError
        There is no choice, or a range is none.
    TypeError
        It is something else.

    Examples
    --------
    >>> as_dimension("lr", (1e-4, 1e-1, "log-uniform"))
    Real(low=0.0001, high=0.1, prior='log-uniform', transform='identity')
    >>> as_dimension("widths", [(8, 16), (16, 32), None])
    Categorical(categories=((8, 16), (16, 32), None), prior=None)
    """
    dimension = _made(name, value)
    dimension.name = name
    return dimension


def as_dimensions(space: Mapping[str, Any]) -> dict[str, skopt.space.Dimension]:
    """Dimensions of a space, sorted by the names of the parameters as skopt does it.

    Parameters
    ----------
    space : mapping of str to choices
        As :func:`as_dimension` takes them.
    """
    return {name: as_dimension(name, space[name]) for name in sorted(space)}


def labelled(dimension: skopt.space.Dimension) -> tuple[skopt.space.Dimension, dict[Any, Any]]:
    """Dimension that skopt's encoders can take, and what its labels stand for.

    Parameters
    ----------
    dimension : skopt Dimension
        Of categories, when some cannot be hashed, compared or told from others, such as lists,
        arrays, estimators, or True beside 1, each gets a string in its place.

    Returns
    -------
    dimension : skopt Dimension
    values : dict of label to category
        Empty where the categories stand for themselves.
    """
    if not isinstance(dimension, skopt.space.Categorical) or _stand(dimension.categories):
        return dimension, {}
    labels = [value if isinstance(value, str) else repr(value) for value in dimension.categories]
    if len(set(labels)) < len(labels):
        labels = [f"{number}: {label}" for number, label in enumerate(labels)]
    of_strings = skopt.space.Categorical(labels, prior=dimension.prior, name=dimension.name)
    return of_strings, dict(zip(labels, dimension.categories, strict=True))


class Quantiles(skopt.space.Real):
    """Numbers with a continuous distribution of scipy; the unit interval holds its quantiles.

    Parameters
    ----------
    distribution : frozen distribution of scipy
    name : str or None, default=None
    """

    def __init__(self, distribution: Any, name: str | None = None) -> None:
        self.distribution = distribution
        low, high = distribution.support()
        low = low if np.isfinite(low) else distribution.ppf(_TAIL)
        high = high if np.isfinite(high) else distribution.ppf(1 - _TAIL)
        super().__init__(float(low), float(high), transform="normalize", name=name)

    def set_transformer(self, transform: str = "normalize") -> None:
        """Keep to quantiles, whatever is asked for: any other line would not be the distribution.

        Parameters
        ----------
        transform : str, default="normalize"
            Not used.
        """
        super().set_transformer("normalize")
        self.transformer = _Quantile(self.distribution)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment] # as all dimensions of skopt


class _Quantile:
    """A transformer of skopt: a number to its quantile, and back."""

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution

    def transform(self, values: Any) -> np.ndarray:
        """Quantiles of numbers."""
        return np.asarray(self._distribution.cdf(np.asarray(values, dtype=np.float64)))

    def inverse_transform(self, quantiles: Any) -> np.ndarray:
        """Numbers at quantiles."""
        inside = np.clip(np.asarray(quantiles, dtype=np.float64), 0.0, 1.0)
        return np.asarray(self._distribution.ppf(inside))


def _made(name: str, value: Any) -> skopt.space.Dimension:
    if isinstance(value, skopt.space.Dimension):
        return copy.copy(value)  # skopt's optimizer sets another transformer
    if hasattr(value, "dist"):
        return _of_distribution(name, value)
    if isinstance(value, tuple) and _is_range(value):
        return _of_range(name, value)
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return _of_choices(name, value)
    raise TypeError(
        f"The choices for {name!r} are a list of values, a tuple (low, high), a dimension of skopt "
        f"or a distribution of scipy, not {value!r}. Did you mean [{value!r}]?"
    )


def _is_range(value: Sequence[Any]) -> bool:
    numbers = 2 <= len(value) <= 4 and all(_is_number(bound) for bound in value[:2])
    return numbers and (len(value) == 2 or isinstance(value[2], str))


def _of_range(name: str, value: tuple[Any, ...]) -> skopt.space.Dimension:
    low, high, *rest = value
    whole = isinstance(low, Integral) and isinstance(high, Integral)
    kind = skopt.space.Integer if whole else skopt.space.Real
    number = int if whole else float
    if low == high:
        return skopt.space.Categorical([number(low)])
    try:
        return kind(number(low), number(high), *rest)
    except ValueError as error:
        raise ValueError(f"The range of {name!r}, {value!r}, is none: {error}") from error


def _of_choices(name: str, value: Any) -> skopt.space.Categorical:
    choices = [held.item() if isinstance(held, np.generic) else held for held in value]
    if not choices:
        raise ValueError(f"The choices for {name!r} are at least one, not {value!r}.")
    # Without a transformer, since skopt's hash the categories.
    return skopt.space.Categorical(choices, transform=None if _stand(choices) else "identity")


def _of_distribution(name: str, value: Any) -> skopt.space.Dimension:
    kind = value.dist.name
    low, high = value.support()
    if kind == "uniform":
        return skopt.space.Real(float(low), float(high))
    if kind in ("loguniform", "reciprocal"):
        return skopt.space.Real(float(low), float(high), prior="log-uniform")
    if kind == "randint":
        return _of_range(name, (int(low), int(high)))
    if hasattr(value.dist, "pdf"):
        return Quantiles(value)
    raise TypeError(
        f"The choices for {name!r} are drawn from a continuous distribution of scipy or from "
        f"randint, not from {kind!r}, which is discrete. Did you mean a list of values?"
    )


def _stand(categories: Sequence[Any]) -> bool:
    """Whether categories can stand for themselves: all strings, bools, integers or floats."""
    kinds = {type(category) for category in categories}
    one_kind = len(kinds) == 1 and kinds <= {str, bool, int, float}
    return one_kind and len(set(categories)) == len(categories)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
