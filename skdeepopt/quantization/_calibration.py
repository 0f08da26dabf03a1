"""Ranges of the tensors in a network, from data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import fx

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._observers import Observer, check_calibration, observer_for

__all__ = ["calibrate", "checked_batches"]


def calibrate(
    graph: fx.GraphModule,
    batches: Iterable[torch.Tensor],
    quantizers: Mapping[str, ActivationQuantizer],
    *,
    method: str = "mse",
    owner: str,
) -> None:
    """Set the ranges of quantizers from what passes through them, unrounded, on the batches.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Holds the quantizers. Run in evaluation mode, and left in the mode it was in.
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs. Each is run once and not kept.
    quantizers : mapping of str to ActivationQuantizer
        Changed in place, all or none of them.
    method : {"minmax", "percentile", "mse", "entropy"}, default="mse"
        As :func:`observer_for` describes them.
    owner : str
        Opens the messages.

    Raises
    ------
    ValueError
        Unknown method; no data; data of a shape that the network does not take; values that are
        not finite, in the data or on the way.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeepopt.layers._trace import traced
    >>> from skdeepopt.quantization._placement import place_quantizers
    >>> graph = traced(nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), owner="example")
    >>> quantizers = place_quantizers(graph)
    >>> calibrate(graph, [torch.tensor([[-1.0, 4.1]])], quantizers, owner="example")
    >>> round(quantizers["input"].scale.item(), 3)
    0.02
    """
    check_calibration(method, owner=owner)
    observers = {
        key: observer_for(method, quantizer.bits, owner=f"{owner}'s activation {key!r}")
        for key, quantizer in quantizers.items()
    }
    _observe(graph, batches, quantizers, observers, owner)
    ranges = {key: observer.range() for key, observer in observers.items()}
    for key, ends in ranges.items():
        quantizers[key].set_range(*ends)


def _observe(
    graph: fx.GraphModule,
    batches: Iterable[torch.Tensor],
    quantizers: Mapping[str, ActivationQuantizer],
    observers: Mapping[str, Observer],
    owner: str,
) -> None:
    try:
        for key, quantizer in quantizers.items():
            quantizer.observer = observers[key]
        with in_evaluation(graph):
            for batch in checked_batches(batches, owner=owner):
                _run(graph, batch, owner)
    finally:
        for quantizer in quantizers.values():
            quantizer.observer = None


def checked_batches(batches: Iterable[torch.Tensor], *, owner: str) -> Iterable[torch.Tensor]:
    """The batches, one by one, as they come.

    Raises
    ------
    ValueError
        There is no sample in all of them, their samples differ in shape, or a value is not
        finite.
    """
    shape: torch.Size | None = None
    for batch in batches:
        if len(batch) == 0:
            continue
        shape = batch.shape[1:] if shape is None else shape
        if batch.shape[1:] != shape:
            raise ValueError(
                f"{owner}.batches hold samples of one shape, not of {tuple(shape)} and "
                f"{tuple(batch.shape[1:])}. Did you mean to resize them first?"
            )
        if not torch.isfinite(batch).all():
            raise ValueError(
                f"{owner}.batches hold finite numbers, not NaN or infinity. Did you mean to fill "
                f"in what is missing first?"
            )
        yield batch
    if shape is None:
        raise ValueError(
            f"{owner}.batches hold one sample or more to calibrate on, not none. Did you mean "
            f"calibration data that is not empty?"
        )


def _run(graph: fx.GraphModule, batch: torch.Tensor, owner: str) -> None:
    try:
        graph(batch)
    except (RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{owner}.batches hold samples that the network takes, not ones of shape "
            f"{tuple(batch.shape[1:])}: {reason}. Did you mean data of the shape that it was "
            f"trained on?"
        ) from None
