"""What a network weighs, how long it takes and how often it is right, before and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from sklearn.utils.validation import _num_samples
from torch import nn

from skdeepopt.layers._cost import LayerCost, layer_costs
from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.measurement._measure import first_rows
from skdeepopt.pruning._report import NetworkFigures
from skdeepopt.storage._files import packed

__all__ = [
    "MOST_SCORED",
    "Measured",
    "batch_latencies_ms",
    "file_bytes",
    "latencies_ms",
    "measured",
    "network_figures",
    "rows_to_score",
]

MOST_SCORED = 10_000
"""Training samples that a report scores on."""

_LATENCY_BATCH = 64
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


def latencies_ms(
    calls: Sequence[Callable[[], Any]],
    *,
    seconds: float = _MOST_SECONDS,
    rounds: range = _ROUNDS,
) -> list[float]:
    """Median milliseconds of each call, taken in turns.

    Parameters
    ----------
    calls : sequence of callable
    seconds : float, default=0.1
        After which no round begins.
    rounds : range, default=range(2, 40)
        Fewest and most of them; the first does not count.
    """
    times: list[list[float]] = [[] for _ in calls]
    began = time.perf_counter()
    for turn in range(rounds.stop):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(1e3 * (time.perf_counter() - start))
        if turn + 1 >= rounds.start and time.perf_counter() - began > seconds:
            break
    return [median(taken[1:]) for taken in times]


def file_bytes(estimator: Any) -> int | None:
    """Bytes of the file that ``save`` writes; None where the format cannot hold the estimator."""
    try:
        return len(packed(estimator))
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Measured:
    """Networks before and after, with the costs of their layers.

    Parameters
    ----------
    figures : tuple of two NetworkFigures
    costs : tuple of two (dict of layer name to LayerCost)
    batch_size : int
        Samples that latency was measured on.
    """

    figures: tuple[NetworkFigures, NetworkFigures]
    costs: tuple[dict[str, LayerCost], dict[str, LayerCost]]
    batch_size: int


def measured(
    before: Any,
    after: Any,
    scores: tuple[float | None, float],
    example: torch.Tensor,
    *,
    n_samples: int,
) -> Measured:
    """Figures of two fitted deep estimators, whose latencies are taken in turns.

    Parameters
    ----------
    before, after : fitted deep estimator
    scores : tuple of two floats
        Of both; None where the first was never trained.
    example : Tensor of shape (n, ...)
        An input; what is in it does not matter.
    n_samples : int
        Samples at hand: the most that latency is measured on.
    """
    batch_size = min(_LATENCY_BATCH, n_samples)
    batch = example[:1].expand(batch_size, *example.shape[1:]).contiguous()
    latencies = batch_latencies_ms([before.module_, after.module_], batch)
    costs = layer_costs(before.module_, example), layer_costs(after.module_, example)
    return Measured(
        (
            network_figures(before, costs[0], latencies[0], scores[0]),
            network_figures(after, costs[1], latencies[1], scores[1]),
        ),
        costs,
        batch_size,
    )


def rows_to_score(X: Any, y: Any) -> tuple[Any, Any]:
    """Training samples that a report scores on, the first ones.

    Parameters
    ----------
    X, y
        As in ``fit``.
    """
    n_scored = min(_num_samples(X), MOST_SCORED)
    return first_rows(X, n_scored), first_rows(y, n_scored)


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
