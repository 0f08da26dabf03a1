"""What a Pareto display shows, read from searches and from an AutoOptimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skdeepopt._validation import did_you_mean
from skdeepopt.measurement._scorers import COST_SCORERS
from skdeepopt.report._fitted import Points
from skdeepopt.search._highest import highest_rows
from skdeepopt.search._within import CheapestWithin

__all__ = ["points_of_optimizer", "points_of_search"]

_PREFIX = "mean_test_"

_COSTS = {"neg_model_bytes": "file_bytes", "neg_latency_ms": "latency_ms"}
"""Costs whose unit is known, by the metric."""

_FIGURES = ("file_bytes", "latency_ms", "train_seconds")


def points_of_search(search: Any, *, x: str, y: str | None, owner: str) -> Points:
    """Arguments of a display of a fitted search with several metrics.

    Parameters
    ----------
    search : GridSearchCV, RandomizedSearchCV, BayesSearchCV, …
    x, y : str
        Metrics of the cost and of the score; None is the only one that is no cost.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        It is not fitted or something else; it lacks a metric; or `x` is no cost.
    """
    results = _results(search, owner=owner)
    metrics = [name.removeprefix(_PREFIX) for name in results if name.startswith(_PREFIX)]
    score = _score_name(metrics, x, y, owner=owner)
    costs = -np.asarray(results[_PREFIX + x], dtype=np.float64)
    if (costs < 0).any():
        raise ValueError(
            f"{owner}.x is a cost with its sign turned, such as 'neg_model_bytes', so at most 0, "
            f"and {x!r} is above. Did you mean y={x!r}?"
        )
    rows = _longest(results)
    scores = np.asarray(results[_PREFIX + score], dtype=np.float64)
    best = getattr(search, "best_index_", None)
    return {
        "costs": costs[rows],
        "scores": scores[rows],
        "deviations": np.asarray(results[f"std_test_{score}"], dtype=np.float64)[rows],
        "chosen": rows.index(best) if best in rows else None,
        "lowest_score": _lowest(search, score, scores[rows]),
        "cost_name": _COSTS.get(x, x.removeprefix("neg_").replace("_", " ")),
        "score_name": f"{score.replace('_', ' ')} on validation data",
    }


def points_of_optimizer(auto: Any, *, x: str, owner: str) -> Points:
    """Arguments of a display of a fitted AutoOptimizer.

    Parameters
    ----------
    auto : AutoOptimizer
    x : {"file_bytes", "latency_ms", "train_seconds"}
    owner : str

    Raises
    ------
    NotFittedError, TypeError, ValueError
        It is not fitted, or something else; or there is no such cost.
    """
    if not hasattr(type(auto), "trials_frame_") and not hasattr(auto, "trials_frame_"):
        slip = " Did you mean from_search?" if hasattr(auto, "cv_results_") else ""
        raise TypeError(f"{owner} takes a fitted AutoOptimizer, not {auto!r}.{slip}")
    if x not in _FIGURES:
        raise ValueError(
            f"{owner}.x is one of {', '.join(map(repr, _FIGURES))}, not {x!r}."
            f"{did_you_mean(x, _FIGURES)}"
        )
    check_is_fitted(auto)
    frame = auto.trials_frame_
    chosen = np.flatnonzero(frame["chosen"].to_numpy(dtype=bool))
    metric = "R2" if is_regressor(auto) else "accuracy"
    return {
        "costs": frame[x].to_numpy(dtype=np.float64, na_value=np.nan),
        "scores": frame["accuracy"].to_numpy(dtype=np.float64, na_value=np.nan),
        "names": list(frame["name"]),
        "chosen": int(chosen[0]) if len(chosen) else None,
        "lowest_score": _lowest_of_optimizer(auto),
        "cost_name": x,
        "score_name": f"{metric} on validation data",
    }


def _results(search: Any, *, owner: str) -> Mapping[str, Any]:
    if hasattr(search, "cv_results_"):
        results: Mapping[str, Any] = search.cv_results_
        return results
    if hasattr(search, "scoring") and hasattr(search, "cv"):
        raise NotFittedError(
            f"{owner} takes a fitted search, and this {type(search).__name__} is not fitted yet. "
            f"Call fit first."
        )
    slip = " Did you mean from_optimizer?" if hasattr(type(search), "trials_frame_") else ""
    raise TypeError(f"{owner} takes a fitted search, not {search!r}.{slip}")


def _score_name(metrics: Sequence[str], x: str, y: str | None, *, owner: str) -> str:
    listed = ", ".join(map(repr, metrics))
    if x not in metrics:
        raise ValueError(
            f"{owner}.x is a metric of the search, one of {listed}, not {x!r}."
            f"{did_you_mean(x, metrics)} A search has it with "
            f"scoring={[y or 'accuracy', x]!r}."
        )
    others = [name for name in metrics if name != x and name not in COST_SCORERS]
    if y is None and len(others) == 1:
        return others[0]
    if y is None or y not in metrics:
        raise ValueError(
            f"{owner}.y is one of {', '.join(map(repr, others)) or 'no metrics'}, not {y!r}."
            f"{did_you_mean(y, others)}"
        )
    return y


def _longest(results: Mapping[str, Any]) -> list[int]:
    """Rows that compare with each other: a short training is none of the candidate's own."""
    if "resource" in results and "failure" in results:
        return [int(row) for row in highest_rows(dict(results))]
    return list(range(len(results["params"])))


def _lowest(search: Any, score: str, scores: np.ndarray) -> float | None:
    """Score that the search's own choice asked for."""
    choice = getattr(search, "refit", None)
    if not isinstance(choice, CheapestWithin) or choice.metric not in (None, score):
        return None
    return float(np.nanmax(scores)) - choice.max_drop


def _lowest_of_optimizer(auto: Any) -> float | None:
    baseline = getattr(auto, "baseline_", None)
    if not isinstance(baseline, Mapping):
        return None
    return float(baseline["accuracy"]) - float(auto.max_accuracy_drop)
