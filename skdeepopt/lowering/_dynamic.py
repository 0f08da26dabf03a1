"""Writers of linear layers that round each row over its own range as it comes in."""

from __future__ import annotations

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Value, as_numbers
from skdeepopt.lowering._weights import integer_weight

__all__ = ["write_dynamic_linear", "write_dynamic_quantizer"]


def write_dynamic_quantizer(context: Context, node: fx.Node) -> Value:
    """The floats as they are: a row's range multiplies the sums of the layer behind."""
    for reader in node.users:
        weight = context.weights.get(str(reader.target))
        if context.operation(reader) != "linear" or weight is None or weight.kind == "codebook":
            raise context.refused(reader, "rounding rows over their own range in front")
    return Value(context.floats(context.source(node)))


def write_dynamic_linear(context: Context, node: fx.Node) -> Value:
    """Linear layer along the last axis, behind its quantizer.

    A row divided by its largest absolute value lies on a grid that all rows share, so that an
    integer kernel with fixed scales takes it; what it gives is multiplied by that value, and only
    then comes the bias. DynamicQuantizeLinear has one range for the batch, in which each row would
    be rounded as the others demand.
    """
    model, layer = context.model, context.module(node)
    codes, size = _rows(context, context.source(node))
    products = model.node("MatMul", [codes, integer_weight(context, node)], f"{node.name}_products")
    if layer.bias is None:
        return Value(model.node("Mul", [products, size], node.name))
    scaled = model.node("Mul", [products, size], f"{node.name}_scaled")
    bias = model.constant(as_numbers(layer.bias), f"{node.target}.bias")
    return Value(model.node("Add", [scaled, bias], node.name))


def _rows(context: Context, node: fx.Node) -> tuple[str, str]:
    """Names of the rows on the grid from -1 to 1, and of their largest absolute values."""
    model, quantizer, name = context.model, context.module(node), node.name
    rows = context.floats(context.source(node))
    absolute = model.node("Abs", [rows], f"{name}_absolute") if quantizer.signed else rows
    last = model.constant(np.array([-1], np.int64), "last_axis")
    size = model.node("ReduceMax", [absolute, last], f"{name}_largest")
    limits = [model.constant(np.float32(limit), "limit") for limit in quantizer.limits]
    size = model.node("Clip", [size, *limits], f"{name}_size")
    shares = model.node("Div", [rows, size], f"{name}_shares")
    grid = [
        model.constant(np.float32(quantizer.step), "step"),
        model.constant(np.uint8(quantizer.zero_point), "zero_point"),
    ]
    codes = model.node("QuantizeLinear", [shares, *grid], f"{name}_codes")
    return model.node("DequantizeLinear", [codes, *grid], f"{name}_rounded"), size
