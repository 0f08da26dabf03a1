"""What a fitted estimator costs, as scores that a search can weigh against its accuracy."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import Any, Final

import joblib
from sklearn.utils.validation import check_is_fitted

from skdeepopt.measurement._measure import first_rows, network_of
from skdeepopt.measurement._timing import time_calls

__all__ = ["COST_SCORERS", "CostScorer", "latency_ms", "model_bytes", "register_scorers"]

_REPEATS = 20
_WARMUP = 5


@dataclass(frozen=True, repr=False)
class CostScorer:
    """Scorer whose answer is a cost with its sign turned, so that larger is better.

    Parameters
    ----------
    name : str
        That scikit-learn's ``scoring`` takes.
    cost : callable
        ``cost(estimator, X)``, at least 0. A function of a module, so that the scorer pickles.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> CostScorer("neg_model_bytes", model_bytes)(DummyClassifier().fit(X, y), X, y) < 0
    True
    """

    name: str
    cost: Callable[[Any, Any], float]

    def __call__(self, estimator: Any, X: Any, y: Any = None, **metadata: Any) -> float:
        """Negative cost of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
        X : array-like of shape (n_samples, ...)
            At least one sample.
        y, **metadata : ignored

        Returns
        -------
        score : float
        """
        return -float(self.cost(estimator, X))

    def __repr__(self) -> str:
        return f"<scorer {self.name!r}>"

    def _accept_sample_weight(self) -> bool:
        # scikit-learn asks each of several scorers, and its own have this method.
        return False


def model_bytes(estimator: Any, X: Any = None) -> int:
    """Bytes of the file that ``skdeepopt.save`` writes; of joblib's where there is no network.

    Parameters
    ----------
    estimator : fitted estimator
        Of a search, its ``best_estimator_`` counts.
    X : ignored

    Raises
    ------
    NotFittedError
        `estimator` is not fitted.
    TypeError, ValueError
        It has a network, and a model file cannot hold it, such as a raw skorch net.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> few, many = (KNeighborsClassifier().fit(X[::n], y[::n]) for n in (3, 1))
    >>> model_bytes(few) < model_bytes(many)
    True
    """
    check_is_fitted(estimator)
    model = getattr(estimator, "best_estimator_", estimator)
    if network_of(model) is None:
        file = io.BytesIO()
        joblib.dump(model, file)
        return file.tell()
    # Storage stands a floor above, so an import statement may not name it.
    return len(importlib.import_module("skdeepopt.storage._files").packed(model))


def latency_ms(estimator: Any, X: Any) -> float:
    """Median milliseconds of ``predict`` on one sample, of 20 calls after 5 that do not count.

    It holds for this machine, and for what else runs on it at the time: workers of a search that
    share processors slow each other down.

    Parameters
    ----------
    estimator : fitted estimator
    X : array-like of shape (n_samples, ...)
        The first sample is asked for.

    Raises
    ------
    NotFittedError
        `estimator` is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> 0 < latency_ms(DummyClassifier().fit(X, y), X) < 1000
    True
    """
    check_is_fitted(estimator)
    one = first_rows(X, 1)
    timing = time_calls(lambda: estimator.predict(one), repeats=_REPEATS, warmup=_WARMUP)
    return 1e3 * timing.median


COST_SCORERS: Final[Mapping[str, CostScorer]] = MappingProxyType(
    {
        scorer.name: scorer
        for scorer in (
            CostScorer("neg_model_bytes", model_bytes),
            CostScorer("neg_latency_ms", latency_ms),
        )
    }
)
"""The scorers by their names in ``scoring``."""


def register_scorers() -> tuple[str, ...]:
    """Names that scikit-learn's ``scoring`` and ``get_scorer`` now know as the package's own.

    scikit-learn has no public way to add a name. Where its registry is not where it was, nothing
    happens, and a search takes the scorers themselves, from ``COST_SCORERS``. A name that somebody
    else has taken stays theirs. To call it again changes nothing more.

    Returns
    -------
    names : tuple of str

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> register_scorers()
    ('neg_model_bytes', 'neg_latency_ms')
    >>> get_scorer("neg_model_bytes")
    <scorer 'neg_model_bytes'>
    """
    registry = _registry()
    if registry is None:
        return ()
    for name, scorer in COST_SCORERS.items():
        registry.setdefault(name, scorer)
    for allowed in _allowed_names():
        allowed.update(COST_SCORERS)
    return tuple(name for name, scorer in COST_SCORERS.items() if registry[name] == scorer)


def _registry() -> dict[str, Any] | None:
    """scikit-learn's scorers by name, which is private to it."""
    try:
        module = importlib.import_module("sklearn.metrics._scorer")
    except ImportError:
        return None
    registry = getattr(module, "_SCORERS", None)
    return registry if isinstance(registry, dict) else None


def _allowed_names() -> Iterator[set[str]]:
    """Sets of names that checks of a parameter ``scoring`` have taken from the registry.

    They did so when their module was imported, and know nothing of what came later.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith("sklearn.")]
    for value in {id(value): value for module in modules for value in _defined(module)}.values():
        for check in _checks_of_scoring(value):
            names = getattr(check, "options", None)
            if isinstance(names, set) and "neg_log_loss" in names:
                yield names


def _defined(module: Any) -> list[Any]:
    """Classes and functions of a module, without those that it would only import when asked."""
    values = getattr(module, "__dict__", {}).values()
    return [value for value in values if isinstance(value, (type, FunctionType))]


def _checks_of_scoring(value: Any) -> list[Any]:
    names = ("_parameter_constraints", "_skl_parameter_constraints")
    constraints = [getattr(value, name, None) for name in names]
    found = [each.get("scoring") for each in constraints if isinstance(each, dict)]
    return [check for checks in found if isinstance(checks, list) for check in checks]
