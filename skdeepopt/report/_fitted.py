"""What displays read of fitted estimators and of searches."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, TypeAlias, TypeVar

import numpy as np
from sklearn.exceptions import NotFittedError

__all__ = [
    "Point",
    "Points",
    "Wrapper",
    "averaged",
    "best_estimator",
    "best_tried",
    "check_alike",
    "gathered",
    "kept_within",
    "metric_name",
    "searched",
    "values_of",
]

Key = TypeVar("Key", bound=Hashable)

Point: TypeAlias = tuple[float | None, int | None]
"""Score and bytes of the file of one network; None is unknown."""

Points: TypeAlias = dict[str, Any]
"""Arguments of a display."""


@dataclass(frozen=True)
class Wrapper:
    """A kind of fitted wrapper that a display is made of.

    Parameters
    ----------
    kind : str
        Its class.
    report : str
        Attribute that it has once it is fitted.
    parameter : str
        That it has before, and that a search of it is over.
    """

    kind: str
    report: str
    parameter: str

    def inside(self, estimator: Any, *, owner: str) -> Any:
        """The fitted wrapper itself, or the last step of a pipeline.

        Parameters
        ----------
        estimator : object
        owner : str
            Who asks; opens every message.

        Raises
        ------
        NotFittedError, TypeError
            It is not fitted, or something else.
        """
        inner = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        if hasattr(inner, self.report):
            return inner
        if hasattr(inner, self.parameter):
            raise NotFittedError(
                f"{owner} takes a fitted estimator, and this {type(inner).__name__} is not fitted "
                "yet. Call fit first."
            )
        raise TypeError(
            f"{owner} takes a fitted {self.kind}, a pipeline that ends in one, or a search over "
            f"its {self.parameter}, not {inner!r}."
        )

    def all_inside(self, estimators: Sequence[Any], *, owner: str) -> list[Any]:
        """The fitted wrappers of several estimators.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            One is not fitted, or something else; there is none at all.
        """
        wrappers = [self.inside(estimator, owner=owner) for estimator in estimators]
        if not wrappers:
            raise ValueError(f"{owner} takes at least one fitted {self.kind}, not none.")
        return wrappers


def best_estimator(search: Any, *, owner: str) -> Any:
    """The estimator that a search fitted at last.

    Raises
    ------
    ValueError
        It kept none.
    """
    if not hasattr(search, "best_estimator_"):
        raise ValueError(
            f"{owner} takes a search with a best_estimator_, not one with refit={search.refit!r}. "
            "Did you mean refit=True?"
        )
    return search.best_estimator_


def searched(search: Any, parameter: str, *, owner: str) -> tuple[str, list[Any]]:
    """Name of a searched parameter, with its steps, and its value in each candidate.

    Parameters
    ----------
    search : fitted search
    parameter : str
        Without the steps that it belongs to.
    owner : str

    Raises
    ------
    ValueError
        The search was over other parameters.
    """
    columns = [name for name in search.cv_results_ if name.startswith("param_")]
    names = [name.removeprefix("param_") for name in columns]
    found = [name for name in names if name.split("__")[-1] == parameter]
    if not found:
        raise ValueError(
            f"{owner} takes a search over {parameter}, not over {', '.join(search.best_params_)}."
        )
    return found[0], values_of(search, found[0])


def values_of(search: Any, name: str) -> list[Any]:
    """A searched parameter's value in each candidate; the estimator's own where it was not set."""
    return [
        search.estimator.get_params()[name] if value is np.ma.masked else value
        for value in search.cv_results_[f"param_{name}"]
    ]


def best_tried(search: Any, keys: Sequence[Key]) -> dict[Key, tuple[float, float]]:
    """Mean score and deviation over splits of the best of the candidates with one key.

    Parameters
    ----------
    search : fitted search
    keys : sequence of hashable
        One a candidate.
    """
    refit = search.refit if isinstance(search.refit, str) else "score"
    means, deviations = (search.cv_results_[f"{part}_test_{refit}"] for part in ("mean", "std"))
    tried: dict[Key, tuple[float, float]] = {}
    for key, mean, deviation in zip(keys, means, deviations, strict=True):
        # A candidate whose fit failed has no score, which compares as False.
        if mean > tried.get(key, (float("-inf"), 0.0))[0]:
            tried[key] = float(mean), float(deviation)
    return tried


def metric_name(search: Any, default: str) -> str:
    """What a search scored by; `default` is the estimator's own metric."""
    if isinstance(search.refit, str):
        return search.refit.replace("_", " ")
    if isinstance(search.scoring, str):
        return search.scoring.replace("_", " ")
    return "score" if callable(search.scoring) else default


def check_alike(ways: Sequence[Mapping[str, object]], *, owner: str) -> None:
    """Refuse estimators that differ in what has to be the same.

    Parameters
    ----------
    ways : sequence of mapping of str to object
        What has to be the same, for each estimator.
    owner : str

    Raises
    ------
    ValueError
        Two differ.
    """
    for way in ways[1:]:
        for name, value in way.items():
            if value != ways[0][name]:
                raise ValueError(
                    f"{owner} takes estimators with one {name}, not {ways[0][name]!r} and "
                    f"{value!r}. Did you mean a display for each?"
                )


def gathered(tables: Sequence[Mapping[Key, Point]]) -> dict[Key, list[Point]]:
    """Points of all tables under their keys, in the order of the first that has a key."""
    found: dict[Key, list[Point]] = {}
    for table in tables:
        for key, point in table.items():
            found.setdefault(key, []).append(point)
    return found


def averaged(groups: Sequence[Sequence[Point]]) -> dict[str, list[float | None]]:
    """Means of the known scores and sizes of each group, and the deviations of the scores."""
    scores = [[score for score, _ in group if score is not None] for group in groups]
    sizes = [[size for _, size in group if size is not None] for group in groups]
    return {
        "scores": [fmean(values) if values else None for values in scores],
        "deviations": [stdev(values) if len(values) > 1 else None for values in scores],
        "size_bytes": [fmean(values) if values else None for values in sizes],
    }


def kept_within(wrappers: Sequence[Any], report: Any, chosen: Callable[[], object]) -> Points:
    """Which of those that a budget of accuracy tried was taken, and the score that it had to reach.

    Parameters
    ----------
    wrappers : sequence of fitted estimators
    report : PruningReport, QuantizationReport or PackingReport
        Of the first.
    chosen : callable
        Says which was taken.

    Returns
    -------
    points : dict
        Empty where there are several wrappers, or was no budget.
    """
    if len(wrappers) > 1 or not report.trials or report.before.score is None:
        return {}
    lowest = report.before.score - wrappers[0].max_accuracy_drop
    return {"chosen": chosen(), "lowest_score": lowest}
