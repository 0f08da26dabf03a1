"""Taking positions out of one side of a layer."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

__all__ = [
    "BOTH",
    "IN",
    "OUT",
    "in_format_of",
    "keep_entries",
    "keep_positions",
    "match_sizes",
    "relative_period",
    "replaced_parameter",
    "side_size",
    "sliced_tensors",
]

OUT, IN, BOTH = "out", "in", "both"


def side_size(layer: nn.Module, side: str) -> int:
    """Channels of a layer on its "in" side, its "out" side, or "both" where they are the same."""
    if isinstance(layer, _ConvNd):
        return layer.in_channels if side == IN else layer.out_channels
    if isinstance(layer, nn.Linear):
        return layer.in_features if side == IN else layer.out_features
    if isinstance(layer, _NormBase):
        return layer.num_features
    if isinstance(layer, nn.GroupNorm):
        return layer.num_channels
    if isinstance(layer, nn.PReLU):
        return layer.num_parameters
    if isinstance(layer, nn.LayerNorm):
        # Over more axes than the last it is unclear which of them holds the channels.
        return layer.normalized_shape[0] if len(layer.normalized_shape) == 1 else 0
    return 0


def relative_period(layer: nn.Module, side: str, size: int) -> int:
    """Distance of positions that can only be removed together.

    The groups of a grouped convolution, or of a group norm, stay of one size: each loses the
    position at the same place. Elsewhere the period is the `size`.
    """
    if isinstance(layer, _ConvNd) and side != BOTH:
        return size // layer.groups
    if isinstance(layer, nn.GroupNorm) and layer.num_groups < layer.num_channels:
        return size // layer.num_groups
    return size


def sliced_tensors(layer: nn.Module, side: str) -> list[tuple[str, int]]:
    """Name and axis of each tensor of the layer that runs along that side."""
    if isinstance(layer, _ConvNd):
        out_axis = int(layer.transposed and side != BOTH)
        tensors = [("weight", 1 - out_axis if side == IN else out_axis)]
    elif isinstance(layer, nn.Linear):
        tensors = [("weight", int(side == IN))]
    else:
        tensors = [("weight", 0)]
    if side != IN:
        tensors += [(name, 0) for name in ("bias", "running_mean", "running_var")]
    return [(name, axis) for name, axis in tensors if getattr(layer, name, None) is not None]


def keep_positions(layer: nn.Module, side: str, kept: torch.Tensor) -> None:
    """Shrink the layer to the positions that are `kept` on one side, gradients included.

    Parameters
    ----------
    layer : torch.nn.Module
        Its class, memory format, and which parameters require gradients stay.
    side : {"out", "in", "both"}
    kept : Tensor of shape (n_kept,), int64
        Ascending.
    """
    for name, axis in sliced_tensors(layer, side):
        tensor = getattr(layer, name)
        # The weight of a grouped convolution holds the positions of one group on this axis.
        entries = kept[kept < tensor.shape[axis]]
        if isinstance(tensor, nn.Parameter):
            setattr(layer, name, keep_entries(tensor, axis, entries))
        else:
            setattr(layer, name, _entries(tensor, axis, entries))
    match_sizes(layer, len(kept))


def keep_entries(parameter: nn.Parameter, axis: int, kept: torch.Tensor) -> nn.Parameter:
    """New Parameter of the `kept` entries along an axis, with the gradient's."""
    shrunk = replaced_parameter(parameter, _entries(parameter.detach(), axis, kept))
    if parameter.grad is not None:
        shrunk.grad = _entries(parameter.grad, axis, kept)
    return shrunk


def replaced_parameter(parameter: nn.Parameter, values: torch.Tensor) -> nn.Parameter:
    """New Parameter of those values that requires a gradient where the old one did."""
    return nn.Parameter(values, requires_grad=parameter.requires_grad)


def in_format_of(tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`values` with storage of their own, channels last where the `tensor` is."""
    last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return values.detach().clone(
        memory_format=torch.channels_last if last else torch.contiguous_format
    )


def _entries(tensor: torch.Tensor, axis: int, kept: torch.Tensor) -> torch.Tensor:
    return in_format_of(tensor, tensor.index_select(axis, kept.to(tensor.device)))


def match_sizes(layer: nn.Module, n_channels: int | None = None) -> None:
    """Write the sizes of the layer's tensors into its attributes.

    Parameters
    ----------
    layer : torch.nn.Module
        Its attributes are still those from before its tensors shrank.
    n_channels : int or None, default=None
        Of a norm that may have no tensors.
    """
    if isinstance(layer, _ConvNd):
        _match_convolution(layer)
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape
    else:
        tensors = (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
        sizes = [len(tensor) for tensor in tensors if tensor.ndim == 1]
        _match_channels(layer, sizes[0] if n_channels is None else n_channels)


def _match_convolution(layer: _ConvNd) -> None:
    here, there = layer.weight.shape[:2]
    if 1 < layer.groups == layer.in_channels == layer.out_channels:
        layer.groups = layer.in_channels = layer.out_channels = here
    elif layer.transposed:
        layer.in_channels, layer.out_channels = here, there * layer.groups
    else:
        layer.out_channels, layer.in_channels = here, there * layer.groups


def _match_channels(layer: nn.Module, n_channels: int) -> None:
    if isinstance(layer, _NormBase):
        layer.num_features = n_channels
    elif isinstance(layer, nn.GroupNorm):
        if layer.num_groups == layer.num_channels:
            layer.num_groups = n_channels
        layer.num_channels = n_channels
    elif isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = (n_channels,)
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = n_channels
