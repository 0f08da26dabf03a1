"""How a model is made of the training data, or of a model that is there already."""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepopt.auto._split import Part
from skdeepopt.measurement._timing import time_calls
from skdeepopt.meta._base import trained_copy
from skdeepopt.meta._figures import file_bytes

__all__ = ["Made", "Recipe", "made", "shell_of", "unfrozen"]

_TIMED = 20
_WARMUP = 3


@dataclass(frozen=True)
class Recipe:
    """An estimator that is yet to be fitted, and what that takes.

    Parameters
    ----------
    name : str
        Tells it from all others of a search.
    steps : str
        From the data to the model, such as ``"tuned base -> packed"``.
    kind : str
        Recipes of one kind take alike long for alike work.
    estimator : estimator
        Unfitted; what it is made of is frozen inside.
    parents : tuple of str
        Names of what it is made of.
    epochs : int
        Passes over the training part.
    epochs_name : str
        Parameter that they are.
    going_on : fitted deep estimator or None
        Trained further for so many passes in the estimator's place, at its own learning rate.
    fold : int
        Which samples are held out.
    """

    name: str
    steps: str
    kind: str
    estimator: Any
    parents: tuple[str, ...] = ()
    epochs: int = 0
    epochs_name: str = ""
    going_on: Any = None
    fold: int = 0

    @property
    def work(self) -> float:
        """Passes, at least one: fitting and scoring without a training takes time too."""
        return float(max(self.epochs, 1))

    @property
    def total_epochs(self) -> int:
        """Passes that the estimator's parameters speak of."""
        return int(self.estimator.get_params()[self.epochs_name])

    @property
    def is_shortenable(self) -> bool:
        """Whether fewer passes can be asked for."""
        return bool(self.epochs_name) and self.going_on is None

    def with_epochs(self, epochs: int) -> Recipe:
        """The same with fewer passes."""
        estimator = clone(self.estimator).set_params(**{self.epochs_name: epochs})
        name = f"{self.name}, {epochs} epochs"
        return replace(self, name=name, estimator=estimator, epochs=epochs)

    def on_fold(self, fold: int, model: Any, parent: tuple[Any, ...]) -> Recipe:
        """The same for other samples to be held out.

        Parameters
        ----------
        fold : int
        model : fitted deep estimator
            What came of it; a clone of that trains everything from the data on.
        parent : tuple of fitted deep estimators
            What it is made of, in each fold; empty where that is not at hand.
        """
        swapped = {
            name: FrozenEstimator(parent[fold])
            for name, held in self.estimator.get_params(deep=False).items()
            if parent and isinstance(held, FrozenEstimator) and held.estimator is parent[0]
        }
        estimator = clone(self.estimator).set_params(**swapped) if swapped else clone(model)
        return replace(
            self,
            name=f"{self.name}, fold {fold + 1}",
            kind="fold",
            estimator=estimator,
            going_on=None,
            fold=fold,
        )


class Made(NamedTuple):
    """A fitted model and its figures."""

    model: Any
    accuracy: float
    file_bytes: int | None
    latency_ms: float
    seconds: float
    epoch_seconds: float | None


def made(training: Part, validation: Part, recipe: Recipe) -> Made:
    """A recipe's model, fitted and measured.

    Parameters
    ----------
    training, validation : Part
    recipe : Recipe
    """
    with warnings.catch_warnings():
        # A size that is not reached, and the like: the figures say so.
        warnings.simplefilter("ignore", UserWarning)
        began = time.perf_counter()
        model = _fitted(training, recipe)
        seconds = time.perf_counter() - began
        model = unfrozen(model)
    one = validation.first()
    accuracy = validation.score(model)
    timing = time_calls(lambda: model.predict(one), repeats=_TIMED, warmup=_WARMUP)
    return Made(
        model, accuracy, file_bytes(model), 1e3 * timing.median, seconds, _epoch_seconds(model)
    )


def _fitted(training: Part, recipe: Recipe) -> Any:
    X, y, weight = training
    if recipe.going_on is None:
        return trained_copy(recipe.estimator, X, y, weight)
    model = copy.deepcopy(recipe.going_on)
    model.finetune(X, y, epochs=recipe.epochs, lr=model.lr, sample_weight=weight)
    # A clone is to train as long in all.
    return model.set_params(**{recipe.epochs_name: recipe.total_epochs})


def unfrozen(model: Any) -> Any:
    """Model with an unfitted estimator in the place of what was frozen in its parameters.

    So a clone of it can be fitted on other data, the base too, and does not carry the base along.
    """
    held = model.get_params(deep=False)
    frozen = {n: v.estimator for n, v in held.items() if isinstance(v, FrozenEstimator)}
    inner = {n: v for n, v in held.items() if n not in frozen and hasattr(v, "get_params")}
    if not frozen and not inner:
        return model
    changed = {n: clone(v) for n, v in frozen.items() if hasattr(v, "get_params")}
    changed |= {n: unfrozen(clone(v)) for n, v in inner.items() if hasattr(type(v), "fit")}
    model = model.set_params(**changed)
    report = getattr(model, "packing_report_", None)
    if report is not None:
        after = replace(report.after, size_bytes=model.size_bytes_)
        model.packing_report_ = replace(report, after=after)
    return model


def shell_of(recipe: Recipe) -> Any:
    """Unfitted estimator with the parameters that the model of a recipe has."""
    given = recipe.estimator
    # A clone of what is frozen is that itself, which is not ours to change.
    return unfrozen(clone(given.estimator if isinstance(given, FrozenEstimator) else given))


def with_teacher(model: Any, recipe: Recipe) -> Any:
    """Model from a file, which holds no teacher, with the one of its recipe.

    Parameters
    ----------
    model : fitted deep estimator
    recipe : Recipe
    """
    teacher = getattr(recipe.estimator, "teacher", None)
    if isinstance(teacher, FrozenEstimator):
        model.teacher_ = teacher.estimator
    return model


def _epoch_seconds(model: Any) -> float | None:
    """Seconds of the last pass, where the model tells."""
    history = getattr(model, "history_", None) or []
    seconds = [epoch.get("seconds", epoch.get("dur")) for epoch in history]
    return None if not seconds or seconds[-1] is None else float(seconds[-1])
