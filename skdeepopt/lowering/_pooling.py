"""Writers of pools and means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from torch import fx

from skdeepopt.lowering._context import Context, Grid, Value
from skdeepopt.lowering._reshaping import flattening

__all__ = ["write_adaptive_avg_pool", "write_avg_pool", "write_max_pool", "write_mean"]


@dataclass
class _Window:
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def attributes(self) -> dict[str, Any]:
        return {
            "kernel_shape": self.kernel,
            "strides": self.stride,
            "pads": [*self.before, *self.after],
            "dilations": self.dilation if max(self.dilation) > 1 else None,
        }


def write_max_pool(context: Context, node: fx.Node) -> Value:
    """Largest of each window; of codes too, of which the largest is that of the largest number."""
    if context.argument(node, 6, "return_indices", False) or node not in context.shapes:
        raise context.refused(node, "the indices")
    window = _window(context, node, dilation_place=4, ceil_place=5)

    def pooled(context: Context, name: str, _grid: Grid | None) -> str:
        return context.model.node("MaxPool", [name], f"{node.name}_pooled", **window.attributes())

    return context.stepped(node, pooled)


def write_avg_pool(context: Context, node: fx.Node) -> Value:
    """Mean of each window."""
    if context.argument(node, 6, "divisor_override") is not None:
        raise context.refused(node, "divisor_override")
    window = _window(context, node, dilation_place=None, ceil_place=4)
    counts_padding = bool(context.argument(node, 5, "count_include_pad", True))
    counts_padding = counts_padding and max(window.before) > 0
    if counts_padding and window.before != window.after:
        raise context.refused(node, "ceil_mode together with count_include_pad")
    name = context.model.node(
        "AveragePool",
        [context.floats(context.source(node))],
        node.name,
        count_include_pad=int(counts_padding),
        **window.attributes(),
    )
    return Value(name)


def write_adaptive_avg_pool(context: Context, node: fx.Node) -> Value:
    """Means of windows that cover the image evenly, to a fixed size."""
    inputs, outputs = context.shape(context.source(node))[2:], context.shape(node)[2:]
    assert None not in (*inputs, *outputs), node
    sides = list(zip(inputs, outputs, strict=True))
    name = context.floats(context.source(node))
    if inputs == outputs:
        return Value(name)
    if set(outputs) == {1}:
        return Value(context.model.node("GlobalAveragePool", [name], node.name))
    steps = [_even_steps(*side) for side in sides]  # type: ignore[arg-type]
    if None not in steps:
        kernel, stride = zip(*steps, strict=True)
        name = context.model.node(
            "AveragePool", [name], node.name, kernel_shape=kernel, strides=stride
        )
        return Value(name)
    return Value(_by_matrices(context, node, name, sides))


def write_mean(context: Context, node: fx.Node) -> Value:
    """Mean over axes, over all pixels by a global pool."""
    dims = context.argument(node, 1, "dim", node.kwargs.get("axis"))
    keeps = bool(context.argument(node, 2, "keepdim", node.kwargs.get("keepdims", False)))
    name = context.floats(context.source(node))
    rank = len(context.shape(context.source(node)))
    over = range(rank) if dims is None else dims if isinstance(dims, Iterable) else [dims]
    axes = sorted(axis % rank for axis in over)
    if axes == list(range(2, rank)):
        pooled = context.model.node("GlobalAveragePool", [name], node.name)
        return Value(pooled, steps=() if keeps else (flattening(1),))
    places = context.model.constant(np.array(axes, np.int64), "axes")
    return Value(context.model.node("ReduceMean", [name, places], node.name, keepdims=int(keeps)))


def _window(
    context: Context, node: fx.Node, *, dilation_place: int | None, ceil_place: int
) -> _Window:
    """Padding is written out, as rounding up of sizes differs between torch and ONNX."""
    inputs, outputs = context.shape(context.source(node))[2:], context.shape(node)[2:]
    rank = len(outputs)
    kernel = _each(context.argument(node, 1, "kernel_size"), rank)
    stride = _each(context.argument(node, 2, "stride") or kernel, rank)
    before = _each(context.argument(node, 3, "padding", 0), rank)
    dilation = (1,) * rank
    if dilation_place is not None:
        dilation = _each(context.argument(node, dilation_place, "dilation", 1), rank)
    after = list(before)
    if context.argument(node, ceil_place, "ceil_mode", False):
        for axis in range(rank):
            spans = (outputs[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1  # type: ignore[operator]
            after[axis] = max(before[axis], spans - inputs[axis] - before[axis])  # type: ignore[operator]
    return _Window(kernel, stride, dilation, before, tuple(after))


def _each(setting: Any, rank: int) -> tuple[int, ...]:
    values = tuple(setting) if isinstance(setting, Sequence) else (setting,)
    return values * rank if len(values) == 1 else values


def _bounds(size: int, outputs: int) -> list[tuple[int, int]]:
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def _even_steps(size: int, outputs: int) -> tuple[int, int] | None:
    """Kernel and stride of a plain pool with the same windows, None where there is none."""
    bounds = _bounds(size, outputs)
    kernels = {stop - start for start, stop in bounds}
    strides = {b[0] - a[0] for a, b in pairwise(bounds)} or {1}
    is_even = len(kernels) == len(strides) == 1 and strides != {0}
    return (kernels.pop(), strides.pop()) if is_even else None


def _by_matrices(context: Context, node: fx.Node, name: str, sides: list[Any]) -> str:
    """Windows of several sizes as products with matrices, along one or two axes."""
    if len(sides) > 2:
        raise context.refused(node, "windows of several sizes in three dimensions")
    averages = []
    for size, outputs in sides:
        matrix = np.zeros((outputs, size), np.float32)
        for row, (start, stop) in zip(matrix, _bounds(size, outputs), strict=True):
            row[start:stop] = 1 / (stop - start)
        averages.append(matrix)
    columns = context.model.constant(np.ascontiguousarray(averages[-1].T), "averages")
    name = context.model.node("MatMul", [name, columns], f"{node.name}_across")
    if len(sides) == 2:
        rows = context.model.constant(averages[0], "averages")
        name = context.model.node("MatMul", [rows, name], node.name)
    return name
