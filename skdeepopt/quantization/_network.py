"""A network and its number grids, and its weights as codes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.layers._parametrizations import parametrizations_of
from skdeepopt.layers._weighted import Layer, weight_layers
from skdeepopt.quantization._scheme import Scheme
from skdeepopt.quantization._tensor import QuantizedTensor
from skdeepopt.quantization._weights import quantize_weight

__all__ = [
    "ACTIVATION_BITS",
    "Quantization",
    "better_in_float",
    "integer_weights",
    "round_weights",
    "split",
    "write_weight",
]

ACTIVATION_BITS = 8
"""Of the numbers between the layers: what the integer kernels of all engines take."""

_FEW_CHANNELS = 4
_FEW_OUTPUTS = 8
_FLOAT_BLOCK = 16


@dataclass(frozen=True)
class Quantization:
    """Which grid each layer's weights lie on, and which ones the numbers between the layers.

    Parameters
    ----------
    schemes : dict of layer name to Scheme
        Layers without an entry stay in float.
    activations : dict of key to (float, int)
        Scale and zero point, by the keys of :func:`place_quantizers`; empty where all numbers
        between the layers stay in float.
    float_layers : tuple of str, default=()
        Layers that compute in float, with weights on their grids.
    dynamic : bool, default=False
        The other layers round what they read to a grid that each row chooses. There are no
        `activations` then.
    """

    schemes: Mapping[str, Scheme]
    activations: Mapping[str, tuple[float, int]]
    float_layers: tuple[str, ...] = ()
    dynamic: bool = False

    def __post_init__(self) -> None:
        assert not (self.dynamic and self.activations), "a tensor lies on one grid"

    @property
    def rounds_activations(self) -> bool:
        """Whether numbers between the layers are rounded too."""
        return self.dynamic or bool(self.activations)

    def in_float(self, module: nn.Module) -> list[str]:
        """Layers of `module` that compute in float."""
        return [
            name
            for name in weight_layers(module)
            if name not in self.schemes or name in self.float_layers
        ]


def round_weights(module: nn.Module, schemes: Mapping[str, Scheme]) -> dict[str, QuantizedTensor]:
    """Move the weights of layers onto their grids, in place.

    Weights that lie on theirs stay as they are, and so do zeros behind a mask.

    Parameters
    ----------
    module : torch.nn.Module
    schemes : dict of layer name to Scheme

    Returns
    -------
    weights : dict of layer name to QuantizedTensor

    Raises
    ------
    ValueError
        A weight is NaN or infinite; the layer is named.
    """
    layers = weight_layers(module)
    rounded = {name: _quantized(layers[name], name, scheme) for name, scheme in schemes.items()}
    for name, tensor in rounded.items():
        write_weight(layers[name], tensor.values())
    return rounded


@torch.no_grad()
def write_weight(layer: Layer, values: torch.Tensor) -> None:
    """Give a layer a weight; behind a mask, what lies under the mask.

    Parameters
    ----------
    layer : Conv or Linear
    values : Tensor of the weight's shape
    """
    if is_parametrized(layer, "weight"):
        parametrizations_of(layer).original.copy_(values)
    else:
        layer.weight.copy_(values)


def integer_weights(
    graph: fx.GraphModule, quantization: Quantization
) -> dict[str, QuantizedTensor]:
    """Codes of the layers that compute in integers.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Folded; a batch norm multiplies a channel's scale, and leaves its codes.
    quantization : Quantization
    """
    return {
        name: _quantized(layer, name, quantization.schemes[name])
        for name, layer in weight_layers(graph).items()
        if name in quantization.schemes
        and name not in quantization.float_layers
        and quantization.schemes[name].kind != "codebook"
    }


def better_in_float(module: nn.Module) -> tuple[str, ...]:
    """The first layer, where it is a convolution that engines compute faster in float.

    Integer kernels gather what each output reads into a row, which is most of the work where a
    pixel has one to four channels; float kernels read it in place, for blocks of 16 outputs. Where
    the last block is not full, that still pays as long as there are few outputs: at most eight for
    each pixel that is read, of which a stride of two leaves a quarter. Measured with ONNX Runtime
    1.32: a network cut from 16 such channels to 8 took 1.5 times as long with all layers in
    integers, and 0.8 times as long with the first one in float.

    Parameters
    ----------
    module : torch.nn.Module
    """
    name, layer = next(iter(weight_layers(module).items()), ("", None))
    if not isinstance(layer, nn.Conv2d) or layer.groups > 1:
        return ()
    few = layer.out_channels <= _FEW_OUTPUTS * math.prod(layer.stride)
    pays = few or layer.out_channels % _FLOAT_BLOCK == 0
    return (name,) if layer.in_channels <= _FEW_CHANNELS and pays else ()


def split(inputs: torch.Tensor, size: int = 256) -> Iterable[torch.Tensor]:
    """Batches of float samples."""
    return (part.float() for part in inputs.split(size))


def _quantized(layer: Layer, name: str, scheme: Scheme) -> QuantizedTensor:
    try:
        return quantize_weight(layer.weight.detach(), scheme)
    except ValueError as error:
        raise ValueError(f"The weight of layer {name!r}: {error}") from error
