"""Writer of the layer that brings images to the channels, sides and range of another network."""

from __future__ import annotations

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Value, as_numbers

__all__ = ["write_match_input"]

_CHANNELS = np.array([1], np.int64)


def write_match_input(context: Context, node: fx.Node) -> Value:
    """Grey of colours, two products with constant matrices, and each channel's scale and shift.

    What does nothing is left out.
    """
    layer, model, name = context.module(node), context.model, node.name
    images = context.floats(context.source(node), plain=True)
    if layer.luma is not None:
        shares = model.constant(as_numbers(layer.luma), "luma")
        weighted = model.node("Mul", [images, shares], f"{name}_weighted")
        axis = model.constant(_CHANNELS, "channels")
        images = model.node("ReduceSum", [weighted, axis], f"{name}_grey", keepdims=1)
    if layer.columns is not None:
        columns = model.constant(as_numbers(layer.columns.t()), "columns")
        images = model.node("MatMul", [images, columns], f"{name}_across")
    if layer.rows is not None:
        rows = model.constant(as_numbers(layer.rows), "rows")
        images = model.node("MatMul", [rows, images], f"{name}_down")
    scale, shift = as_numbers(layer.scale), as_numbers(layer.shift)
    # The product also repeats a single channel.
    if (scale != 1).any() or context.shape(node)[1] != context.shape(context.source(node))[1]:
        images = model.node("Mul", [images, model.constant(scale, "scales")], f"{name}_scaled")
    if shift.any():
        images = model.node("Add", [images, model.constant(shift, "shifts")], f"{name}_shifted")
    return Value(images)
