"""Other arithmetic for some layers of a network, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

__all__ = ["Forward", "replaced_forwards"]

Forward = Callable[..., torch.Tensor]
"""Called as ``forward(layer, inputs)``."""


@contextmanager
def replaced_forwards(
    module: nn.Module, choose: Callable[[nn.Module], Forward | None]
) -> Iterator[None]:
    """Let layers of `module` compute as `choose` says, and give them their own way back.

    Parameters
    ----------
    module : torch.nn.Module
    choose : callable
        Gives the other forward for a layer, None for those that keep their own.
    """
    replaced: list[nn.Module] = []
    for layer in module.modules():
        forward = choose(layer)
        if forward is not None:
            # Straight into the instance, since nn.Module's own assignment is slow.
            layer.__dict__["forward"] = partial(forward, layer)
            replaced.append(layer)
    try:
        yield
    finally:
        for layer in replaced:
            layer.__dict__.pop("forward", None)
