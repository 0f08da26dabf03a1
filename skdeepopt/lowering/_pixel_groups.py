"""Neighbouring pixels as channels, where a convolution has too few to fill a vector register."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from skdeepopt.layers._operations import operation_of
from skdeepopt.lowering._shapes import shapes_of

__all__ = ["pixels_grouped"]

_POINTWISE = (
    "relu",
    "relu6",
    "clip",
    "silu",
    "softplus",
    "sigmoid",
    "tanh",
    "hardswish",
    "gelu",
    "elu",
    "leaky_relu",
)
_FACTORS = ((1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (2, 4), (4, 2), (4, 4))
_LANES = {"AVX2": 8, "AVX512": 16}
"""Numbers in a register, which the kernels of ONNX Runtime give to output channels."""

_WORTH = 0.9
"""Of the work as it is, below which a grouping pays."""


class _Pair(NamedTuple):
    """A convolution whose outputs one other reads, through operations on single numbers."""

    first: nn.Conv2d
    second: nn.Conv2d
    names: tuple[str, str]
    pixels: tuple[int, int]
    """Rows and columns between the two."""

    @property
    def padding(self) -> tuple[int, int]:
        """Of the second layer."""
        top, left = map(int, self.second.padding)
        return top, left


def pixels_grouped(
    graph: fx.GraphModule, sample_shape: tuple[int, ...], *, lanes: int | None = None
) -> fx.GraphModule:
    """The network with neighbouring pixels as channels between two convolutions, where that pays.

    The kernels of ONNX Runtime compute as many output channels at once as a register holds, and
    four channels take as long as sixteen. Where a convolution has few, those of a small group of
    pixels become channels of one: its kernel grows to the group's field of view, its stride by the
    group's sides, and the next convolution's kernel and stride shrink to groups. The answers are
    the same sums, in another order.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From :func:`skdeepopt.layers._trace.folded`, without quantizers; only looked at.
    sample_shape : tuple of int
    lanes : int or None, default=None
        Output channels computed at once; None is as many as this processor's registers hold. On
        processors whose kernels do not work that way, nothing is grouped.

    Returns
    -------
    graph : torch.fx.GraphModule
        A copy where anything has changed; layers keep their names.

    Notes
    -----
    The second convolution's strides are multiples of the group's sides, and the number of pixels
    between the two is as well. What the first layer's kernel is extended by are zeros, and they are
    counted in the work: of 16 or more channels nothing changes.

    Examples
    --------
    >>> from skdeepopt.layers._trace import folded, traced
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 5, 2), nn.ReLU(), nn.Conv2d(4, 16, 3, 2)).eval()
    >>> graph = folded(traced(network, owner="pixels_grouped"))
    >>> grouped = pixels_grouped(graph, (1, 28, 28), lanes=16)
    >>> grouped.get_submodule("0")
    Conv2d(1, 16, kernel_size=(7, 7), stride=(4, 4))
    >>> grouped.get_submodule("2")
    Conv2d(16, 16, kernel_size=(2, 2), stride=(1, 1))
    """
    if lanes is None:
        lanes = _LANES.get(torch.backends.cpu.get_cpu_capability(), 0)
    result: fx.GraphModule | None = None
    grouped: set[str] = set()
    for pair in _pairs(graph, sample_shape) if lanes else ():
        factor = _best(pair, lanes)
        if factor is None or grouped.intersection(pair.names):
            continue
        grouped.update(pair.names)
        result = copy.deepcopy(graph) if result is None else result
        for name, layer in zip(pair.names, _grouped(pair, factor), strict=True):
            result.set_submodule(name, layer)
    return graph if result is None else result


def _pairs(graph: fx.GraphModule, sample_shape: tuple[int, ...]) -> Iterator[_Pair]:
    """Pairs of layers that are called once each."""
    nodes = [node for node in graph.graph.nodes if _is_plain(graph, node)]
    called = [node.target for node in graph.graph.nodes if node.op == "call_module"]
    shapes = shapes_of(graph, sample_shape, owner="pixels_grouped") if len(nodes) > 1 else {}
    for node in nodes:
        reader = _only_reader(graph, node)
        if reader is None or reader not in nodes:
            continue
        if max(map(called.count, (node.target, reader.target))) > 1:
            continue
        first, second = (graph.get_submodule(str(each.target)) for each in (node, reader))
        _, _, *pixels = shapes[node]  # type: ignore[misc]
        yield _Pair(first, second, (str(node.target), str(reader.target)), tuple(pixels))  # type: ignore[arg-type]


def _is_plain(graph: fx.GraphModule, node: fx.Node) -> bool:
    if operation_of(graph, node) != "conv" or node.op != "call_module":
        return False
    layer: Any = graph.get_submodule(str(node.target))
    return (
        isinstance(layer, nn.Conv2d)
        and layer.groups == 1
        and set(layer.dilation) == {1}
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and not layer._forward_hooks
        and not layer._forward_pre_hooks
    )


def _only_reader(graph: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """Who reads a node, behind operations on single numbers, if nobody else does."""
    while len(node.users) == 1:
        (node,) = node.users
        if operation_of(graph, node) not in _POINTWISE:
            return node
    return None


def _best(pair: _Pair, lanes: int) -> tuple[int, int] | None:
    """Sides of the groups with the least work, None to leave the layers as they are."""
    allowed = [factor for factor in _FACTORS if _fits(pair, factor)]
    work = {factor: _work(pair, factor, lanes) for factor in allowed}
    best = min(work, key=work.__getitem__, default=None)
    if best is None or work[best] > _WORTH * _work(pair, (1, 1), lanes):
        return None
    return best


def _fits(pair: _Pair, factor: tuple[int, int]) -> bool:
    """Whether groups fill the pixels and the strides, and the second layer's outputs stay."""
    for axis, side in enumerate(factor):
        n_pixels, stride = pair.pixels[axis], pair.second.stride[axis]
        kernel, padding = pair.second.kernel_size[axis], pair.padding[axis]
        if n_pixels % side or stride % side:
            return False
        groups, around, _ = _in_groups(kernel, padding, side)
        wanted = _outputs(n_pixels, kernel, stride, padding)
        if _outputs(n_pixels // side, groups, stride // side, around) != wanted:
            return False
    return True


def _outputs(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def _in_groups(kernel: int, padding: int, side: int) -> tuple[int, int, int]:
    """A kernel and its padding in groups, and by how many pixels it begins inside the first."""
    around = -(-padding // side)
    begins = around * side - padding
    return -(-(begins + kernel) // side), around, begins


def _work(pair: _Pair, factor: tuple[int, int], lanes: int) -> float:
    """Steps of vector registers a sample, and numbers moved where channels do not fill them."""
    first, second, n_pixels = pair.first, pair.second, math.prod(pair.pixels)
    side = math.prod(factor)
    channels = first.out_channels * side
    field = math.prod(k + s * (f - 1) for k, s, f in _by_axis(first, factor))
    outputs, groups = 1, 1
    for axis, (kernel, stride, f) in enumerate(_by_axis(second, factor)):
        padding = pair.padding[axis]
        outputs *= _outputs(pair.pixels[axis], kernel, stride, padding)
        groups *= _in_groups(kernel, padding, f)[0]
    steps = n_pixels // side * field * first.in_channels * -(-channels // lanes)
    steps += outputs * groups * channels * -(-second.out_channels // lanes)
    return steps + (n_pixels * first.out_channels if channels % lanes else 0)


def _by_axis(layer: nn.Conv2d, factor: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    return zip(layer.kernel_size, layer.stride, factor, strict=True)


@torch.no_grad()
def _grouped(pair: _Pair, factor: tuple[int, int]) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Both layers, with the numbers of a group of pixels as channels between them.

    Channel ``((row * columns + column) * n + c)`` of a group is channel c of its pixel.
    """
    return _writing_groups(pair.first, factor), _reading_groups(pair.second, pair.padding, factor)


def _writing_groups(layer: nn.Conv2d, factor: tuple[int, int]) -> nn.Conv2d:
    rows, columns = factor
    kernel = tuple(k + s * (f - 1) for k, s, f in _by_axis(layer, factor))
    weight = layer.weight.new_zeros(rows, columns, *layer.weight.shape[:2], *kernel)
    (height, width), (down, right) = layer.kernel_size, layer.stride
    for row in range(rows):
        for column in range(columns):
            y, x = row * down, column * right
            weight[row, column, :, :, y : y + height, x : x + width] = layer.weight
    bias = None if layer.bias is None else layer.bias.repeat(rows * columns)
    stride = (down * rows, right * columns)
    return _conv(weight.flatten(0, 2), bias, stride, layer.padding)  # type: ignore[arg-type]


def _reading_groups(
    layer: nn.Conv2d, padding: tuple[int, int], factor: tuple[int, int]
) -> nn.Conv2d:
    rows, columns = factor
    outputs, inputs, height, width = layer.weight.shape
    by_axis = zip(layer.kernel_size, padding, factor, strict=True)
    (down, top, y), (across, left, x) = (_in_groups(*each) for each in by_axis)
    weight = layer.weight.new_zeros(outputs, inputs, down * rows, across * columns)
    weight[:, :, y : y + height, x : x + width] = layer.weight
    parts = weight.reshape(outputs, inputs, down, rows, across, columns)
    weight = parts.permute(0, 3, 5, 1, 2, 4).reshape(outputs, -1, down, across)
    stride = (layer.stride[0] // rows, layer.stride[1] // columns)
    return _conv(weight, layer.bias, stride, (top, left))


def _conv(
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> nn.Conv2d:
    outputs, inputs, height, width = weight.shape
    layer = nn.Conv2d(
        inputs, outputs, (height, width), stride, padding, bias=bias is not None, device="meta"
    )
    layer.weight = nn.Parameter(weight.contiguous())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer.eval()
