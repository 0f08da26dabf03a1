"""Batch norm statistics of a network that has changed under them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["reestimate_batch_norm"]


@torch.no_grad()
def reestimate_batch_norm(module: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set the running statistics of batch norms to averages over the batches.

    After a cut the layers before a batch norm emit other values than those that its statistics
    describe. Each batch counts the same; parameters, modes and momenta stay.

    Parameters
    ----------
    module : torch.nn.Module
        Without batch norms that track statistics nothing is run.
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs of the module, of several samples each. Where there are none nothing changes.

    References
    ----------
    Wu & Johnson (2021), arXiv:2105.07576, section 3.1 (precise statistics).
    He, Lin, Liu, Wang, Li & Han (2018), arXiv:1802.03494, section 4, recalibrates a pruned
    network this way.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(1)
    >>> reestimate_batch_norm(norm, [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])])
    >>> norm.running_mean.item(), norm.running_var.item()
    (4.0, 2.0)
    """
    norms = [
        part
        for part in module.modules()
        if isinstance(part, _BatchNorm) and part.track_running_stats
    ]
    if not norms:
        return
    modes = {part: part.training for part in module.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    module.eval()
    is_fresh = True
    try:
        for batch in batches:
            if is_fresh:
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None  # Averages all batches alike.
                    norm.train()
                is_fresh = False
            module(batch)
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        for part, mode in modes.items():
            part.training = mode
