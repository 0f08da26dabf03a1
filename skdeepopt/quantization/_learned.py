"""Weights on a number grid while they are trained: parametrizations and their removal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._parametrizations import (
    drop_parametrization,
    latent_of,
    parametrizations_of,
)
from skdeepopt.layers._weighted import Layer, weight_layers
from skdeepopt.quantization._scheme import Scheme
from skdeepopt.quantization._straight_through import (
    LEAST_STEP,
    Tape,
    to_signs,
    to_steps,
    to_table,
    to_three_values,
)
from skdeepopt.quantization._weights import quantize_weight

__all__ = [
    "Binary",
    "Codebook",
    "LearnedStep",
    "Ternary",
    "WeightQuantizer",
    "bake_weight_quantizers",
    "clip_weights",
    "quantization_for_training",
    "set_weight_quantizers",
    "weight_quantizer_of",
]


class WeightQuantizer(nn.Module):
    """Parametrization whose weight lies on a grid; the Parameter behind it is as free as ever."""

    draws: ClassVar[bool] = False
    """No random numbers, so that a training need not set any aside for it."""

    def forward(self, weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
        """Rounded weight.

        Parameters
        ----------
        weight : Tensor of shape (n_channels, ...)
        tape : Tape or None, default=None
            Keeps what the backward pass needs; None leaves that to autograd.
        """
        raise NotImplementedError

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight` itself, so that the Parameter stays the one that an optimizer knows."""
        return weight


class LearnedStep(WeightQuantizer):
    """Weight in multiples of a step for each channel, which is trained with the weight.

    Parameters
    ----------
    step : Tensor of shape (n_channels,)
        Where the steps begin. Its absolute value counts, so that it may be trained by anything.
    bits : int
        2 to 8; codes go from ``1 - 2**(bits - 1)`` to ``2**(bits - 1) - 1``.

    References
    ----------
    Esser, McKinstry, Bablani, Appuswamy & Modha (2020), arXiv:1902.08153, equations 1 to 3 and
    section 2.2, where the gradient of a step is divided by the square root of the number of its
    weights times the highest code.
    """

    def __init__(self, step: torch.Tensor, bits: int) -> None:
        super().__init__()
        self.step = nn.Parameter(step.detach().clone())
        self.bits = bits

    @property
    def scale(self) -> torch.Tensor:
        """Positive step of each channel."""
        return self.step.detach().abs().clamp_min(LEAST_STEP)

    def forward(self, weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
        """Code times step."""
        top = 2 ** (self.bits - 1) - 1
        n_weights = weight.numel() // max(len(weight), 1)
        return to_steps(weight, self.step, top, 1 / math.sqrt(max(n_weights * top, 1)), tape)


class Ternary(WeightQuantizer):
    """Weight as -1, 0 or 1 times a scale of its channel, both anew whenever the weight is read.

    References
    ----------
    Li & Liu (2016), arXiv:1605.04711, section 2.
    """

    def forward(self, weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
        """Code times scale."""
        return to_three_values(weight, tape)


class Binary(WeightQuantizer):
    """Weight as -1 or 1 times a scale of its channel; one outside [-1, 1] gets no gradient.

    Keep the weights inside with `clip_weights` after each step of the optimizer.

    Parameters
    ----------
    scaled : bool, default=True
        Scale by the mean absolute weight of the channel, rather than by 1. Weights of exactly
        zero, as behind a mask, have no part in it.

    References
    ----------
    Courbariaux, Bengio & David (2015), arXiv:1511.00363, section 2 (deterministic).
    Rastegari, Ordonez, Redmon & Farhadi (2016), arXiv:1603.05279, section 3.1 (scale).
    """

    def __init__(self, scaled: bool = True) -> None:
        super().__init__()
        self.scaled = scaled

    def forward(self, weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
        """Sign times scale."""
        return to_signs(weight, self.scaled, tape)


class Codebook(WeightQuantizer):
    """Weight in the nearest values of a table, which is trained with it.

    Parameters
    ----------
    table : Tensor of shape (n_values,)
        Where the values begin. One of exactly zero stays zero, so that pruned weights do; a mask
        that comes later adds a value to a table without one.

    References
    ----------
    Han, Mao & Dally (2016), arXiv:1510.00149, section 3. There a value gets the sum of its
    weights' gradients; here their mean, so that it moves as far as a weight does.
    """

    free: torch.Tensor

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table.detach().clone())
        self.register_buffer("free", (table.detach() != 0).to(table.dtype))

    def forward(self, weight: torch.Tensor, tape: Tape | None = None) -> torch.Tensor:
        """Nearest values."""
        return to_table(weight, self.table, self.free, tape)


def quantization_for_training(layer: Layer, scheme: Scheme) -> nn.Module:
    """Parametrization that rounds to the grid of a scheme, fit to the layer's weight.

    Steps and tables begin as those of `quantize_weight`. The step of least squared error, unlike
    the paper's ``2 * mean(abs(w)) / sqrt(top)``, keeps a weight that lies on a grid already,
    fits pruned weights, and begins with the accuracy of quantization after training.

    Parameters
    ----------
    layer : Conv or Linear
        Not changed.
    scheme : Scheme

    Raises
    ------
    ValueError
        A weight is not finite, or the scheme is that of float weights.
    """
    weight = layer.weight.detach()
    quantized = quantize_weight(weight, scheme)
    if scheme.kind == "ternary":
        return Ternary()
    if scheme.kind == "binary":
        return Binary()
    scale = quantized.scale.to(weight)
    if scheme.kind == "codebook":
        # Always the full table, so that states of one scheme have one shape.
        return Codebook(torch.cat([scale, scale[-1:].expand(2**scheme.bits - len(scale))]))
    alive = quantized.codes.flatten(1).any(1)
    if alive.any():  # A channel of zeros begins with its neighbours' step, not with a whole 1.
        scale = scale.where(alive, scale[alive].mean())
    return LearnedStep(scale, scheme.bits)


def weight_quantizer_of(layer: Layer) -> nn.Module | None:
    """Parametrization that rounds the weight of `layer` to a grid, or None."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    parts = parametrizations_of(layer)
    return next((part for part in parts if isinstance(part, WeightQuantizer)), None)


def set_weight_quantizers(module: nn.Module, schemes: Mapping[str, Scheme]) -> None:
    """Keep weights on the grids of their schemes while they are trained.

    A quantizer goes before all other parametrizations of its weight, so that a mask has the last
    word. It takes the place of one that is there already, and with ``"float32"`` that one only
    goes. The Parameters stay the ones that an optimizer knows; weights that are masked become
    zero in them.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    schemes : dict of layer name to Scheme

    Raises
    ------
    ValueError
        A name is no convolution's or linear layer's, a weight is not finite, or another
        parametrization computes it from several tensors, such as weight norm.

    Examples
    --------
    >>> from skdeepopt.quantization._scheme import resolve_scheme
    >>> layer = nn.Linear(100, 1)
    >>> set_weight_quantizers(layer, {"": resolve_scheme("ternary", owner="Example.scheme")})
    >>> len(layer.weight.unique())
    3
    """
    layers = weight_layers(module)
    for name in schemes:
        _check_layer(layers, name)
    for name, scheme in schemes.items():
        layer = layers[name]
        present = weight_quantizer_of(layer)
        if present is not None:
            drop_parametrization(layer, type(present))
        if scheme.kind != "float":
            _register(layer, scheme)


def bake_weight_quantizers(module: nn.Module) -> None:
    """Write rounded weights into the Parameters and remove the quantizers; no answer changes.

    Masks stay.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.

    Raises
    ------
    ValueError
        A quantizer was registered behind a parametrization that changes the rounded weights when
        it is the only one; the layer is named.
    """
    for name, layer in weight_layers(module).items():
        quantizer = weight_quantizer_of(layer)
        if quantizer is not None:
            _bake(name, layer, quantizer)


def clip_weights(module: nn.Module) -> None:
    """Clip the Parameters behind all `Binary` weights to [-1, 1].

    For after each step of an optimizer: the sign of a weight far outside could not change any
    more.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.

    References
    ----------
    Courbariaux, Bengio & David (2015), arXiv:1511.00363, section 2.4.
    """
    with torch.no_grad():
        for layer in weight_layers(module).values():
            if isinstance(weight_quantizer_of(layer), Binary):
                parametrizations_of(layer).original.clamp_(-1, 1)


def _register(layer: Layer, scheme: Scheme) -> None:
    quantizer = quantization_for_training(layer, scheme)
    if not parametrize.is_parametrized(layer, "weight"):
        parametrize.register_parametrization(layer, "weight", quantizer)
        return
    chain = parametrizations_of(layer)
    # Masked weights get no gradient, and must have no part in means either.
    masked = layer.weight.detach() == 0
    with torch.no_grad():
        chain.original.masked_fill_(masked, 0)
    chain.insert(0, quantizer.train(layer.training))


def _bake(name: str, layer: Layer, quantizer: nn.Module) -> None:
    chain = parametrizations_of(layer)
    wanted = layer.weight.detach().clone()
    if chain.is_tensor:
        rounded = chain.original.detach()
        for part in chain:
            rounded = part(rounded).detach()
            if part is quantizer:
                break
        with torch.no_grad():
            chain.original.copy_(rounded + 0.0)  # No negative zeros.
        drop_parametrization(layer, type(quantizer))
    # Equal, but for weights that are not a number any more after a training that failed.
    if not torch.allclose(layer.weight.detach(), wanted, rtol=0, atol=0, equal_nan=True):
        raise ValueError(
            f"bake_weight_quantizers writes rounded weights below masks and the like, not below "
            f"{', '.join(type(part).__name__ for part in chain)} of layer {name!r}. Did you mean "
            f"to set the quantizer with set_weight_quantizers, which puts it first?"
        )


def _check_layer(layers: Mapping[str, Layer], name: str) -> None:
    if name not in layers:
        raise ValueError(
            f"set_weight_quantizers.schemes has names of convolutions and linear layers, not "
            f"{name!r}.{did_you_mean(name, layers)}"
        )
    layer = layers[name]
    is_parametrized = parametrize.is_parametrized(layer, "weight")
    if is_parametrized and not parametrizations_of(layer).is_tensor:
        others = ", ".join(type(part).__name__ for part in parametrizations_of(layer))
        raise ValueError(
            f"set_weight_quantizers.schemes has names of layers whose weight is one tensor, not "
            f"computed from several as by {others} of layer {name!r}. Did you mean to remove that "
            f"first, with torch.nn.utils.parametrize.remove_parametrizations?"
        )
    if not bool(latent_of(layer).isfinite().all()):
        raise ValueError(
            f"set_weight_quantizers.schemes has names of layers with finite weights, not NaN or "
            f"infinite as in layer {name!r}. Did you mean to train with a lower learning rate?"
        )
