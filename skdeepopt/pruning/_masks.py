"""Masks as parametrizations: which weights are exactly zero, whatever the optimizer does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._parametrizations import drop_parametrization, parametrizations_of
from skdeepopt.layers._weighted import Layer, weight_layers

__all__ = [
    "Mask",
    "bake_masks",
    "baked",
    "hold_zeros",
    "mask_of",
    "masks_of",
    "set_masks",
]


class Mask(nn.Module):
    """Parametrization that lets through the weights where `mask` is true, and zero elsewhere.

    Parameters
    ----------
    mask : bool Tensor of the weight's shape
    dtype : torch.dtype, default=torch.float32
        Of the weight.
    """

    factor: torch.Tensor
    draws: ClassVar[bool] = False
    """No random numbers, so that a training need not set any aside for it."""

    def __init__(self, mask: torch.Tensor, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("factor", mask.to(dtype))
        self.watched = False
        self.dense_gradient: torch.Tensor | None = None

    @property
    def mask(self) -> torch.Tensor:
        """Bool Tensor of the weight's shape; true is kept."""
        return self.factor != 0

    @mask.setter
    def mask(self, mask: torch.Tensor) -> None:
        self.factor = torch.empty_like(self.factor).copy_(mask)

    def watch(self, watched: bool) -> None:
        """Start afresh, or end, to sum in `dense_gradient` what backward passes say of all weights.

        The gradient is that of the masked weight, so that it tells what a masked weight would
        change if it came alive.

        Parameters
        ----------
        watched : bool
        """
        self.watched = watched
        self.dense_gradient = None

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight`, zero where masked."""
        # A product takes a tenth of the time of `torch.where`, at every step of a training. It
        # differs from it where a masked weight is not finite, and then the training is lost.
        masked = weight * self.factor
        if self.watched and masked.requires_grad:
            masked.register_hook(self._add_gradient)
        return masked

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight` itself, so that the Parameter stays the one that an optimizer knows."""
        return weight

    def _add_gradient(self, gradient: torch.Tensor) -> None:
        known = self.dense_gradient
        self.dense_gradient = gradient.detach() if known is None else known + gradient.detach()


def mask_of(layer: Layer) -> Mask | None:
    """Mask on the weight of `layer`, or None."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    return next((part for part in parametrizations_of(layer) if isinstance(part, Mask)), None)


def masks_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """Bool mask, of the weight's shape, of every masked layer by name; true is kept."""
    found = {name: mask_of(layer) for name, layer in weight_layers(module).items()}
    return {name: part.mask for name, part in found.items() if part is not None}


def set_masks(module: nn.Module, masks: Mapping[str, torch.Tensor]) -> None:
    """Mask layers, in place of the masks that they have.

    A mask goes behind all other parametrizations of its weight, so that what it masks is exactly
    zero. The Parameters stay the ones that an optimizer knows.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    masks : dict of layer name to bool Tensor of the weight's shape
        True is kept.

    Raises
    ------
    ValueError
        A name is no prunable layer's, or a mask is not boolean or not of its weight's shape.

    Examples
    --------
    >>> layer = nn.Linear(3, 1)
    >>> set_masks(layer, {"": torch.tensor([[True, False, True]])})
    >>> (layer.weight != 0).tolist()
    [[True, False, True]]
    """
    layers = weight_layers(module)
    for name, mask in masks.items():
        _check_mask(layers, name, mask)
    for name, mask in masks.items():
        layer, present = layers[name], mask_of(layers[name])
        if present is None:
            weight = layer.weight
            # In the weight's memory format, channels last or not, or each product is slow.
            part = Mask(torch.empty_like(weight, dtype=torch.bool).copy_(mask), weight.dtype)
            parametrize.register_parametrization(layer, "weight", part)
        else:
            present.mask = mask


def bake_masks(module: nn.Module) -> None:
    """Write the zeros of every mask into its weight and remove it; no answer changes.

    Other parametrizations of the same weight stay.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.

    Raises
    ------
    ValueError
        Another parametrization of the same weight does not leave zeros and the rest as they are,
        such as spectral norm; the layer is named.
    """
    for name, layer in weight_layers(module).items():
        if mask_of(layer) is not None:
            _bake(name, layer)


def hold_zeros(module: nn.Module, names: Iterable[str]) -> None:
    """Mask the weights that are exactly zero, so that training leaves them at zero.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    names : iterable of str
        Layers to mask. One without a zero gets no mask.

    Raises
    ------
    ValueError
        A name is no prunable layer's.
    """
    layers = weight_layers(module)
    alive = {n: _named(layers, n, "hold_zeros.names").weight.detach() != 0 for n in names}
    set_masks(module, {name: mask for name, mask in alive.items() if not mask.all()})


@contextmanager
def baked(module: nn.Module) -> Iterator[None]:
    """Without masks inside, and with the same layers' zeros held again afterwards.

    For surgery on shapes. Layers that vanish in it are forgotten.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    """
    masked = list(masks_of(module))
    bake_masks(module)
    try:
        yield
    finally:
        left = weight_layers(module)
        hold_zeros(module, [name for name in masked if name in left])


def _bake(name: str, layer: Layer) -> None:
    chain, mask = parametrizations_of(layer), mask_of(layer)
    assert mask is not None
    wanted = layer.weight.detach().clone()
    with torch.no_grad():
        if chain.is_tensor:
            chain.original.masked_fill_(~mask.mask, 0)
        drop_parametrization(layer, Mask)
        if not chain.is_tensor:
            layer.weight = wanted  # By the right inverse of the others.
    if not torch.allclose(layer.weight.detach(), wanted):
        others = ", ".join(type(part).__name__ for part in chain)
        raise ValueError(
            f"bake_masks writes zeros below parametrizations that leave them and the other "
            f"weights as they are, not below {others} of layer {name!r}. Did you mean to remove "
            f"that one first, with torch.nn.utils.parametrize.remove_parametrizations?"
        )


def _named(layers: Mapping[str, Layer], name: str, where: str) -> Layer:
    if name not in layers:
        raise ValueError(
            f"{where} has names of convolutions and linear layers, not {name!r}."
            f"{did_you_mean(name, layers)}"
        )
    return layers[name]


def _check_mask(layers: Mapping[str, Layer], name: str, mask: torch.Tensor) -> None:
    shape = tuple(_named(layers, name, "set_masks.masks").weight.shape)
    if mask.dtype != torch.bool or tuple(mask.shape) != shape:
        raise ValueError(
            f"set_masks.masks[{name!r}] is a bool Tensor of shape {shape}, not one of "
            f"{mask.dtype} and shape {tuple(mask.shape)}."
        )
