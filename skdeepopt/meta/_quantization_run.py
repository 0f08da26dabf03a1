"""One quantization, from a trained network to a quantized one and the report on it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples

from skdeepopt.engines import Engine, TorchEngine
from skdeepopt.layers._weighted import check_finite, weight_layers
from skdeepopt.measurement._measure import first_rows
from skdeepopt.meta._budget import least
from skdeepopt.meta._figures import file_bytes
from skdeepopt.meta._quantization_figures import (
    Latencies,
    agreement,
    layer_rows,
    timed_batches,
)
from skdeepopt.meta._quantization_plan import QuantizationPlan, Quantized, engine_name
from skdeepopt.quantization._network import Quantization
from skdeepopt.quantization._report import (
    QuantizationReport,
    QuantizationTrial,
    QuantizedFigures,
)

__all__ = ["QuantizationRun"]

_MOST_SCORED = 2_000
"""Training samples that a report scores on."""

_MOST_TIMED = 1024

_SLOWER = 1.25
_WORTH_MS = 0.5
"""Factor, and milliseconds a batch, by which integers have to be slower than float32 in the same
engine to be given up: more than two timings of one network differ by."""


@dataclass
class QuantizationRun:
    """Quantizes copies of a trained estimator.

    Parameters
    ----------
    plan : QuantizationPlan
    dense : fitted deep estimator
    training : tuple of X, y, sample_weight
    inputs : Tensor of shape (n_samples, ...)
        To calibrate on.
    unseen : tuple of X, y, or None
        To score on; None is the first of the training data.
    fallback : bool
    """

    plan: QuantizationPlan
    dense: Any
    training: tuple[Any, Any, Any]
    inputs: Any
    unseen: tuple[Any, Any] | None
    fallback: bool
    fallbacks: list[str] = field(default_factory=list)
    trials: list[QuantizationTrial] = field(default_factory=list)

    def result(self, max_drop: float | None) -> tuple[Quantized, QuantizationReport]:
        """Quantized estimator and its report.

        Parameters
        ----------
        max_drop : float or None
            Of the score on `unseen`.
        """
        layers = weight_layers(self.dense.module_)
        check_finite(layers, owner=self.plan.owner, does="quantizes")
        float_engine = self._float_engine()
        score = self.dense.score(*self._scored)
        quantized = self._quantized() if max_drop is None else self._within(max_drop, score)
        latencies = self._timed(float_engine, quantized)
        if self.fallback and self._is_slower(latencies):
            # A busy moment is no reason.
            latencies = self._timed(float_engine, quantized)
        if self.fallback and self._is_slower(latencies):
            quantized = self._in_float_numbers(quantized, latencies)
            latencies = self._timed(float_engine, quantized)
        return quantized, self._report(quantized, score, latencies)

    @property
    def _scored(self) -> tuple[Any, Any]:
        if self.unseen is not None:
            return self.unseen
        X, y, _ = self.training
        n_scored = min(_num_samples(X), _MOST_SCORED)
        return first_rows(X, n_scored), first_rows(y, n_scored)

    def _float_engine(self) -> Engine:
        """The dense network in the engine, or in torch where it cannot be followed."""
        try:
            engine = self.plan.engine_for(self.dense, Quantization({}, {}))
        except ValueError as error:
            if not self.fallback:
                raise
            self.fallbacks.append(f"Only the weights are rounded, and torch answers. {error}")
            self.plan = replace(self.plan, method="weight_only", engine="torch")
            engine = None
        return TorchEngine(self.dense.module_) if engine is None else engine

    def _quantized(self, in_float: tuple[str, ...] = ()) -> Quantized:
        model = copy.deepcopy(self.dense)
        return self.plan.quantize(model, self.inputs, self.training, in_float)

    def _within(self, max_drop: float, score: float) -> Quantized:
        """As few layers in float as the budget allows, the most sensitive ones."""
        order = self.plan.by_sensitivity(self.dense, self.inputs)

        def attempt(n_float: int) -> tuple[Quantized, bool]:
            in_float = tuple(order[:n_float])
            quantized = self._quantized(in_float)
            reached = quantized.estimator.score(*self._scored)
            fits = bool(score - reached <= max_drop)
            self.trials.append(QuantizationTrial(in_float, reached, fits))
            return quantized, fits

        n_float, quantized = least(attempt, len(order))
        if n_float:
            everything = n_float == len(order)
            named = "all layers" if everything else f"the layers {', '.join(order[:n_float])}"
            self.fallbacks.append(
                f"{named[0].upper()}{named[1:]} stayed in float, since {self.plan.scheme.name} "
                f"lost more than max_accuracy_drop={max_drop:g} of {score:.4f} with fewer. Did you "
                f"mean method='training', or a scheme of more bits?"
            )
        return quantized

    def _timed(self, float_engine: Engine, quantized: Quantized) -> list[Latencies]:
        batch = self.dense._network_inputs(first_rows(self.training[0], _MOST_TIMED))
        runners = [_runner(self.dense), float_engine, _runner(quantized.estimator)]
        return timed_batches(runners, batch)

    def _is_slower(self, latencies: list[Latencies]) -> bool:
        """Whether integers are slower than float32 on the largest batch."""
        if not self.plan.rounds_activations or self.plan.engine == "torch":
            return False  # torch simulates, for reference, and is slower by nature.
        _, in_float, quantized = (row[-1][1] for row in latencies)
        return quantized > _SLOWER * in_float and quantized > in_float + _WORTH_MS

    def _in_float_numbers(self, quantized: Quantized, latencies: list[Latencies]) -> Quantized:
        batch, taken = latencies[2][-1]
        self.fallbacks.append(
            f"Only the weights are rounded: {batch} samples took {taken:.3g} ms in integers and "
            f"{latencies[1][-1][1]:.3g} ms in float32 with {engine_name(quantized.estimator)}. "
            f"Did you mean another engine, or fallback=False to keep the integers?"
        )
        grids = Quantization(quantized.quantization.schemes, {})
        return self.plan.finish(quantized.estimator, grids)

    def _report(
        self, quantized: Quantized, score: float, latencies: list[Latencies]
    ) -> QuantizationReport:
        model = quantized.estimator
        reached = model.score(*self._scored)
        names = (engine_name(self.dense), engine_name(model), engine_name(model))
        scores = (score, None, reached)
        sizes = (file_bytes(self.dense), None, None)
        before, in_float, after = (
            QuantizedFigures(*row) for row in zip(names, sizes, latencies, scores, strict=True)
        )
        return QuantizationReport(
            scheme=self.plan.scheme.name,
            method=self.plan.method,
            layers=layer_rows(self.dense, quantized),
            before=before,
            in_float=in_float,
            after=after,
            agreement=agreement(self.plan, quantized, self.inputs),
            metric="accuracy" if is_classifier(model) else "R2",
            scored_on="training data" if self.unseen is None else "validation data",
            fallbacks=tuple(self.fallbacks),
            trials=tuple(self.trials),
        )


def _runner(model: Any) -> Engine:
    return TorchEngine(model.module_) if model._engine is None else model._engine
