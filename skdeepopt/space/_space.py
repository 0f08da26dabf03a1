"""The default space of an estimator, or of a stack of wrappers around one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdeepopt._validation import did_you_mean
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._cnn import _CNN
from skdeepopt.estimators._neural import _Neural
from skdeepopt.meta._base import DeepWrapper
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.space._parts import (
    augmenter_parts,
    cnn_parts,
    neural_parts,
    raw_net_parts,
)
from skdeepopt.space._values import Part
from skdeepopt.space._wrappers import (
    distilled_parts,
    packed_parts,
    pruned_parts,
    quantized_parts,
    trains,
    transferred_parts,
)
from skdeepopt.training._raw_net import is_raw_net

__all__ = ["MOST_IN_GRID", "search_space", "space_parts"]

MOST_IN_GRID = 36
"""Combinations of a grid."""

_KINDS = ("grid", "random", "bayes")

_RULES: tuple[tuple[type, Callable[[Any], Iterator[Part]]], ...] = (
    (_CNN, cnn_parts),
    (_Neural, neural_parts),
    (PrunedEstimator, pruned_parts),
    (QuantizedEstimator, quantized_parts),
    (PackedEstimator, packed_parts),
    (TransferEstimator, transferred_parts),
    (DistilledEstimator, distilled_parts),
    (ImageAugmenter, augmenter_parts),
)


def search_space(estimator: Any, kind: str = "bayes") -> dict[str, Any]:
    """Parameters of an estimator that are worth a search, and what they may be.

    What decides which other parameters have an effect stays as it is: architecture, granularity,
    method, strategy, and the schedule of a pruning. So do seeds, the device, how much is printed
    and how long a network trains, which a search over epochs has in its own hands. Parameters
    without an effect in this stack are left out, and so is all that is frozen, and the teacher.

    Parameters
    ----------
    estimator : estimator
        One of this package, a skorch net, wrappers in any order, or a pipeline of them.
    kind : {"grid", "random", "bayes"}, default="bayes"
        For ``GridSearchCV`` and ``HalvingGridSearchCV``: lists, with 36 combinations at most, so
        that a deep stack has fewer of each. For ``RandomizedSearchCV`` and
        ``HalvingRandomSearchCV``: distributions and lists. For ``BayesSearchCV``: dimensions of
        skopt.

    Returns
    -------
    space : dict of str to list, distribution or dimension
        With names as ``set_params`` takes them, in the order of the stack, from outside in. It is
        a plain dict: drop, change and add what you like.

    Raises
    ------
    TypeError, ValueError
        `kind` is something else, a parameter of the estimator is out of its range, or there is
        nothing to search.

    Notes
    -----
    Rates and sizes are searched on logarithmic scales (Bergstra & Bengio 2012), around their
    present values. ``target_bytes`` of a ``PackedEstimator`` is in where it is set, or where the
    base is frozen, so that its size is known.

    References
    ----------
    Bergstra & Bengio (2012), "Random Search for Hyper-Parameter Optimization", JMLR 13, sections 2
    (scales) and 4 (why a grid is wasteful).

    Examples
    --------
    >>> from skdeepopt import CNNClassifier, PrunedEstimator, QuantizedEstimator
    >>> stack = QuantizedEstimator(PrunedEstimator(CNNClassifier()))
    >>> space = search_space(stack, kind="grid")
    >>> space["estimator__pruning_ratio"], space["estimator__estimator__lr"]
    ([0.5, 0.7, 0.85], [0.00333, 0.01, 0.03])
    """
    if kind not in _KINDS:
        plain = ValueError if isinstance(kind, str) else TypeError
        raise plain(
            f"search_space.kind is one of {', '.join(map(repr, _KINDS))}, not {kind!r}."
            f"{did_you_mean(kind, _KINDS)}"
        )
    parts = space_parts(estimator)
    if kind == "grid":
        return _grid(parts)
    if kind == "random":
        return {part.name: part.values.distribution() for part in parts}
    return {part.name: part.values.dimension() for part in parts}


def space_parts(estimator: Any) -> list[Part]:
    """What can be searched in a stack, from outside in, with the names of the whole.

    Parameters
    ----------
    estimator : estimator

    Raises
    ------
    TypeError, ValueError
        As in :func:`search_space`.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        slip = f" Did you mean {estimator.__name__}()?" if isinstance(estimator, type) else ""
        raise TypeError(f"search_space takes an estimator, not {estimator!r}.{slip}")
    parts = list(_parts(estimator))
    if not parts:
        raise ValueError(
            f"search_space finds nothing to search in {type(estimator).__name__}: it holds no "
            f"estimator of this package, or none that is not frozen. Did you mean to write the "
            f"space yourself, as a dict of parameter names to choices?"
        )
    return parts


def _parts(estimator: Any, *, is_wrapped: bool = False) -> Iterator[Part]:
    if isinstance(estimator, FrozenEstimator):
        return
    if is_raw_net(estimator):
        yield from raw_net_parts(estimator, is_wrapped=is_wrapped)
        return
    for kind, rule in _RULES:
        if isinstance(estimator, kind):
            yield from rule(estimator)
    for name, inner in _inner(estimator):
        for part in _parts(inner, is_wrapped=isinstance(estimator, DeepWrapper)):
            yield replace(part, name=f"{name}__{part.name}")


def _inner(estimator: Any) -> list[tuple[str, Any]]:
    """Estimators in an estimator that are searched too, by the names of the parameters."""
    parameters = estimator.get_params(deep=False)
    if isinstance(estimator, Pipeline):
        parameters = dict(estimator.steps)
    elif isinstance(estimator, (DeepEstimator, DeepWrapper)):
        # A teacher, a head and a source are not.
        wanted = ("estimator", "augment") if trains(estimator) else ("estimator",)
        parameters = {name: parameters[name] for name in wanted if name in parameters}
    inner = [(name, value) for name, value in parameters.items() if hasattr(value, "get_params")]
    return [(name, value) for name, value in inner if not isinstance(value, type)]


def _grid(parts: list[Part]) -> dict[str, list[Any]]:
    """As many values as fit, first of what matters most."""
    kept: dict[str, list[Any]] = {}
    size = 1
    for part in sorted((part for part in parts if part.grid), key=lambda part: part.rank):
        room = min(len(part.grid), MOST_IN_GRID // size)
        if room > 1:
            kept[part.name] = _sorted(part.grid[:room])
            size *= room
    return {part.name: kept[part.name] for part in parts if part.name in kept}


def _sorted(values: Any) -> list[Any]:
    """Numbers ascending, and other values as they come."""
    are_numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return sorted(values) if are_numbers else list(values)
