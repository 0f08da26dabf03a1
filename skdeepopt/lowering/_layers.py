"""Writers of the layers that have weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Grid, Step, Value, as_numbers, grid_of
from skdeepopt.lowering._dynamic import write_dynamic_linear
from skdeepopt.lowering._reshaping import flattening, reshaping
from skdeepopt.lowering._weights import runs_in_float, weight_and_bias

__all__ = [
    "write_batch_norm",
    "write_conv",
    "write_conv_transpose",
    "write_linear",
    "write_quantizer",
    "write_standardize",
]

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def write_conv(context: Context, node: fx.Node) -> Value:
    """Convolution of any rank."""
    layer = context.module(node)
    pads, plain = _pads(layer), runs_in_float(context, node)
    if layer.padding_mode == "zeros":
        images = context.floats(context.source(node), plain=plain)
    else:
        padding = _padding(pads, _PAD_MODES[layer.padding_mode])
        images = context.floats_after(node, padding, plain=plain)
        pads = [0] * len(pads)
    inputs = [images, *weight_and_bias(context, node)]
    return Value(
        context.model.node(
            "Conv",
            inputs,
            node.name,
            kernel_shape=layer.kernel_size,
            strides=layer.stride,
            dilations=layer.dilation,
            group=layer.groups,
            pads=pads,
        )
    )


def write_conv_transpose(context: Context, node: fx.Node) -> Value:
    """Transposed convolution of any rank."""
    layer = context.module(node)
    images = context.floats(context.source(node), plain=True)
    inputs = [images, *weight_and_bias(context, node)]
    return Value(
        context.model.node(
            "ConvTranspose",
            inputs,
            node.name,
            kernel_shape=layer.kernel_size,
            strides=layer.stride,
            dilations=layer.dilation,
            group=layer.groups,
            pads=[*layer.padding, *layer.padding],
            output_padding=layer.output_padding,
        )
    )


def write_linear(context: Context, node: fx.Node) -> Value:
    """Linear layer on vectors, or along the last axis of more than those."""
    if context.operation(context.source(node)) == "dynamic_quantizer":
        return write_dynamic_linear(context, node)
    shape, plain = context.shape(node), runs_in_float(context, node)
    if len(shape) == 2:
        vectors = context.floats(context.source(node), plain=plain)
        inputs = [vectors, *weight_and_bias(context, node)]
        return Value(context.model.node("Gemm", inputs, node.name, transB=1))
    # ONNX Runtime has an integer kernel with a bias for matrices only.
    rows = context.floats_after(node, flattening(len(shape) - 1), plain=plain)
    name = context.model.node(
        "Gemm", [rows, *weight_and_bias(context, node)], f"{node.name}_rows", transB=1
    )
    return Value(name, steps=(reshaping(context, node, from_rows=True),))


def write_batch_norm(context: Context, node: fx.Node) -> Value:
    """Batch norm that could not be folded into the layer before it."""
    norm, name = context.module(node), str(node.target)
    if norm.running_mean is None:
        raise context.refused(node, "the use of each batch's own statistics")
    mean, variance = as_numbers(norm.running_mean), as_numbers(norm.running_var)
    weight = np.ones_like(mean) if norm.weight is None else as_numbers(norm.weight)
    bias = np.zeros_like(mean) if norm.bias is None else as_numbers(norm.bias)
    parts = {"weight": weight, "bias": bias, "mean": mean, "variance": variance}
    constants = [context.model.constant(part, f"{name}.{key}") for key, part in parts.items()]
    inputs = [context.floats(context.source(node)), *constants]
    return Value(context.model.node("BatchNormalization", inputs, node.name, epsilon=norm.eps))


def write_standardize(context: Context, node: fx.Node) -> Value:
    """Shift and scale of each channel; before a quantizer one scale for all moves into that."""
    layer, pixels = context.module(node), context.floats(context.source(node))
    mean, scale = as_numbers(layer.mean), as_numbers(layer.scale)
    readers = [context.operation(reader) for reader in node.users]
    if readers == ["quantizer"] and (scale == scale.flat[0]).all() and scale.flat[0] > 0:
        if (mean == mean.flat[0]).all():
            return Value(pixels, shift=float(mean.flat[0]), divisor=float(scale.flat[0]))
        means = context.model.constant(mean, "means")
        shifted = context.model.node("Sub", [pixels, means], node.name)
        return Value(shifted, divisor=float(scale.flat[0]))
    factors = context.model.constant(1 / scale, "factors")
    scaled = context.model.node("Mul", [pixels, factors], f"{node.name}_scaled")
    shifts = context.model.constant(-mean / scale, "shifts")
    return Value(context.model.node("Add", [scaled, shifts], node.name))


def write_quantizer(context: Context, node: fx.Node) -> Value:
    """Floats as codes; whatever was waiting to be written is written on them."""
    source, grid = context.source(node), grid_of(context.module(node))
    value = context.value(source)
    if value.grid is not None:
        value = Value(context.floats(source))
    elif len(source.users) > 1:
        context.floats(source)
        value = context.value(source)
    return context.quantized(value, grid, node.name)


def _pads(layer: Any) -> list[int]:
    if layer.padding == "valid":
        return [0, 0] * len(layer.kernel_size)
    if layer.padding == "same":
        totals = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return [*layer.padding, *layer.padding]


def _padding(pads: Sequence[int], mode: str) -> Step:
    def padded(context: Context, name: str, _grid: Grid | None) -> str:
        half = len(pads) // 2
        every = np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64)
        amounts = context.model.constant(every, "pads")
        return context.model.node("Pad", [name, amounts], f"{name}_padded", mode=mode)

    return padded
