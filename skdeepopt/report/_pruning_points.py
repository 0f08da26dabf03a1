"""What a pruning display shows, read from fitted estimators and searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import NotFittedError

if TYPE_CHECKING:
    from skdeepopt.pruning._report import PruningReport

__all__ = ["points_of", "points_of_search"]

Points = dict[str, Any]
"""Arguments of PruningDisplay."""

Point = tuple[float | None, int | None]
"""Score and bytes of the file at one ratio; None is unknown."""

_PARAMETER = "pruning_ratio"


def points_of(estimators: Sequence[Any], *, owner: str) -> Points:
    """Arguments of a display of fitted estimators, all pruned in one way.

    Parameters
    ----------
    estimators : sequence of PrunedEstimator
        Or pipelines that end in one.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        None at all, one that is not fitted or not pruned, or reports that do not compare.
    """
    pruned = [_pruned(estimator, owner=owner) for estimator in estimators]
    if not pruned:
        raise ValueError(f"{owner} takes at least one fitted PrunedEstimator, not none.")
    reports = [estimator.pruning_report_ for estimator in pruned]
    _check_one_way(reports, owner=owner)
    seen: dict[float, list[Point]] = {}
    for report in reports:
        for ratio, point in _points(report).items():
            seen.setdefault(ratio, []).append(point)
    ratios = sorted(seen)
    scores = [[score for score, _ in seen[ratio] if score is not None] for ratio in ratios]
    sizes = [[size for _, size in seen[ratio] if size is not None] for ratio in ratios]
    return {
        "ratios": ratios,
        "scores": [fmean(values) if values else None for values in scores],
        "deviations": [stdev(values) if len(values) > 1 else None for values in scores],
        "size_bytes": [fmean(values) if values else None for values in sizes],
        "kept_shares": _kept_shares(reports),
        "score_name": f"{reports[0].metric} on {reports[0].scored_on}",
        **_words(reports[0]),
        **_budget(pruned),
    }


def points_of_search(search: Any, *, owner: str) -> Points:
    """Arguments of a display of a fitted search over ``pruning_ratio``.

    Parameters
    ----------
    search : GridSearchCV, RandomizedSearchCV, BayesSearchCV, …
    owner : str

    Raises
    ------
    NotFittedError, TypeError, ValueError
        It searched something else, or kept no best estimator.
    """
    if not hasattr(search, "best_estimator_"):
        raise ValueError(
            f"{owner} takes a search with a best_estimator_, not one with refit={search.refit!r}. "
            "Did you mean refit=True?"
        )
    best = _pruned(search.best_estimator_, owner=owner)
    report: PruningReport = best.pruning_report_
    tried = _tried(search, owner=owner)
    chosen = float(best.pruning_ratio_)
    sizes = {0.0: report.before.size_bytes, chosen: report.after.size_bytes}
    ratios = sorted({*tried, *sizes})
    return {
        "ratios": ratios,
        "scores": [tried[ratio][0] if ratio in tried else None for ratio in ratios],
        "deviations": [tried[ratio][1] if ratio in tried else None for ratio in ratios],
        "size_bytes": [sizes.get(ratio) for ratio in ratios],
        "kept_shares": _kept_shares([report]),
        "score_name": f"{_metric(search, report)} on validation data",
        "chosen": chosen,
        **_words(report),
    }


def _tried(search: Any, *, owner: str) -> dict[float, tuple[float, float]]:
    """Mean score and deviation over splits of the best candidate at each ratio."""
    results = search.cv_results_
    names = [name for name in results if name.startswith("param_") and name.endswith(_PARAMETER)]
    if not names:
        searched = ", ".join(name.removeprefix("param_") for name in search.best_params_)
        raise ValueError(f"{owner} takes a search over {_PARAMETER}, not over {searched}.")
    refit = search.refit if isinstance(search.refit, str) else "score"
    means, deviations = (results[f"{part}_test_{refit}"] for part in ("mean", "std"))
    tried: dict[float, tuple[float, float]] = {}
    for ratio, mean, deviation in zip(results[names[0]], means, deviations, strict=True):
        # A candidate whose fit failed has no score, which compares as False.
        if mean > tried.get(float(ratio), (float("-inf"), 0.0))[0]:
            tried[float(ratio)] = float(mean), float(deviation)
    return tried


def _pruned(estimator: Any, *, owner: str) -> Any:
    """The pruned estimator, or the last step of a pipeline."""
    inner = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if hasattr(inner, "pruning_report_"):
        return inner
    if hasattr(inner, _PARAMETER):
        raise NotFittedError(
            f"{owner} takes a fitted estimator, and this {type(inner).__name__} is not fitted yet. "
            "Call fit first."
        )
    raise TypeError(
        f"{owner} takes a fitted PrunedEstimator, a pipeline that ends in one, or a search over "
        f"its {_PARAMETER}, not {inner!r}."
    )


def _check_one_way(reports: Sequence[PruningReport], *, owner: str) -> None:
    ways = [
        {
            "granularity": report.granularity,
            "scope": report.scope,
            "score": f"{report.metric} on {report.scored_on}",
            "layers": [layer.name for layer in report.layers],
        }
        for report in reports
    ]
    for way in ways[1:]:
        for name, value in way.items():
            if value != ways[0][name]:
                raise ValueError(
                    f"{owner} takes estimators with one {name}, not {ways[0][name]!r} and "
                    f"{value!r}. Did you mean a display for each?"
                )


def _points(report: PruningReport) -> dict[float, Point]:
    trials = {trial.ratio: (trial.score, trial.size_bytes) for trial in report.trials}
    before, after = report.before, report.after
    ends: dict[float, Point] = {
        report.ratio: (after.score, after.size_bytes),
        0.0: (before.score, before.size_bytes),
    }
    return {**trials, **ends}


def _kept_shares(reports: Sequence[PruningReport]) -> dict[float, dict[str, float]]:
    """Of each layer at each ratio, the mean over the reports of that ratio."""
    shares: dict[float, dict[str, list[float]]] = {}
    for report in reports:
        at_ratio = shares.setdefault(report.ratio, {})
        for layer in report.layers:
            at_ratio.setdefault(layer.name, []).append(layer.kept / layer.total)
    return {
        ratio: {name: fmean(values) for name, values in shares[ratio].items()}
        for ratio in sorted(shares)
    }


def _words(report: PruningReport) -> dict[str, str]:
    unit = report.layers[0].unit if report.layers else "units"
    what = {"global": unit, "layer": f"each layer's {unit}", "multiply_adds": "multiply-adds"}
    return {
        "ratio_name": f"ratio of {what.get(report.scope, report.scope)} removed",
        "kept_name": f"{unit} kept",
    }


def _budget(pruned: Sequence[Any]) -> Mapping[str, float]:
    """Which of the tried ratios was taken, and the score that it had to reach."""
    report: PruningReport = pruned[0].pruning_report_
    if len(pruned) > 1 or not report.trials or report.before.score is None:
        return {}
    return {
        "chosen": report.ratio,
        "lowest_score": report.before.score - pruned[0].max_accuracy_drop,
    }


def _metric(search: Any, report: PruningReport) -> str:
    if isinstance(search.refit, str):
        return search.refit.replace("_", " ")
    if isinstance(search.scoring, str):
        return search.scoring.replace("_", " ")
    return "score" if callable(search.scoring) else report.metric
