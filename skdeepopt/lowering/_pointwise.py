"""Writers of what works on each number by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Grid, Step, Value

__all__ = [
    "write_activation",
    "write_arithmetic",
    "write_clip",
    "write_relu",
    "write_same",
    "write_silu",
    "write_softplus",
]

_ARITHMETIC = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}

_ACTIVATIONS: dict[str, tuple[str, Callable[[Context, fx.Node], Mapping[str, Any]]]] = {
    "sigmoid": ("Sigmoid", lambda _context, _node: {}),
    "tanh": ("Tanh", lambda _context, _node: {}),
    "hardswish": ("HardSwish", lambda _context, _node: {}),
    "gelu": (
        "Gelu",
        lambda context, node: {"approximate": context.argument(node, 1, "approximate", "none")},
    ),
    "elu": ("Elu", lambda context, node: {"alpha": context.argument(node, 1, "alpha", 1.0)}),
    "leaky_relu": (
        "LeakyRelu",
        lambda context, node: {"alpha": context.argument(node, 1, "negative_slope", 0.01)},
    ),
}
"""Operator of ONNX, and its attributes."""


def write_relu(context: Context, node: fx.Node) -> Value:
    """Rectifier."""
    return context.stepped(node, _clipping(node, 0.0, None))


def write_clip(context: Context, node: fx.Node) -> Value:
    """Clipping to constant bounds, and ReLU6."""
    low, high = _bounds(context, node)
    if any(isinstance(bound, fx.Node) for bound in (low, high)):
        raise context.refused(node, "a bound that is a tensor")
    return context.stepped(node, _clipping(node, low, high))


def write_activation(context: Context, node: fx.Node) -> Value:
    """An activation that ONNX has."""
    operator, attributes = _ACTIVATIONS[context.operation(node)]
    inputs = [context.floats(context.source(node))]
    return Value(context.model.node(operator, inputs, node.name, **attributes(context, node)))


def write_silu(context: Context, node: fx.Node) -> Value:
    """A number times its sigmoid."""
    inputs = context.floats(context.source(node))
    gate = context.model.node("Sigmoid", [inputs], f"{node.name}_gate")
    return Value(context.model.node("Mul", [inputs, gate], node.name))


def write_softplus(context: Context, node: fx.Node) -> Value:
    """``log(1 + exp(beta * x)) / beta``."""
    name, beta = context.floats(context.source(node)), context.argument(node, 1, "beta", 1.0)
    factor = context.model.constant(np.float32(beta), "beta")
    if beta != 1:
        name = context.model.node("Mul", [name, factor], f"{node.name}_scaled")
    name = context.model.node("Softplus", [name], node.name)
    return Value(name if beta == 1 else context.model.node("Div", [name, factor], node.name))


def write_arithmetic(context: Context, node: fx.Node) -> Value:
    """Sum, difference, product or quotient of two tensors, or of one and a number."""
    if context.argument(node, 2, "alpha", 1) != 1 or node.kwargs.get("rounding_mode"):
        raise context.refused(node, "alpha or rounding_mode")
    both = [node.args[0], node.args[1] if len(node.args) > 1 else node.kwargs["other"]]
    operator = _ARITHMETIC[context.operation(node)]
    return Value(context.model.node(operator, [context.floats(one) for one in both], node.name))


def write_same(context: Context, node: fx.Node) -> Value:
    """Identities, and dropout, which is none at inference."""
    return context.stepped(node, lambda _context, name, _grid: name)


def _bounds(context: Context, node: fx.Node) -> tuple[Any, Any]:
    if context.operation(node) == "relu6":
        return 0.0, 6.0
    if node.op == "call_module" or "hardtanh" in getattr(node.target, "__name__", ""):
        low = context.argument(node, 1, "min_val", -1.0)
        return low, context.argument(node, 2, "max_val", 1.0)
    return context.argument(node, 1, "min"), context.argument(node, 2, "max")


def _clipping(node: fx.Node, low: float | None, high: float | None) -> Step:
    def clipped(context: Context, name: str, grid: Grid | None) -> str:
        if grid is not None:
            return _clipped_codes(context, name, grid, low, high)
        if (low, high) == (0, None):
            return context.model.node("Relu", [name], f"{node.name}_clipped")
        bounds = [
            "" if bound is None else context.model.constant(np.float32(bound), "bound")
            for bound in (low, high)
        ]
        return context.model.node("Clip", [name, *bounds], f"{node.name}_clipped")

    return clipped


def _clipped_codes(
    context: Context, name: str, grid: Grid, low: float | None, high: float | None
) -> str:
    """Clip at the codes of the bounds, which comes to the same, as rounding keeps the order."""
    lowest = 0 if low is None else grid.code(low)
    highest = grid.top if high is None else grid.code(high)
    if (lowest, highest) == (0, grid.top):
        return name
    bounds = [context.model.constant(np.uint8(code), "bound") for code in (lowest, highest)]
    return context.model.node("Clip", [name, *bounds], f"{name}_clipped")
