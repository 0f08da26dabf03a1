"""What can be searched in a wrapper of this package, with its parameters as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator

from skdeepopt._validation import check_choice, check_integer, check_real
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.meta._base import is_fitted
from skdeepopt.meta._pruning_plan import SCHEDULES
from skdeepopt.meta._quantization_plan import METHODS
from skdeepopt.meta._transfer_checks import classifies
from skdeepopt.meta._transfer_plan import BATCH_NORMS, STRATEGIES
from skdeepopt.pruning._criteria import resolve_criterion
from skdeepopt.pruning._granularity import check_granularity
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.space._parts import (
    decay_part,
    epochs_part,
    rate_part,
    smoothing_part,
    with_present,
)
from skdeepopt.space._values import Choice, Part, Range
from skdeepopt.training._raw_net import is_raw_net

__all__ = [
    "distilled_parts",
    "packed_parts",
    "pruned_parts",
    "quantized_parts",
    "trains",
    "transferred_parts",
]

_RATIOS = {
    "channel": (Range(0.1, 0.9), (0.5, 0.7, 0.85)),
    "block": (Range(0.1, 0.7), (0.3, 0.5, 0.7)),
    "weight": (Range(0.5, 0.99), (0.9, 0.7, 0.97)),
}

_SCOPES = {
    "channel": ("global", "layer", "multiply_adds"),
    "block": ("global", "multiply_adds", "bytes"),
    "weight": ("global", "layer"),
}

_CRITERIA = {
    "channel": ("magnitude", "taylor"),
    "block": ("magnitude", "taylor"),
    "weight": ("magnitude", "lamp", "taylor"),
}

_SCHEMES = {
    "static": ("int8", "int6", "int4"),
    "training": ("int8", "int4", "ternary"),
    "dynamic": ("int8", "int6", "int4"),
    "weight_only": ("int8", "int4", "codebook4", "codebook3"),
}
"""Grids that the method can use: few bits need a training, and codebooks leave the numbers between
the layers in float."""


def pruned_parts(estimator: Any) -> Iterator[Part]:
    """Of a PrunedEstimator; a pattern has a ratio of its own, and rigl trains no further.

    Parameters
    ----------
    estimator : PrunedEstimator
    """
    granularity = estimator.granularity
    check_granularity(granularity, owner=type(estimator).__name__)
    schedule = check_choice(estimator, "schedule", SCHEDULES)
    unit = "weight" if ":" in granularity else granularity
    if unit == granularity and estimator.max_accuracy_drop is None:
        values, grid = _RATIOS[unit]
        yield Part("pruning_ratio", values, grid)
    ranks = schedule not in ("rigl", "variational")
    if ranks and isinstance(estimator.criterion, str):
        yield from _criterion_part(estimator, unit)
    if ranks and unit == granularity:
        scopes = with_present(estimator.scope, _SCOPES[unit])
        yield Part("scope", Choice(scopes), scopes[:2], rank=3)
    if schedule != "rigl" and check_integer(estimator, "finetune_epochs", minimum=0):
        yield epochs_part(estimator, "finetune_epochs")


def quantized_parts(estimator: Any) -> Iterator[Part]:
    """Of a QuantizedEstimator; only training with rounding takes epochs, only ranges calibration.

    Parameters
    ----------
    estimator : QuantizedEstimator
    """
    owner = type(estimator).__name__
    method = check_choice(estimator, "method", METHODS)
    present = resolve_scheme(estimator.scheme, owner=f"{owner}.scheme").name
    schemes = with_present(present, _SCHEMES[method])
    yield Part("scheme", Choice(schemes), (schemes[0], schemes[-1]))
    if method in ("static", "training"):
        calibrations = with_present(estimator.calibration, ("mse", "percentile"))
        yield Part("calibration", Choice(calibrations), calibrations[:2], rank=3)
    if method == "training" and check_integer(estimator, "finetune_epochs", minimum=0):
        yield epochs_part(estimator, "finetune_epochs")


def packed_parts(estimator: Any) -> Iterator[Part]:
    """Of a PackedEstimator; sizes around one bit a parameter, where their number is known.

    Parameters
    ----------
    estimator : PackedEstimator
    """
    if estimator.max_accuracy_drop is None:
        yield from _target_part(estimator)
    share = check_real(estimator, "distillation")
    yield Part("distillation", Range(0.0, 0.9), (share, 0.0 if share else 0.5), rank=2)
    yield epochs_part(estimator, "finetune_epochs")


def transferred_parts(estimator: Any) -> Iterator[Part]:
    """Of a TransferEstimator; on features that are computed once, only their batch norms matter.

    Parameters
    ----------
    estimator : TransferEstimator
    """
    check_choice(estimator, "strategy", STRATEGIES)
    norm = check_choice(estimator, "batch_norm", BATCH_NORMS)
    if not trains(estimator):
        # Nothing follows the batches there, so that to adapt is to estimate.
        norms = with_present(norm, ("keep", "adapt" if norm == "keep" else norm))
        yield Part("batch_norm", Choice(norms), norms)
        return
    yield rate_part(estimator)
    yield decay_part(estimator)
    yield Part("rate_decay", Range(0.5, 1.0), (1.0, 0.8), rank=1)
    yield Part("l2_sp", Range(1e-4, 1e-1, log=True), rank=3)
    norms = with_present(norm, ("adapt", "estimate", "keep"))
    yield Part("batch_norm", Choice(norms), norms, rank=2)
    if classifies(estimator.head):
        yield smoothing_part(estimator)


def trains(estimator: Any) -> bool:
    """Whether an estimator of this package trains a network, and not only a head.

    Parameters
    ----------
    estimator : deep estimator
    """
    return getattr(estimator, "strategy", None) != "features"


def distilled_parts(estimator: Any) -> Iterator[Part]:
    """Of a DistilledEstimator; epochs only for a student that is fitted before it is taught.

    Parameters
    ----------
    estimator : DistilledEstimator
    """
    alpha = check_real(estimator, "alpha")
    yield Part("alpha", Range(0.1, 0.9), with_present(alpha, (0.5, 0.9))[:3])
    if is_classifier(estimator):
        heat = check_real(estimator, "temperature", inclusive=False)
        yield Part("temperature", Range(1.0, 10.0, log=True), with_present(heat, (4.0, 2.0))[:2], 1)
    if estimator.finetune_epochs and not isinstance(estimator.estimator, DeepEstimator):
        yield epochs_part(estimator, "finetune_epochs")


def _criterion_part(estimator: Any, unit: str) -> Iterator[Part]:
    resolve_criterion(estimator.criterion, owner=type(estimator).__name__)
    criteria = with_present(estimator.criterion, _CRITERIA[unit])
    if not estimator.finetune_epochs:
        criteria = tuple(name for name in criteria if not resolve_criterion(name).needs_gradient)
    if len(criteria) > 1:
        yield Part("criterion", Choice(criteria), criteria[:2], rank=2)


def _target_part(estimator: Any) -> Iterator[Part]:
    """Half to twice the size that the base would be packed to."""
    base = estimator.estimator
    if estimator.target_bytes is not None:
        described, target = 0, check_integer(estimator, "target_bytes")
    elif isinstance(base, FrozenEstimator) and _is_ours(base.estimator):
        described = estimator._plan().least_bytes(base.estimator)
        target = estimator._first_target(base.estimator)
    else:
        return
    low, high = (described + max(1, round(share * (target - described))) for share in (0.5, 2.0))
    if low < high:
        yield Part("target_bytes", Range(low, high, log=True, integer=True), (target, low, high))


def _is_ours(model: Any) -> bool:
    """Whether a fitted estimator has a file, whose size can be known."""
    return not is_raw_net(model) and is_fitted(model)
