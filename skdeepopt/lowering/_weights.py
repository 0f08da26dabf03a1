"""Weights and biases of layers, in floating point or as codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from skdeepopt.layers._operations import operation_of
from skdeepopt.lowering._context import Context, Grid, Quantized, as_numbers, grid_of

__all__ = ["integer_weight", "runs_in_float", "set_lowered_weights", "weight_and_bias"]

_LARGEST_BIAS = 2.0**30
"""Half of what the sums of integer layers hold; products take up the rest."""

_DEAD_BIAS = 2.0**20
"""Code of the bias of a channel without weights, which makes it as precise as it need be."""

_KEEP_CODES = ("relu", "relu6", "clip", "max_pool", "flatten", "reshape", "dropout", "identity")


@dataclass(frozen=True)
class _Integers:
    """A layer's codes with one scale a channel along axis 0, or one in all.

    Parameters
    ----------
    codes : int8 array
    scale : float32 array
    bias : int32 array or None
        In steps of `step`.
    step : float64 array
        Of the products: scale of the input times scale of the weight.
    """

    codes: np.ndarray
    scale: np.ndarray
    bias: np.ndarray | None
    step: np.ndarray


def runs_in_float(context: Context, node: fx.Node) -> bool:
    """Whether a convolution or linear layer has float weights, or none that run as integers."""
    weight = context.weights.get(str(node.target))
    is_float = weight is None or weight.kind == "codebook"
    return is_float or _grid_for(context.graph, node) is None


def weight_and_bias(context: Context, node: fx.Node) -> list[str]:
    """Names of a layer's weight and, if it has one, of its bias.

    Parameters
    ----------
    context : Context
    node : torch.fx.Node
        Call of a convolution or linear layer.
    """
    layer, name = context.module(node), str(node.target)
    weight = context.weights.get(name)
    if weight is None:
        names = [context.model.constant(as_numbers(layer.weight), f"{name}.weight")]
    elif weight.kind == "codebook":
        names = [_from_table(context, name, weight)]
    else:
        grid = _grid_for(context.graph, node)
        if grid is not None:
            return _written(context, name, _integers(weight, layer.bias, grid))
        names = [_scaled(context, name, weight)]
    if layer.bias is not None:
        names.append(context.model.constant(as_numbers(layer.bias), f"{name}.bias"))
    return names


def integer_weight(context: Context, node: fx.Node) -> str:
    """Name of a linear layer's weight as codes, transposed, for products without a bias.

    Parameters
    ----------
    context : Context
    node : torch.fx.Node
        Call of a linear layer.
    """
    name = str(node.target)
    weight = context.weights[name]
    scale = as_numbers(weight.scale)
    parts = [np.ascontiguousarray(_codes(weight).T), scale, np.zeros(scale.shape, np.int8)]
    return _dequantized(context, parts, f"{name}.weight", axis=1)


@torch.no_grad()
def set_lowered_weights(graph: fx.GraphModule, weights: Mapping[str, Quantized]) -> None:
    """Give a graph the very numbers that its integer model has, with biases on their grid.

    Then what is left between the answers of the graph and those of the model is the rounding of
    sums that lie in the middle between two codes.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        With quantizers, as :func:`to_onnx` takes it; changed in place.
    weights : mapping of layer name to QuantizedTensor
        As :func:`to_onnx` takes them.
    """
    calls = [node for node in graph.graph.nodes if node.op == "call_module"]
    for name, weight in weights.items():
        layer: Any = graph.get_submodule(name)
        grids = {_grid_for(graph, node) for node in calls if node.target == name}
        grid = grids.pop() if len(grids) == 1 else None
        if weight.kind == "codebook":
            values = weight.scale[weight.codes.long()]
        elif grid is None:
            values = torch.from_numpy(_values(_codes(weight), as_numbers(weight.scale)))
        else:
            integers = _integers(weight, layer.bias, grid)
            values = torch.from_numpy(_values(integers.codes, integers.scale))
            if integers.bias is not None:
                bias = torch.from_numpy(integers.bias * integers.step)
                layer.bias.copy_(bias)
        layer.weight.copy_(values)


def _grid_for(graph: fx.GraphModule, node: fx.Node) -> Grid | None:
    """Grid of a layer's input, None where ONNX Runtime has no integer kernel for the layer."""
    source, operation = node.all_input_nodes[0], operation_of(graph, node)
    while operation_of(graph, source) in _KEEP_CODES:
        source = source.all_input_nodes[0]
    if operation_of(graph, source) != "quantizer" or operation == "conv_transpose":
        return None
    if operation == "conv" and not _ends_in_codes(graph, node):
        return None
    return grid_of(graph.get_submodule(str(source.target)))


def _ends_in_codes(graph: fx.GraphModule, node: fx.Node) -> bool:
    while len(node.users) == 1:
        node = next(iter(node.users))
        if operation_of(graph, node) == "quantizer":
            return True
        if operation_of(graph, node) not in _KEEP_CODES:
            return False
    return False


def _codes(weight: Quantized) -> np.ndarray:
    return weight.codes.detach().cpu().numpy().astype(np.int8)


def _along(scale: np.ndarray, ndim: int) -> np.ndarray:
    """Scale in a shape that multiplies each channel of a weight."""
    return scale.reshape(-1, *[1] * (ndim - 1)) if scale.ndim else scale


def _values(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return codes.astype(np.float32) * _along(scale, codes.ndim)


def _integers(weight: Quantized, bias: nn.Parameter | None, grid: Grid) -> _Integers:
    codes, scale = _codes(weight), as_numbers(weight.scale)
    if bias is None:
        return _Integers(codes, scale, None, grid.scale * scale.astype(np.float64))
    wanted = as_numbers(bias).astype(np.float64)
    codes, scale = _with_room_for(np.abs(wanted) / grid.scale, codes, scale)
    step = grid.scale * scale.astype(np.float64)
    return _Integers(codes, scale, np.rint(wanted / step).astype(np.int32), step)


def _with_room_for(
    size: np.ndarray, codes: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scale, larger where a bias of that `size` would not fit in an integer.

    A bias is written in steps of the products. Where weights are that small beside it, what the
    larger scale takes from them is below the bias's own rounding in float32. A channel whose
    weights are all zero can have any scale, and gets one that leaves its bias precise.
    """
    is_dead = ~codes.reshape(len(codes), -1).any(axis=1)
    fits = np.where(is_dead & (size > 0), size / _DEAD_BIAS, scale.astype(np.float64))
    fits = np.maximum(fits, size / _LARGEST_BIAS)
    if (fits == scale).all():
        return codes, scale
    moved = np.rint(codes * _along(scale / fits, codes.ndim)).clip(-127, 127)
    return moved.astype(np.int8), fits.astype(np.float32)


def _written(context: Context, name: str, integers: _Integers) -> list[str]:
    # Zero points are spelled out: ONNX Runtime 1.32 does not fuse a Gemm without.
    shape, step = integers.scale.shape, integers.step.astype(np.float32)
    parts = [integers.codes, integers.scale, np.zeros(shape, np.int8)]
    names = [_dequantized(context, parts, f"{name}.weight")]
    if integers.bias is not None:
        parts = [integers.bias, step, np.zeros(shape, np.int32)]
        names.append(_dequantized(context, parts, f"{name}.bias"))
    return names


def _dequantized(context: Context, parts: list[np.ndarray], name: str, *, axis: int = 0) -> str:
    names = (name, f"{name}_scale", f"{name}_zero_point")
    inputs = [
        context.model.constant(part, wanted, shared=part.dtype != np.int8)
        for part, wanted in zip(parts, names, strict=True)
    ]
    return context.model.node("DequantizeLinear", inputs, f"{name}_floats", axis=axis)


def _scaled(context: Context, name: str, weight: Quantized) -> str:
    """Codes times scale, which ONNX Runtime multiplies once; it would dequantize at every run."""
    codes = context.model.constant(_codes(weight), f"{name}.weight")
    floats = context.model.node("Cast", [codes], f"{name}.weight_codes", to=1)
    scale = _along(as_numbers(weight.scale), weight.codes.ndim)
    factor = context.model.constant(scale, f"{name}.weight_scale")
    return context.model.node("Mul", [floats, factor], f"{name}.weight_floats")


def _from_table(context: Context, name: str, weight: Quantized) -> str:
    table = context.model.constant(as_numbers(weight.scale), f"{name}.weight_values")
    codes = context.model.constant(weight.codes.cpu().numpy().astype(np.uint8), f"{name}.weight")
    places = context.model.node("Cast", [codes], f"{name}.weight_codes", to=6)
    return context.model.node("Gather", [table, places], f"{name}.weight_floats")
