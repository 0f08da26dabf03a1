"""What can be wrong with a search space, found before anything is trained."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

__all__ = ["check_space", "parts_of"]


def check_space(owner: Any, estimator: Any, space: Any) -> None:
    """Check that a space names parameters of an estimator and gives each something to choose from.

    Parameters
    ----------
    owner : estimator or str
        Who asks, a search or its name; opens every message.
    estimator : estimator or skorch net
        What the space is for. Never changed.
    space : dict of str to choices, or sequence of them
        Choices are a list, an array, a tuple (low, high[, prior[, base]]), a distribution of scipy
        or a dimension of skopt. A dict may stand in a pair with its number of iterations, as in
        skopt.

    Raises
    ------
    ValueError
        The space, or the choices of a parameter, are empty; a name is no parameter of the
        estimator; a range is none.
    TypeError
        Something is of another type.

    Examples
    --------
    >>> from skdeepopt import CNNClassifier
    >>> check_space("BayesSearchCV", CNNClassifier(), {"learning_rate": (1e-4, 1e-1)})
    Traceback (most recent call last):
    ...
    ValueError: BayesSearchCV: CNNClassifier has no parameter 'learning_rate'. Did you mean 'lr'?
    """
    who = owner if isinstance(owner, str) else type(owner).__name__
    for part in parts_of(who, space):
        if not part:
            raise ValueError(
                f"{who} takes a space with at least one parameter, not {part!r}. Did you mean "
                f"search_space(estimator)?"
            )
        for name, choices in part.items():
            _check_name(who, estimator, name, part)
            _check_choices(f"{who}: the space of {name!r}", choices)


def parts_of(who: str, space: Any) -> list[Mapping[str, Any]]:
    """The dicts that a space consists of, at least one.

    Parameters
    ----------
    who : str
        Opens every message.
    space : dict, or sequence of dict or of (dict, int)

    Raises
    ------
    TypeError, ValueError
        It is something else, or holds none.
    """
    if isinstance(space, Mapping):
        return [space]
    allowed = f"{who} takes a space that is a dict of parameter names to choices, or a list of them"
    if isinstance(space, (str, bytes)) or not isinstance(space, (list, tuple)):
        raise TypeError(f"{allowed}, not {space!r}.")
    parts = [entry[0] if _has_count(entry) else entry for entry in space]
    if not parts:
        raise ValueError(f"{allowed}, not {space!r}, which is empty.")
    for part in parts:
        if not isinstance(part, Mapping):
            raise TypeError(f"{allowed}, not of {part!r}.")
    return parts


def _has_count(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], Mapping)


def _check_name(who: str, estimator: Any, name: Any, part: Mapping[str, Any]) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{who}: the names of parameters are strings, not {name!r}.")
    known = estimator.get_params(deep=True)
    if name in known:
        _check_thawed(who, name, known)
        return
    # What another parameter of the space brings along is only known when it is set.
    if any(name.startswith(f"{other}__") for other in part if isinstance(other, str)):
        return
    if not _can_be_set(estimator, name):
        _check_thawed(who, name, known)
        slip = _nearest(name, known, part)
        raise ValueError(f"{who}: {type(estimator).__name__} has no parameter {name!r}.{slip}")


def _check_thawed(who: str, name: str, known: Mapping[str, Any]) -> None:
    steps = name.split("__")
    for count in range(1, len(steps)):
        outer = "__".join(steps[:count])
        if isinstance(known.get(outer), FrozenEstimator):
            raise ValueError(
                f"{who}: {name!r} lies in the FrozenEstimator {outer!r}, which is not fitted "
                f"again, so it cannot be searched. Did you mean to leave it out, or not to freeze "
                f"the estimator?"
            )


def _can_be_set(estimator: Any, name: str) -> bool:
    """Whether an estimator takes a parameter that it does not list, as ``module__width``."""
    try:
        clone(estimator).set_params(**{name: None})
    except (TypeError, ValueError, AttributeError):
        return False
    return True


_ALIASES = {
    "learning_rate": "lr",
    "learning_rate_init": "lr",
    "alpha": "weight_decay",
    "epochs": "max_epochs",
    "n_epochs": "max_epochs",
    "max_iter": "max_epochs",
    "ratio": "pruning_ratio",
    "sparsity": "pruning_ratio",
    "bits": "scheme",
    "hidden_layer_sizes": "widths",
}
"""What other libraries call a parameter, where no spelling would lead to ours."""


def _nearest(name: str, known: Iterable[str], part: Mapping[str, Any]) -> str:
    """Sentence that suggests the parameters that `name` is likely to mean."""
    names = [candidate for candidate in known if candidate not in part]
    last = name.rpartition("__")[2]
    alike = [n for n in names if n.rpartition("__")[2] == last]
    if not alike and last in _ALIASES:
        alike = [n for n in names if n.rpartition("__")[2] == _ALIASES[last]]
    alike.sort(key=lambda candidate: -difflib.SequenceMatcher(None, name, candidate).ratio())
    near = alike or difflib.get_close_matches(name, names, n=3, cutoff=0.6) or _by_last(last, names)
    return f" Did you mean {' or '.join(map(repr, near[:3]))}?" if near else ""


def _by_last(last: str, names: Iterable[str]) -> list[str]:
    """Parameters whose own name, without that of their owner, is near."""
    own = {name: name.rpartition("__")[2] for name in names}
    near = difflib.get_close_matches(last, sorted({*own.values()}), n=1, cutoff=0.6)
    return [name for name, short in own.items() if short in near]


def _check_choices(where: str, choices: Any) -> None:
    if hasattr(choices, "rvs"):  # a distribution, or a dimension
        return
    is_array = isinstance(choices, np.ndarray) and choices.ndim > 0
    if not (is_array or isinstance(choices, (list, tuple))):
        raise TypeError(
            f"{where} is a list of choices, a tuple (low, high), a distribution of scipy or a "
            f"dimension of skopt, not {choices!r}.{_as_list(choices)}"
        )
    if not len(choices):
        raise ValueError(f"{where} holds at least one choice, not {choices!r}.")
    if isinstance(choices, tuple) and len(choices) in (2, 3, 4):
        _check_range(where, choices)


def _as_list(choices: Any) -> str:
    if isinstance(choices, (set, frozenset, range, Iterator)):
        return " Did you mean a list of it?"
    if isinstance(choices, (str, Real)) or choices is None:
        return f" Did you mean [{choices!r}]?"
    return ""


def _check_range(where: str, choices: tuple[Any, ...]) -> None:
    low, high, *rest = choices
    if not (_is_number(low) and _is_number(high)) or (rest and not isinstance(rest[0], str)):
        return  # a tuple of categories
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{where} is a range of finite numbers, not {choices!r}.")
    if low >= high:
        slip = (high, low, *rest) if low > high else [low]
        raise ValueError(
            f"{where} is a range (low, high) with low < high, not {choices!r}. Did you mean "
            f"{slip!r}?"
        )
    if rest and rest[0] not in ("uniform", "log-uniform"):
        raise ValueError(
            f"{where} has the prior 'uniform' or 'log-uniform', not {rest[0]!r}."
            f"{' Did you mean log-uniform?' if 'log' in rest[0] else ''}"
        )
    if rest and rest[0] == "log-uniform" and low <= 0:
        raise ValueError(
            f"{where} is logarithmic, so it begins above 0, not at {low!r}. Did you mean 'uniform'?"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
