"""What a quantization display shows, read from fitted estimators and searches."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from skdeepopt.quantization._scheme import resolve_scheme
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
    values_of,
)

if TYPE_CHECKING:
    from skdeepopt.quantization._report import QuantizationReport

__all__ = ["mean_bits", "points_of", "points_of_search"]

_WRAPPER = Wrapper("QuantizedEstimator", report="quantization_report_", parameter="scheme")


class _Network(NamedTuple):
    """One point of a display; the dense network has no method."""

    bits: float
    scheme: str
    method: str


_DENSE = _Network(32.0, "float32", "")


def points_of(estimators: Sequence[Any], *, owner: str) -> Points:
    """Arguments of a display of fitted estimators, quantized from networks of one shape.

    Parameters
    ----------
    estimators : sequence of QuantizedEstimator
        Or pipelines that end in one.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        None at all, one that is not fitted or not quantized, or reports that do not compare.
    """
    quantized = _WRAPPER.all_inside(estimators, owner=owner)
    reports = [estimator.quantization_report_ for estimator in quantized]
    check_alike([_way(report) for report in reports], owner=owner)
    seen = gathered([_points(report) for report in reports])
    networks = sorted(seen)
    return {
        **_axis(networks),
        **averaged([seen[network] for network in networks]),
        **_layers([(_network(report), report) for report in reports]),
        "score_name": f"{reports[0].metric} on {reports[0].scored_on}",
        **kept_within(quantized, reports[0], lambda: networks.index(_network(reports[0]))),
    }


def points_of_search(search: Any, *, owner: str) -> Points:
    """Arguments of a display of a fitted search over ``scheme``.

    Parameters
    ----------
    search : GridSearchCV, RandomizedSearchCV, BayesSearchCV, …
        Over ``method`` besides, or not.
    owner : str

    Raises
    ------
    NotFittedError, TypeError, ValueError
        It searched something else, or kept no best estimator.
    """
    best = _WRAPPER.inside(best_estimator(search, owner=owner), owner=owner)
    report: QuantizationReport = best.quantization_report_
    tried = _tried(search, best, owner=owner)
    chosen = _known(mean_bits(report), best.scheme, best.method)
    sizes = {chosen: report.after.size_bytes, _DENSE: report.before.size_bytes}
    networks = sorted({*tried, *sizes})
    return {
        **_axis(networks),
        "scores": [tried[network][0] if network in tried else None for network in networks],
        "deviations": [tried[network][1] if network in tried else None for network in networks],
        "size_bytes": [sizes.get(network) for network in networks],
        **_layers([(chosen, report)]),
        "score_name": f"{metric_name(search, report.metric)} on validation data",
        "chosen": networks.index(chosen),
    }


def mean_bits(report: QuantizationReport, in_float: Sequence[str] | None = None) -> float:
    """Bits of a weight, on average over the layers' weights.

    Parameters
    ----------
    report : QuantizationReport
    in_float : sequence of str or None, default=None
        Layers that stayed in float, the others having the scheme of the report; None takes each
        layer as the report has it.
    """
    scheme_bits = resolve_scheme(report.scheme, owner="QuantizationReport.scheme").bits
    total = sum(layer.n_weights for layer in report.layers)
    if not total:
        return float(scheme_bits)
    bits = 0
    for layer in report.layers:
        rounded = layer.bits if in_float is None else scheme_bits
        bits += layer.n_weights * (32 if layer.name in (in_float or ()) else rounded)
    return bits / total


def _tried(search: Any, best: Any, *, owner: str) -> dict[_Network, tuple[float, float]]:
    """Best candidate of each scheme and method; the one chosen at the bits that it took."""
    name, schemes = searched(search, _WRAPPER.parameter, owner=owner)
    method = f"{name.removesuffix(_WRAPPER.parameter)}method"
    is_searched = f"param_{method}" in search.cv_results_
    methods = values_of(search, method) if is_searched else [best.method] * len(schemes)
    keys = [(str(scheme), str(way)) for scheme, way in zip(schemes, methods, strict=True)]
    tried: dict[_Network, tuple[float, float]] = {}
    for (scheme, way), scored in best_tried(search, keys).items():
        is_best = (scheme, way) == (best.scheme, best.method)
        bits = (
            mean_bits(best.quantization_report_)
            if is_best
            else resolve_scheme(scheme, owner=owner).bits
        )
        network = _known(bits, scheme, way)
        tried[network] = max(scored, tried.get(network, scored))
    return tried


def _way(report: QuantizationReport) -> dict[str, object]:
    return {
        "score": f"{report.metric} on {report.scored_on}",
        "layers": [layer.name for layer in report.layers],
        "number of weights": sum(layer.n_weights for layer in report.layers),
    }


def _known(bits: float, scheme: str, method: str) -> _Network:
    return _DENSE if scheme == _DENSE.scheme else _Network(float(bits), scheme, method)


def _network(report: QuantizationReport) -> _Network:
    return _known(mean_bits(report), report.scheme, report.method)


def _points(report: QuantizationReport) -> dict[_Network, Point]:
    trials: dict[_Network, Point] = {
        _known(mean_bits(report, trial.in_float), report.scheme, report.method): (trial.score, None)
        for trial in report.trials
    }
    before, after = report.before, report.after
    ends: dict[_Network, Point] = {
        _network(report): (after.score, after.size_bytes),
        _DENSE: (before.score, before.size_bytes),
    }
    return {**trials, **ends}


def _axis(networks: Sequence[_Network]) -> Points:
    return {
        "bits": [network.bits for network in networks],
        "schemes": [network.scheme for network in networks],
        "methods": [network.method for network in networks],
    }


def _layers(quantized: Sequence[tuple[_Network, QuantizationReport]]) -> Points:
    """Error of each layer of each network, the mean over its reports; and the layers' schemes."""
    errors: dict[_Network, dict[str, list[float]]] = {}
    schemes: dict[str, list[str]] = {}
    for network, report in quantized:
        of_network = errors.setdefault(network, {})
        for layer in report.layers:
            of_network.setdefault(layer.name, []).append(layer.error)
            schemes.setdefault(layer.name, []).append(layer.scheme)
    names = _names(sorted(errors))
    return {
        "errors": {
            names[network]: {name: fmean(values) for name, values in errors[network].items()}
            for network in names
        },
        "layer_schemes": {name: "/".join(dict.fromkeys(used)) for name, used in schemes.items()},
    }


def _names(networks: Sequence[_Network]) -> dict[_Network, str]:
    """Name of each network: its scheme, with its method and its bits where others share it."""
    names = {network: network.scheme for network in networks}
    for part in (lambda n: n.method.replace("_", " "), lambda n: f"{n.bits:.6g} bits"):
        taken = list(names.values())
        names = {
            network: name if taken.count(name) == 1 else f"{name}, {part(network)}"
            for network, name in names.items()
        }
    return names
