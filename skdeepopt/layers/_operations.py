"""What kind of operation a node of a traced network is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from skdeepopt.nets._blocks import Flatten, Standardize
from skdeepopt.nets._match import MatchInput

__all__ = ["argument_of", "is_in_place", "operation_of"]

_MODULES: dict[type[nn.Module], str] = {
    nn.Conv1d: "conv",
    nn.Conv2d: "conv",
    nn.Conv3d: "conv",
    nn.ConvTranspose1d: "conv_transpose",
    nn.ConvTranspose2d: "conv_transpose",
    nn.ConvTranspose3d: "conv_transpose",
    nn.Linear: "linear",
    nn.BatchNorm1d: "batch_norm",
    nn.BatchNorm2d: "batch_norm",
    nn.BatchNorm3d: "batch_norm",
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardtanh: "clip",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.ELU: "elu",
    nn.LeakyReLU: "leaky_relu",
    nn.Hardswish: "hardswish",
    nn.Softplus: "softplus",
    nn.MaxPool1d: "max_pool",
    nn.MaxPool2d: "max_pool",
    nn.MaxPool3d: "max_pool",
    nn.AvgPool1d: "avg_pool",
    nn.AvgPool2d: "avg_pool",
    nn.AvgPool3d: "avg_pool",
    nn.AdaptiveAvgPool1d: "adaptive_avg_pool",
    nn.AdaptiveAvgPool2d: "adaptive_avg_pool",
    nn.AdaptiveAvgPool3d: "adaptive_avg_pool",
    nn.Flatten: "flatten",
    Flatten: "flatten",
    nn.Unflatten: "reshape",
    nn.Dropout: "dropout",
    nn.Dropout1d: "dropout",
    nn.Dropout2d: "dropout",
    nn.Dropout3d: "dropout",
    nn.AlphaDropout: "dropout",
    nn.FeatureAlphaDropout: "dropout",
    nn.Identity: "identity",
    MatchInput: "match_input",
    Standardize: "standardize",
}

_NAMES: dict[str, tuple[str, ...]] = {
    "relu": ("relu", "relu_"),
    "relu6": ("relu6",),
    "clip": ("clamp", "clip", "clamp_", "clip_", "hardtanh", "hardtanh_"),
    "sigmoid": ("sigmoid", "sigmoid_"),
    "tanh": ("tanh", "tanh_"),
    "gelu": ("gelu",),
    "silu": ("silu",),
    "elu": ("elu", "elu_"),
    "leaky_relu": ("leaky_relu", "leaky_relu_"),
    "hardswish": ("hardswish",),
    "softplus": ("softplus",),
    "max_pool": ("max_pool1d", "max_pool2d", "max_pool3d"),
    "avg_pool": ("avg_pool1d", "avg_pool2d", "avg_pool3d"),
    "adaptive_avg_pool": (
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
    ),
    "mean": ("mean",),
    "flatten": ("flatten",),
    "reshape": ("view", "reshape", "squeeze", "unsqueeze", "unflatten"),
    "add": ("add", "iadd", "add_"),
    "sub": ("sub", "isub", "subtract", "sub_"),
    "mul": ("mul", "imul", "multiply", "mul_"),
    "div": ("div", "truediv", "itruediv", "divide", "true_divide", "div_"),
    "cat": ("cat", "concat", "concatenate"),
    "dropout": ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"),
    "identity": ("contiguous", "clone", "detach", "float"),
}
"""Functions and methods that mean an operation, in torch, torch.nn.functional and operator."""

_METHODS = {name: operation for operation, names in _NAMES.items() for name in names}

_FUNCTIONS: dict[Callable[..., Any], str] = {
    getattr(place, name): operation
    for name, operation in _METHODS.items()
    for place in (torch, F, operator)
    if hasattr(place, name)
}

_ARITHMETIC = ("add", "sub", "mul", "div")
_SIZES = ("size", "dim", "numel", "shape", "ndim")
_ALL_SPATIAL = ({2, 3}, {2, 3, 4}, {-1, -2}, {-1, -2, -3})


def operation_of(graph: fx.GraphModule, node: fx.Node) -> str:
    """Kind of operation that a node is.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From :func:`traced`, or changed since.
    node : torch.fx.Node
        One of its nodes.

    Returns
    -------
    operation : str
        ``"input"``, ``"output"``, ``"attribute"`` (a Parameter or buffer), ``"conv"``,
        ``"conv_transpose"``, ``"linear"``, ``"batch_norm"``, ``"relu"``, ``"relu6"``, ``"clip"``,
        ``"sigmoid"``, ``"tanh"``, ``"gelu"``, ``"silu"``, ``"elu"``, ``"leaky_relu"``,
        ``"hardswish"``, ``"softplus"``, ``"max_pool"``, ``"avg_pool"``, ``"global_avg_pool"``,
        ``"adaptive_avg_pool"``, ``"mean"``, ``"flatten"``, ``"reshape"``, ``"add"``, ``"sub"``,
        ``"mul"``, ``"div"``, ``"cat"``, ``"standardize"``, ``"match_input"``, ``"dropout"``,
        ``"identity"``,
        ``"quantizer"`` (a call of a module with a true `is_activation_quantizer`),
        ``"dynamic_quantizer"`` (the same with `is_dynamic_quantizer`), or ``"other"``, which
        arithmetic on sizes is too.

    Examples
    --------
    >>> graph = fx.symbolic_trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1)))
    >>> [operation_of(graph, node) for node in graph.graph.nodes]
    ['input', 'conv', 'global_avg_pool', 'output']
    """
    if node.op == "call_module":
        operation = _module_operation(graph.get_submodule(str(node.target)))
    elif node.op == "call_method":
        operation = _METHODS.get(str(node.target), "other")
    elif node.op == "call_function":
        operation = _FUNCTIONS.get(node.target, "other")  # type: ignore[arg-type]
    else:
        return {"placeholder": "input", "output": "output"}.get(node.op, "attribute")
    if operation in _ARITHMETIC and _is_size(node):
        return "other"
    return "global_avg_pool" if _is_global(graph, node, operation) else operation


def argument_of(
    graph: fx.GraphModule, node: fx.Node, place: int, name: str, default: Any = None
) -> Any:
    """A setting of an operation: attribute of its module, or argument of its function.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    node : torch.fx.Node
    place : int
        Position of the argument; 0 is the tensor.
    name : str
        Of the attribute and of the argument.
    default : object
        Where there is neither.
    """
    if node.op == "call_module":
        return getattr(graph.get_submodule(str(node.target)), name, default)
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def is_in_place(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node changes the tensor that it is given.

    Parameters
    ----------
    graph : torch.fx.GraphModule
    node : torch.fx.Node
    """
    if node.op == "call_module":
        return bool(getattr(graph.get_submodule(str(node.target)), "inplace", False))
    if node.op not in ("call_method", "call_function"):
        return False
    name = str(getattr(node.target, "__name__", node.target))
    is_marked = name.endswith("_") and not name.endswith("__")
    return is_marked or bool(node.kwargs.get("inplace"))


def _module_operation(module: nn.Module) -> str:
    if getattr(module, "is_activation_quantizer", False):
        return "quantizer"
    if getattr(module, "is_dynamic_quantizer", False):
        return "dynamic_quantizer"
    known = (_MODULES[kind] for kind in type(module).__mro__ if kind in _MODULES)
    return next(known, "other")


def _is_global(graph: fx.GraphModule, node: fx.Node, operation: str) -> bool:
    if operation == "adaptive_avg_pool":
        return _all_in(argument_of(graph, node, 1, "output_size"), 1)
    if operation == "mean":
        dims = argument_of(graph, node, 1, "dim", node.kwargs.get("axis"))
        return isinstance(dims, Iterable) and set(dims) in _ALL_SPATIAL
    return False


def _all_in(sizes: Any, wanted: int) -> bool:
    return all(size == wanted for size in (sizes if isinstance(sizes, Iterable) else (sizes,)))


def _is_size(node: fx.Node) -> bool:
    """Whether a node is no tensor but a size, or calculated from sizes."""
    if node.op == "call_method":
        return node.target in _SIZES
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in _SIZES
    is_number = getattr(node.target, "__module__", "") in ("_operator", "operator", "math")
    return is_number and all(_is_size(source) for source in node.all_input_nodes)
