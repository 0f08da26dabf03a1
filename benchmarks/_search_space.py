"""The 12-dimensional space that every search of the benchmark draws from, in each one's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skopt.space import Categorical, Dimension, Integer, Real

LOG = "log-uniform"
SPACE: dict[str, Dimension] = {
    "lr": Real(1e-4, 1.0, LOG),
    "weight_decay": Real(1e-5, 1.0, LOG),
    "batch_size": Integer(32, 256, LOG),
    "widths": Real(0.25, 1.0, LOG),
    "depth": Integer(1, 3),
    "dropout": Real(0.0, 0.6),
    "label_smoothing": Real(0.0, 0.3),
    "optimizer": Categorical(["adamw", "adam", "sgd", "rmsprop"]),
    "schedule": Categorical(["onecycle", "cosine", "linear", "constant"]),
    "augment__rotation": Real(0.0, 45.0),
    "augment__shift": Real(0.0, 0.3),
    "augment__stretch": Real(0.0, 0.4),
}


class _Drawn:
    """A dimension as scikit-learn's random searches draw from it, with the same distribution."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension

    def rvs(self, random_state: Any = None) -> Any:
        return _plain(self.dimension.rvs(n_samples=1, random_state=random_state)[0])


def as_distributions(space: Mapping[str, Dimension]) -> dict[str, Any]:
    """The space for `RandomizedSearchCV` and `HalvingRandomSearchCV`."""
    return {name: _Drawn(dimension) for name, dimension in space.items()}


def suggested(trial: Any, space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Parameters that an Optuna trial suggests."""
    return {name: _suggest(trial, name, dimension) for name, dimension in space.items()}


def _suggest(trial: Any, name: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Categorical):
        return trial.suggest_categorical(name, list(dimension.categories))
    suggest = trial.suggest_int if isinstance(dimension, Integer) else trial.suggest_float
    return suggest(name, dimension.low, dimension.high, log=dimension.prior == LOG)


def described_space(space: Mapping[str, Dimension]) -> dict[str, str]:
    """The space as a record holds it."""
    return {name: str(dimension) for name, dimension in space.items()}


def in_plain_types(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with Python's own numbers and texts."""
    return {name: _plain(value) for name, value in parameters.items()}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
