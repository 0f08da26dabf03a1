"""What a packing display shows, read from fitted estimators and searches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    from skdeepopt.packing._report import PackedLayer, PackingReport

__all__ = ["points_of", "points_of_search"]

_WRAPPER = Wrapper("PackedEstimator", report="packing_report_", parameter="target_bytes")

_DENSE = None
"""Target of the dense network."""


def points_of(estimators: Sequence[Any], *, owner: str) -> Points:
    """Arguments of a display of fitted estimators, packed from networks of one shape.

    Parameters
    ----------
    estimators : sequence of PackedEstimator
        Or pipelines that end in one.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        None at all, one that is not fitted or not packed, or reports that do not compare.
    """
    packed = _WRAPPER.all_inside(estimators, owner=owner)
    reports = [estimator.packing_report_ for estimator in packed]
    check_alike([_way(report) for report in reports], owner=owner)
    seen = gathered([_points(report) for report in reports])
    targets = [target for target in seen if any(size for _, size in seen[target])]
    targets.sort(key=lambda target: math.inf if target is _DENSE else target)
    return {
        "targets": targets,
        **averaged([seen[target] for target in targets]),
        **_layers(reports),
        "score_name": f"{reports[0].metric} on {reports[0].scored_on}",
        **kept_within(packed, reports[0], lambda: targets.index(_taken(reports[0]))),
    }


def points_of_search(search: Any, *, owner: str) -> Points:
    """Arguments of a display of a fitted search over ``target_bytes``.

    Parameters
    ----------
    search : GridSearchCV, RandomizedSearchCV, BayesSearchCV, …
        A candidate without a target is shown only where it is the best.
    owner : str

    Raises
    ------
    NotFittedError, TypeError, ValueError
        It searched something else, or kept no best estimator.
    """
    best = _WRAPPER.inside(best_estimator(search, owner=owner), owner=owner)
    report: PackingReport = best.packing_report_
    chosen = report.target_bytes if best.target_bytes is None else int(best.target_bytes)
    _, asked = searched(search, _WRAPPER.parameter, owner=owner)
    keys = [None if target is None else int(target) for target in asked]
    tried = best_tried(search, [chosen if key == best.target_bytes else key for key in keys])
    targets = sorted(target for target in tried if target is not None)
    return {
        "targets": targets,
        "size_bytes": targets,
        "scores": [tried[target][0] for target in targets],
        "deviations": [tried[target][1] for target in targets],
        **_layers([report]),
        "score_name": f"{metric_name(search, report.metric)} on validation data",
        "size_name": "model file asked for",
        "chosen": targets.index(chosen),
    }


def _way(report: PackingReport) -> dict[str, object]:
    return {
        "score": f"{report.metric} on {report.scored_on}",
        "layers": [layer.name for layer in report.layers],
        "number of parameters": report.before.n_parameters,
    }


def _points(report: PackingReport) -> dict[int | None, Point]:
    """By target; a budget's end is one of its trials, or the dense network."""
    before, after = report.before, report.after
    dense: dict[int | None, Point] = {_DENSE: (before.score, before.size_bytes)}
    if report.trials:
        return dense | {
            trial.target_bytes: (trial.score, trial.size_bytes) for trial in report.trials
        }
    return dense | {report.target_bytes: (after.score, after.size_bytes)}


def _layers(reports: Sequence[PackingReport]) -> Points:
    """Bytes and bits a weight of each layer at each target, the mean over its reports."""
    sizes: dict[int, dict[str, list[float]]] = {}
    bits: dict[int, dict[str, list[float]]] = {}
    for report in sorted(reports, key=lambda report: report.target_bytes):
        for layer in report.layers:
            for found, value in ((sizes, layer.bits / 8), (bits, _bits_a_weight(layer))):
                at_target = found.setdefault(report.target_bytes, {})
                at_target.setdefault(layer.name, []).append(value)
    return {"layer_bytes": _means(sizes), "layer_bits": _means(bits)}


def _means(found: Mapping[int, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, float]]:
    return {
        f"{target:,} bytes": {name: fmean(values) for name, values in layers.items()}
        for target, layers in found.items()
    }


def _bits_a_weight(layer: PackedLayer) -> float:
    return layer.bits / max(1, math.prod(layer.shape_before))


def _taken(report: PackingReport) -> int | None:
    """Target of the last trial that became the network; the dense one where none did."""
    size = report.after.size_bytes
    taken = [t.target_bytes for t in report.trials if t.fits and t.size_bytes == size]
    return taken[-1] if taken else _DENSE
