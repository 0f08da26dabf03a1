"""The report of a quantization, measured on all networks in turns."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.base import is_classifier

from skdeepopt.engines import TorchEngine
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.lowering._simulated import simulated
from skdeepopt.meta._figures import latencies_ms
from skdeepopt.meta._quantization_plan import QuantizationPlan, Quantized
from skdeepopt.quantization._network import ACTIVATION_BITS, Quantization
from skdeepopt.quantization._report import QuantizedLayer

__all__ = ["Latencies", "agreement", "layer_rows", "timed_batches"]

Latencies: TypeAlias = tuple[tuple[int, float], ...]
"""Samples at a time, and median milliseconds."""

_BATCHES = (1, 64, 1024)
_CLOSE = 1e-3
"""Share of the answers' deviation within which two numbers agree."""


def timed_batches(runners: list[Any], inputs: torch.Tensor) -> list[Latencies]:
    """Median milliseconds of each runner on 1, 64 and 1024 samples, as far as there are so many.

    Parameters
    ----------
    runners : list of Engine
    inputs : Tensor of shape (n_samples, ...)
    """
    sizes = [size for size in _BATCHES if size <= len(inputs)]
    images = inputs.float().contiguous().numpy()
    rows: list[list[tuple[int, float]]] = [[] for _ in runners]
    for size in sizes:
        batch = images[:size]
        calls = [lambda runner=runner: runner.run(batch) for runner in runners]  # noqa: B023
        for row, taken in zip(rows, latencies_ms(calls), strict=True):
            row.append((size, taken))
    return [tuple(row) for row in rows]


def agreement(plan: QuantizationPlan, quantized: Quantized, inputs: torch.Tensor) -> float:
    """Share of the samples that the engine answers as the simulated network does."""
    model, engine = quantized.estimator, quantized.estimator._engine
    if engine is None:
        return 1.0
    graph, _ = simulated(model.module_, quantized.quantization, owner=plan.owner)
    images = inputs.float().contiguous().numpy()
    answers, expected = engine.run(images), TorchEngine(graph).run(images)
    if is_classifier(model):
        return float((answers.argmax(1) == expected.argmax(1)).mean())
    near = np.abs(answers - expected) <= _CLOSE * (expected.std() + np.finfo(np.float32).tiny)
    return float(near.all(axis=tuple(range(1, near.ndim))).mean())


def layer_rows(dense: Any, quantized: Quantized) -> tuple[QuantizedLayer, ...]:
    """A row for each layer of a quantized estimator."""
    before, keys = weight_layers(dense.module_), quantized.keys
    rows = []
    for name, layer in weight_layers(quantized.estimator.module_).items():
        weight, tensor = layer.weight.detach(), quantized.weights.get(name)
        scheme = quantized.quantization.schemes.get(name)
        rows.append(
            QuantizedLayer(
                name=name,
                kind=type(layer).__name__,
                scheme="float32" if scheme is None else scheme.name,
                bits=32 if tensor is None else tensor.bits,
                n_weights=weight.numel(),
                weight_range=(float(weight.min()), float(weight.max())),
                output_range=_output_range(quantized.quantization, keys.get(name)),
                error=_relative_error(before[name].weight.detach(), weight),
            )
        )
    return tuple(rows)


def _output_range(quantization: Quantization, key: str | None) -> tuple[float, float] | None:
    grid = quantization.activations.get(key or "")
    if grid is None:
        return None
    scale, zero_point = grid
    return -zero_point * scale, (2**ACTIVATION_BITS - 1 - zero_point) * scale


def _relative_error(before: torch.Tensor, after: torch.Tensor) -> float:
    size = float(before.square().mean())
    return float((after - before).square().mean() / size) ** 0.5 if size else 0.0
