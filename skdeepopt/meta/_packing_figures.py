"""The report of a packing, measured on both networks in turns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from torch import nn

from skdeepopt.coding import encode_arrays
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.meta._figures import measured
from skdeepopt.meta._packing_plan import Packed
from skdeepopt.meta._pruning_plan import example_for
from skdeepopt.packing._report import PackedLayer, PackingReport, PackingTrial
from skdeepopt.storage._tensors import from_torch

__all__ = ["coded_bytes", "packing_report"]


def packing_report(
    target_bytes: int,
    before: Any,
    packed: Packed,
    scores: tuple[float, float],
    *,
    scored_on: str,
    n_samples: int,
    trials: tuple[PackingTrial, ...] = (),
) -> PackingReport:
    """Report of what packing made of a fitted deep estimator.

    Parameters
    ----------
    target_bytes : int
    before : fitted deep estimator
    packed : Packed
    scores : tuple of two floats
        Of both.
    scored_on : str
        Which data that was.
    n_samples : int
        Samples at hand: the most that latency is measured on.
    trials : tuple of PackingTrial, default=()
    """
    after = packed.estimator
    found = measured(before, after, scores, example_for(before), n_samples=n_samples)
    return PackingReport(
        target_bytes=target_bytes,
        layers=_layers(before.module_, after.module_),
        before=found.figures[0],
        after=replace(found.figures[1], size_bytes=packed.size_bytes),
        metric="accuracy" if is_classifier(after) else "R2",
        scored_on=scored_on,
        batch_size=found.batch_size,
        trials=trials,
    )


def coded_bytes(module: nn.Module) -> int:
    """Bytes of a network's numbers alone, as a model file has them.

    Parameters
    ----------
    module : torch.nn.Module
    """
    stored = [from_torch(tensor) for tensor in module.state_dict().values()]
    return len(encode_arrays([each for each in stored if each is not None]).data)


def _layers(before: nn.Module, after: nn.Module) -> tuple[PackedLayer, ...]:
    dense = weight_layers(before)
    return tuple(_layer(name, dense[name], layer) for name, layer in weight_layers(after).items())


def _layer(name: str, before: Any, after: Any) -> PackedLayer:
    weight = after.weight.detach()
    values = np.unique(weight.cpu().numpy())
    values = values[values != 0]
    tensors = [tensor for tensor in (after.weight, after.bias) if tensor is not None]
    stored = [from_torch(tensor.detach()) for tensor in tensors]
    spans = encode_arrays([each for each in stored if each is not None]).spans
    return PackedLayer(
        name=name,
        kind=type(after).__name__,
        shape_before=tuple(before.weight.shape),
        shape_after=tuple(weight.shape),
        n_nonzero=int(torch.count_nonzero(weight)),
        n_values=len(values),
        step=_common_step(values),
        bits=float(sum(map(sum, spans))),
    )


def _common_step(values: np.ndarray) -> float:
    """Largest number that all float32 values are whole multiples of; zero where there is none."""
    unit = 2.0**-149  # All float32 numbers are multiples of it.
    return math.gcd(*(int(value / unit) for value in values.astype(np.float64))) * unit
