"""What a network weighs, how long it takes and how often it is right, before and after."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from skdeepopt.layers._cost import LayerCost
from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.pruning._report import NetworkFigures
from skdeepopt.storage._files import save

__all__ = [
    "MOST_SCORED",
    "batch_latencies_ms",
    "file_bytes",
    "latencies_ms",
    "network_figures",
]

MOST_SCORED = 10_000
"""Training samples that a report scores on."""

_MOST_SECONDS = 0.1
_ROUNDS = range(2, 40)
"""Fewest and most rounds; `_MOST_SECONDS` ends them in between. The first chooses kernels and fills
caches, and does not count."""


def batch_latencies_ms(modules: Sequence[nn.Module], inputs: torch.Tensor) -> list[float]:
    """Median milliseconds of each module on a batch, taken in turns.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
        Evaluated in evaluation mode, and left in the mode that they were in.
    inputs : Tensor of shape (batch_size, ...)
    """
    if inputs.ndim == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    with ExitStack() as contexts:
        for module in modules:
            contexts.enter_context(in_evaluation(module))
        contexts.enter_context(torch.inference_mode())
        return latencies_ms([partial(module, inputs) for module in modules])


def latencies_ms(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Median milliseconds of each call, taken in turns.

    Parameters
    ----------
    calls : sequence of callable
    """
    times: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    for turn in range(_ROUNDS.stop):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(1e3 * (time.perf_counter() - start))
        if turn + 1 >= _ROUNDS.start and time.perf_counter() - began > _MOST_SECONDS:
            break
    return [median(taken[1:]) for taken in times]


def file_bytes(estimator: Any) -> int | None:
    """Bytes of the file that ``save`` writes; None where the format cannot hold the estimator."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return save(estimator, Path(folder) / "model").stat().st_size
        except (TypeError, ValueError):
            return None


def network_figures(
    model: Any, costs: Mapping[str, LayerCost], latency_ms: float, score: float | None
) -> NetworkFigures:
    """A row of a report.

    Parameters
    ----------
    model : fitted deep estimator
    costs : dict of layer name to LayerCost
        Of its network.
    latency_ms, score : float
        As measured.
    """
    parameters = [parameter.detach() for parameter in model.module_.parameters()]
    return NetworkFigures(
        n_parameters=sum(parameter.numel() for parameter in parameters),
        n_nonzero=sum(int(torch.count_nonzero(parameter)) for parameter in parameters),
        multiply_adds=sum(cost.multiply_adds for cost in costs.values()),
        size_bytes=file_bytes(model),
        latency_ms=latency_ms,
        score=score,
    )
