"""What a layer reads on a grid of 8 bits that each row chooses when it comes in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from torch import fx, nn

from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._weighted import weight_layers

__all__ = ["DynamicQuantizer", "better_in_float_by_row", "place_dynamic_quantizers"]

_TOP = 255
_FEW_OUTPUTS = 64

_NONNEGATIVE = {"relu", "relu6", "sigmoid"}
_KEEP_SIGNS = {
    "max_pool",
    "avg_pool",
    "global_avg_pool",
    "adaptive_avg_pool",
    "mean",
    "flatten",
    "reshape",
    "dropout",
    "identity",
}


class DynamicQuantizer(nn.Module):
    """Rounds each row, along the last axis, to 8 bits over a range of its own.

    A row's largest absolute value is the end of its grid. There is nothing to calibrate, and what a
    row is rounded to does not depend on the rows beside it. The gradient passes straight through.

    Parameters
    ----------
    signed : bool, default=True
        Values lie on both sides of zero, in steps of a 127th of the largest; otherwise they are not
        negative, and the steps are a 255th.

    Attributes
    ----------
    zero_point : int
        Code of exactly zero, of 0 to 255.
    step : float
        Between two codes, where the largest absolute value is 1.

    References
    ----------
    Dettmers, Lewis, Belkada & Zettlemoyer (2022), arXiv:2208.07339, section 3.1 (a scale for each
    row).

    Examples
    --------
    >>> quantizer = DynamicQuantizer(signed=False)
    >>> quantizer(torch.tensor([[0.0, 1.003, 255.0], [0.0, 0.1003, 25.5]])).tolist()[0]
    [0.0, 1.0, 255.0]
    """

    is_dynamic_quantizer: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (1e-30, 3e38)
    """Of the largest absolute value; it divides, so that neither zero nor infinity will do."""

    def __init__(self, signed: bool = True) -> None:
        super().__init__()
        self.signed = signed
        self.zero_point = 128 if signed else 0
        self.step = 1 / (_TOP - self.zero_point)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values of `x` on the grids of its rows."""
        if torch.is_grad_enabled() and x.requires_grad:
            return _StraightThrough.apply(x, self)
        return self._rounded(x)

    def extra_repr(self) -> str:
        """Whether values lie on both sides of zero."""
        return f"signed={self.signed}"

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        # In the order in which the engines calculate, so that all get the same codes.
        size = (x.abs() if self.signed else x).amax(-1, keepdim=True).clamp(*self.limits)
        codes = x.div(size).div_(self.step).round_().clamp_(-self.zero_point, _TOP)
        return codes.mul_(self.step).mul_(size)


class _StraightThrough(torch.autograd.Function):
    """Nothing is clipped, so that every gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, quantizer: DynamicQuantizer) -> torch.Tensor:
        return quantizer._rounded(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0], None


def place_dynamic_quantizers(graph: fx.GraphModule, layers: Collection[str]) -> None:
    """New quantizers in the graph, one in front of each call of the linear layers named.

    They are its submodules ``dynamic_quantizers.<node>``, unsigned where a layer reads what was
    rectified.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Changed in place.
    layers : collection of str
        Linear layers, by qualified name.

    Examples
    --------
    >>> from skdeepopt.layers._trace import traced
    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> graph = traced(network, owner="example")
    >>> place_dynamic_quantizers(graph, ["0", "2"])
    >>> graph.dynamic_quantizers
    Module(
      (_0): DynamicQuantizer(signed=True)
      (_2): DynamicQuantizer(signed=False)
    )
    """
    for node in list(graph.graph.nodes):
        if operation_of(graph, node) != "linear" or node.target not in layers:
            continue
        (source,) = node.all_input_nodes
        quantizer = DynamicQuantizer(signed=not _is_nonnegative(graph, source))
        target = f"dynamic_quantizers.{node.name}"
        graph.add_submodule(target, quantizer.train(graph.training))
        with graph.graph.inserting_before(node):
            node.replace_input_with(source, graph.graph.call_module(target, (source,)))
    graph.recompile()


def better_in_float_by_row(module: nn.Module) -> tuple[str, ...]:
    """Layers that engines compute faster in float than on rows that are rounded as they come in.

    These are all convolutions, whose integer kernel without a fixed range takes four to six times
    as long as the one in float, and linear layers of fewer than 64 outputs, which save less than
    the rounding takes. Measured with ONNX Runtime 1.32.

    Parameters
    ----------
    module : torch.nn.Module
    """
    return tuple(
        name
        for name, layer in weight_layers(module).items()
        if not isinstance(layer, nn.Linear) or layer.out_features < _FEW_OUTPUTS
    )


def _is_nonnegative(graph: fx.GraphModule, node: fx.Node) -> bool:
    while (operation := operation_of(graph, node)) in _KEEP_SIGNS:
        node = node.all_input_nodes[0]
    return operation in _NONNEGATIVE
