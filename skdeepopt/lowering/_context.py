"""What the writers of operations share: the network, its shapes, and the tensors written so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import fx

from skdeepopt.layers._operations import argument_of, operation_of
from skdeepopt.lowering._model import OnnxModel
from skdeepopt.lowering._shapes import Shape

__all__ = ["Context", "Grid", "Quantized", "Step", "Value", "as_numbers", "grid_of"]


class Quantized(Protocol):
    """A weight as codes: :class:`skdeepopt.quantization.QuantizedTensor`."""

    @property
    def codes(self) -> torch.Tensor: ...
    @property
    def scale(self) -> torch.Tensor: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Grid:
    """Where codes lie: a code means ``scale * (code - zero_point)``.

    Parameters
    ----------
    scale : float
    zero_point, top : int
        Codes are in [0, top].
    """

    scale: float
    zero_point: int
    top: int = 255

    def __post_init__(self) -> None:
        assert self.scale > 0, self
        assert 0 <= self.zero_point <= self.top <= 255, self

    def code(self, value: float) -> int:
        """Code of a number, as QuantizeLinear has it."""
        code = np.rint(np.float32(value) / np.float32(self.scale)) + self.zero_point
        return int(np.clip(code, 0, self.top))


_SLACK = 1e-4
"""Of a code's width, by which a zero point may be off; only what lies as close to the middle
between two codes could get the other one."""

Step = Callable[["Context", str, Grid | None], str]
"""Writes an operation that picks numbers but makes none, on codes of a grid as well as on floats:
takes a tensor's name, and gives its output's."""


@dataclass(frozen=True)
class Value:
    """A tensor that has been written.

    Parameters
    ----------
    name : str
        In the model.
    grid : Grid or None
        Where it has codes, on which they lie; None for floats.
    steps : tuple of Step
        Still to be written on it. They wait, because on codes they are cheaper, and because
        ONNX Runtime fuses a layer with the quantization right behind it only.
    shift, divisor : float
        What is still to be subtracted from the floats and what they are still to be divided by,
        before all steps.
    """

    name: str
    grid: Grid | None = None
    steps: tuple[Step, ...] = ()
    shift: float = 0.0
    divisor: float = 1.0


@dataclass
class Context:
    """A network while it is written as a model.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    shapes : mapping of torch.fx.Node to shape or number
    weights : mapping of layer name to Quantized
    """

    graph: fx.GraphModule
    shapes: Mapping[fx.Node, Shape | float]
    weights: Mapping[str, Quantized]
    model: OnnxModel = field(default_factory=OnnxModel)
    values: dict[fx.Node, Value] = field(default_factory=dict)

    def operation(self, node: fx.Node) -> str:
        """Kind of operation that a node is."""
        return operation_of(self.graph, node)

    def module(self, node: fx.Node) -> Any:
        """Module that a node calls."""
        return self.graph.get_submodule(str(node.target))

    def argument(self, node: fx.Node, place: int, name: str, default: Any = None) -> Any:
        """A setting of a node's operation; a calculated number as that number."""
        return self._resolved(argument_of(self.graph, node, place, name, default))

    def shape(self, node: fx.Node) -> Shape:
        """Shape of the tensor that a node gives."""
        shape = self.shapes[node]
        assert isinstance(shape, tuple), node
        return shape

    def source(self, node: fx.Node) -> fx.Node:
        """Node whose tensor a node works on."""
        return node.all_input_nodes[0]

    def value(self, node: fx.Node) -> Value:
        """The tensor that a node gives, as it was written."""
        return self.values[node]

    def floats(self, node: Any, *, plain: bool = False) -> str:
        """Name of the tensor that a node gives, or of a number, in floating point.

        `plain` is for :meth:`dequantized`.
        """
        if not isinstance(node, fx.Node):
            return self.model.constant(np.float32(node), "constant")
        if isinstance(self.shapes.get(node), (int, float)):
            return self.model.constant(np.float32(self.shapes[node]), node.name)  # type: ignore[arg-type]
        value = self.settled(self.values[node], node.name)
        if value.grid is None:
            self.values[node] = value
            return value.name
        # Anew for each reader: ONNX Runtime fuses one that has a single reader.
        return self.dequantized(value.name, value.grid, node.name, plain=plain)

    def settled(self, value: Value, wanted: str) -> Value:
        """The same with nothing left to be written."""
        assert (value.shift, value.divisor) == (0, 1), "only a quantizer takes these over"
        name = value.name
        for step in value.steps:
            name = step(self, name, value.grid)
        return replace(value, name=name, steps=())

    def stepped(self, node: fx.Node, step: Step) -> Value:
        """Value of a node that takes one more step on its input."""
        value = self.value(self.source(node))
        if value.grid is None and len(self.source(node).users) > 1:
            self.values[self.source(node)] = value = self.settled(value, node.name)
        waits = replace(value, steps=(*value.steps, step))
        return waits if value.grid is None else self.settled(waits, node.name)

    def floats_after(self, node: fx.Node, step: Step, *, plain: bool = False) -> str:
        """Name of the floats that a node's input is after one more step."""
        value = self.stepped(node, step)
        if value.grid is not None:
            return self.dequantized(value.name, value.grid, node.name, plain=plain)
        return self.settled(value, node.name).name

    def quantized(self, value: Value, grid: Grid, wanted: str) -> Value:
        """The tensor as codes, with its waiting steps taken on them."""
        scale = grid.scale * value.divisor
        name, zero_point = value.name, grid.zero_point
        moved = zero_point - value.shift / scale
        if abs(moved - round(moved)) < _SLACK and 0 <= round(moved) <= 255:
            zero_point = round(moved)
        else:
            shift = self.model.constant(np.float32(value.shift), "shift")
            name = self.model.node("Sub", [name, shift], f"{wanted}_shifted")
        grid_names = self._grid(scale, zero_point)
        name = self.model.node("QuantizeLinear", [name, *grid_names], f"{wanted}_codes")
        if grid.top < 255:
            bounds = [self.model.constant(np.uint8(bound), "bound") for bound in (0, grid.top)]
            name = self.model.node("Clip", [name, *bounds], f"{wanted}_clipped")
        return self.settled(Value(name, grid, value.steps), wanted)

    def dequantized(self, name: str, grid: Grid, wanted: str, *, plain: bool = False) -> str:
        """Codes as floats, `plain` for layers that are to run in float.

        Between DequantizeLinear and QuantizeLinear, ONNX Runtime 1.21 and later rounds a layer's
        weights to int8, with one scale in all; it does not recognize the plain arithmetic.
        """
        if not plain:
            inputs = [name, *self._grid(grid.scale, grid.zero_point)]
            return self.model.node("DequantizeLinear", inputs, f"{wanted}_floats")
        name = self.model.node("Cast", [name], f"{wanted}_cast", to=1)
        zero_point = self.model.constant(np.float32(grid.zero_point), "zero_point")
        name = self.model.node("Sub", [name, zero_point], f"{wanted}_centered")
        scale = self.model.constant(np.float32(grid.scale), "scale")
        return self.model.node("Mul", [name, scale], f"{wanted}_floats")

    def refused(self, node: fx.Node, what: str) -> ValueError:
        """Error that says that `what` of an operation cannot be written, and where that is."""
        return ValueError(f"to_onnx.graph: {what} of {self.described(node)} cannot be written.")

    def described(self, node: fx.Node) -> str:
        """Where in the network a node is."""
        if node.op == "call_module":
            return f"layer {str(node.target)!r} ({type(self.module(node)).__name__})"
        inside = list((node.meta.get("nn_module_stack") or {}).values())
        where = f" in {inside[-1][0]!r}" if inside and inside[-1][0] else ""
        return f"operation {getattr(node.target, '__name__', node.target)!r}{where}"

    def _grid(self, scale: float, zero_point: int) -> tuple[str, str]:
        return (
            self.model.constant(np.float32(scale), "scale"),
            self.model.constant(np.uint8(zero_point), "zero_point"),
        )

    def _resolved(self, setting: Any) -> Any:
        if isinstance(setting, fx.Node):
            number = self.shapes.get(setting)
            return number if isinstance(number, (int, float)) else setting
        if isinstance(setting, (tuple, list)):
            return tuple(self._resolved(part) for part in setting)
        return setting


def grid_of(quantizer: Any) -> Grid:
    """Grid of an ActivationQuantizer."""
    scale = float(quantizer.scale)
    if not 0 < scale < float("inf"):
        raise ValueError(
            f"to_onnx.graph has quantizers with a positive scale, not {scale:g}. "
            f"Did you mean to calibrate them first?"
        )
    return Grid(scale, int(quantizer.zero_point), 2**quantizer.bits - 1)


def as_numbers(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's numbers in float32."""
    return tensor.detach().to("cpu", torch.float32).contiguous().numpy()
