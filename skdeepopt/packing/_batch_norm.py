"""Batch norms reduced to what a small file needs of them: a number for each channel."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn

from skdeepopt.layers._parametrizations import latent_of
from skdeepopt.layers._trace import foldable_pairs, traced

__all__ = ["ChannelShift", "absorb_batch_norms", "restore_batch_norms"]


class ChannelShift(nn.Module):
    """Adds a number to each channel: what is left of a batch norm whose factors are in the weights.

    Parameters
    ----------
    norm : batch norm
        Whose place it takes; kept, to be put back.
    bias : Tensor of shape (n_channels,)
    idle : torch.nn.Module or None, default=None
        Layer that lost its own bias, which gets one of zeros back.

    Examples
    --------
    >>> shift = ChannelShift(nn.BatchNorm2d(2), torch.tensor([1.0, -1.0]))
    >>> shift(torch.zeros(1, 2, 1, 1)).flatten().tolist()
    [1.0, -1.0]
    """

    def __init__(self, norm: Any, bias: torch.Tensor, idle: Any = None) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias.detach().clone())
        self._kept = norm, idle  # In a tuple, so that they are no part of this one meanwhile.
        self._factor = (1.0 + norm.eps) ** -0.5

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._factor * inputs + self.bias.reshape(-1, *[1] * (inputs.ndim - 2))

    def norm(self) -> nn.Module:
        """The batch norm again, with a variance of one and the numbers to add."""
        norm, idle = self._kept
        bias = self.bias.detach()  # Of fewer channels, where some were removed meanwhile.
        norm.num_features = len(bias)
        norm.weight = nn.Parameter(torch.ones_like(bias), norm.weight.requires_grad)
        norm.bias = nn.Parameter(bias.clone(), norm.bias.requires_grad)
        norm.running_mean, norm.running_var = torch.zeros_like(bias), torch.ones_like(bias)
        norm.num_batches_tracked.zero_()
        if idle is not None:
            idle.bias = nn.Parameter(torch.zeros_like(bias), norm.bias.requires_grad)
        return norm


@torch.no_grad()
def absorb_batch_norms(module: nn.Module, *, owner: str) -> None:
    """Put the factors of batch norms into the weights before them; evaluated, it answers the same.

    The batch norms are replaced by `ChannelShift`, until `restore_batch_norms`. Those that do not
    follow a layer directly, that learn nothing, or whose layer shares a parameter stay.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place. One whose operations cannot be followed stays as it is.
    owner : str
        Who asks.
    """
    try:
        pairs = foldable_pairs(traced(module, owner=owner))
    except ValueError:
        return
    uses = Counter(map(id, (p for m in module.modules() for p in m.parameters(recurse=False))))
    for layer_name, norm_name in pairs.items():
        layer, norm = module.get_submodule(layer_name), module.get_submodule(norm_name)
        shares = any(uses[id(parameter)] > 1 for parameter in layer.parameters())
        if norm.weight is not None and not shares:
            _replace(module, norm_name, _absorbed(layer, norm))


def restore_batch_norms(module: nn.Module) -> None:
    """Put the batch norms back, which now only add.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    """
    for name, part in list(module.named_modules()):
        if isinstance(part, ChannelShift):
            _replace(module, name, part.norm().train(part.training))


def _absorbed(layer: Any, norm: Any) -> ChannelShift:
    factor = norm.weight.double() * torch.rsqrt(norm.running_var.double() + norm.eps)
    bias = norm.bias.double() - norm.running_mean.double() * factor
    idle = None
    if layer.bias is not None:  # Two numbers a channel to add would be one too many.
        bias += layer.bias.double() * factor
        idle, layer.bias = layer, None
    # A variance of one is left, which the file has for nothing; a mask does not mind the factor.
    weight = latent_of(layer)
    factor = factor.mul_((1.0 + norm.eps) ** 0.5).to(weight.dtype)
    weight.mul_(factor.reshape(-1, *[1] * (weight.ndim - 1)))
    return ChannelShift(norm, bias.to(norm.bias.dtype), idle).train(norm.training)


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, part)
