"""Writers of what only arranges numbers anew; codes stay codes."""

from __future__ import annotations

import math

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Grid, Step, Value

__all__ = ["flattening", "reshaping", "write_cat", "write_reshape"]


def write_reshape(context: Context, node: fx.Node) -> Value:
    """Flatten, view, reshape, squeeze, unsqueeze: whatever keeps the numbers in their order."""
    return context.stepped(node, reshaping(context, node))


def write_cat(context: Context, node: fx.Node) -> Value:
    """Concatenation."""
    tensors = node.args[0] if node.args else node.kwargs["tensors"]
    names = [context.floats(tensor) for tensor in tensors]  # type: ignore[union-attr]
    axis = context.argument(node, 1, "dim", node.kwargs.get("axis", 0))
    return Value(context.model.node("Concat", names, node.name, axis=axis))


def flattening(axis: int) -> Step:
    """Step to a matrix: the axes before `axis` in one, and the others in one."""

    def flattened(context: Context, name: str, _grid: Grid | None) -> str:
        return context.model.node("Flatten", [name], f"{name}_flat", axis=axis)

    return flattened


def reshaping(context: Context, node: fx.Node, *, from_rows: bool = False) -> Step:
    """Step to the shape of what a node gives, from that of its source or from a matrix of rows."""
    source, shape = context.shape(context.source(node)), context.shape(node)
    if source == shape and not from_rows:
        return lambda _context, name, _grid: name
    if len(shape) == 2 and shape[0] is source[0] is None and shape[1] == _product(source[1:]):
        return flattening(1)
    # One size is left to be calculated, and the first can be copied.
    sizes = [-1 if size is None else size for size in shape]
    if sizes.count(-1) > 1 and shape[0] is source[0] is None and not from_rows:
        sizes[0] = 0
    if sizes.count(-1) > 1:
        raise context.refused(node, "a shape with more than one size that grows with the batch")

    def reshaped(context: Context, name: str, _grid: Grid | None) -> str:
        target = context.model.constant(np.array(sizes, np.int64), f"{node.name}_shape")
        return context.model.node("Reshape", [name, target], f"{name}_reshaped")

    return reshaped


def _product(sizes: tuple[int | None, ...]) -> int | None:
    known = [size for size in sizes if size is not None]
    return math.prod(known) if len(known) == len(sizes) else None
