"""What a pruning display shows, read from fitted estimators and searches."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from skdeepopt.report._fitted import (
    Point,
    Points,
    Wrapper,
    averaged,
    best_estimator,
    best_tried,
    check_alike,
    gathered,
    kept_within,
    metric_name,
    searched,
)

if TYPE_CHECKING:
    from skdeepopt.pruning._report import PruningReport

__all__ = ["points_of", "points_of_search"]

_WRAPPER = Wrapper("PrunedEstimator", report="pruning_report_", parameter="pruning_ratio")


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
    pruned = _WRAPPER.all_inside(estimators, owner=owner)
    reports = [estimator.pruning_report_ for estimator in pruned]
    check_alike([_way(report) for report in reports], owner=owner)
    seen = gathered([_points(report) for report in reports])
    ratios = sorted(seen)
    return {
        "ratios": ratios,
        **averaged([seen[ratio] for ratio in ratios]),
        "kept_shares": _kept_shares(reports),
        "score_name": f"{reports[0].metric} on {reports[0].scored_on}",
        **_words(reports[0]),
        **kept_within(pruned, reports[0], lambda: reports[0].ratio),
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
    best = _WRAPPER.inside(best_estimator(search, owner=owner), owner=owner)
    report: PruningReport = best.pruning_report_
    _, tried_ratios = searched(search, _WRAPPER.parameter, owner=owner)
    tried = best_tried(search, [float(ratio) for ratio in tried_ratios])
    chosen = float(best.pruning_ratio_)
    sizes = {0.0: report.before.size_bytes, chosen: report.after.size_bytes}
    ratios = sorted({*tried, *sizes})
    return {
        "ratios": ratios,
        "scores": [tried[ratio][0] if ratio in tried else None for ratio in ratios],
        "deviations": [tried[ratio][1] if ratio in tried else None for ratio in ratios],
        "size_bytes": [sizes.get(ratio) for ratio in ratios],
        "kept_shares": _kept_shares([report]),
        "score_name": f"{metric_name(search, report.metric)} on validation data",
        "chosen": chosen,
        **_words(report),
    }


def _way(report: PruningReport) -> dict[str, object]:
    return {
        "granularity": report.granularity,
        "scope": report.scope,
        "score": f"{report.metric} on {report.scored_on}",
        "layers": [layer.name for layer in report.layers],
    }


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
