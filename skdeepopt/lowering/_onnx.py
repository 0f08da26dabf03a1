"""A traced network as an ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import fx

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.lowering._context import Context, Quantized, Value, as_numbers
from skdeepopt.lowering._dynamic import write_dynamic_quantizer
from skdeepopt.lowering._layers import (
    write_batch_norm,
    write_conv,
    write_conv_transpose,
    write_linear,
    write_quantizer,
    write_standardize,
)
from skdeepopt.lowering._matching import write_match_input
from skdeepopt.lowering._model import INPUTS, OUTPUTS, OnnxModel
from skdeepopt.lowering._pointwise import (
    write_activation,
    write_arithmetic,
    write_clip,
    write_relu,
    write_same,
    write_silu,
    write_softplus,
)
from skdeepopt.lowering._pooling import (
    write_adaptive_avg_pool,
    write_avg_pool,
    write_max_pool,
    write_mean,
)
from skdeepopt.lowering._reshaping import write_cat, write_reshape
from skdeepopt.lowering._shapes import shapes_of

__all__ = ["to_onnx"]

_INPUT_DTYPES = {"float32": 1, "uint8": 2}
"""With ONNX's numbers for them."""


def _write_input(context: Context, _node: fx.Node) -> Value:
    return Value(INPUTS)


def _write_attribute(context: Context, node: fx.Node) -> Value:
    tensor: Any = context.graph
    for part in str(node.target).split("."):
        tensor = getattr(tensor, part)
    return Value(context.model.constant(as_numbers(tensor), str(node.target)))


def _write_global_avg_pool(context: Context, node: fx.Node) -> Value:
    is_mean = (
        "mean" in str(getattr(node.target, "__name__", node.target)) and node.op != "call_module"
    )
    return (write_mean if is_mean else write_adaptive_avg_pool)(context, node)


_WRITERS: dict[str, Callable[[Context, fx.Node], Value]] = {
    "input": _write_input,
    "attribute": _write_attribute,
    "conv": write_conv,
    "conv_transpose": write_conv_transpose,
    "linear": write_linear,
    "batch_norm": write_batch_norm,
    "standardize": write_standardize,
    "match_input": write_match_input,
    "quantizer": write_quantizer,
    "dynamic_quantizer": write_dynamic_quantizer,
    "relu": write_relu,
    "relu6": write_clip,
    "clip": write_clip,
    "silu": write_silu,
    "softplus": write_softplus,
    "max_pool": write_max_pool,
    "avg_pool": write_avg_pool,
    "global_avg_pool": _write_global_avg_pool,
    "adaptive_avg_pool": write_adaptive_avg_pool,
    "mean": write_mean,
    "flatten": write_reshape,
    "reshape": write_reshape,
    "cat": write_cat,
    "dropout": write_same,
    "identity": write_same,
    **dict.fromkeys(
        ("sigmoid", "tanh", "hardswish", "gelu", "elu", "leaky_relu"), write_activation
    ),
    **dict.fromkeys(("add", "sub", "mul", "div"), write_arithmetic),
}


def to_onnx(
    graph: fx.GraphModule,
    sample_shape: tuple[int, ...],
    *,
    weights: Mapping[str, Quantized] = MappingProxyType({}),
    input_dtype: str = "float32",
    probabilities: bool = False,
) -> bytes:
    """An ONNX model that gives a network's answers, for any number of samples.

    Quantizers and quantized weights become pairs of QuantizeLinear and DequantizeLinear, placed
    so that ONNX Runtime puts an integer kernel in the place of each layer and what surrounds it. A
    dynamic quantizer becomes the range of each row and a division by it.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From :func:`skdeepopt.layers._trace.folded`, perhaps with quantizers placed in it. It is
        written as it is in evaluation mode.
    sample_shape : tuple of int
        Shape of one sample.
    weights : mapping of layer name to QuantizedTensor, default={}
        The weights that are written as codes. Other layers keep their weights in float32.
    input_dtype : {"float32", "uint8"}, default="float32"
        Of the model's input; the network itself gets the same numbers in float32.
    probabilities : bool, default=False
        The answers of softmax over axis 1, instead of the logits.

    Returns
    -------
    model : bytes
        With one input ``"inputs"`` of shape ``(N, *sample_shape)`` and one output ``"outputs"``, in
        opset 21.

    Raises
    ------
    ValueError
        An operation cannot be written, a name in `weights` is no layer's, or the network does not
        take samples of that shape.

    References
    ----------
    ONNX 1.17, operators QuantizeLinear and DequantizeLinear. ONNX Runtime, "Quantize ONNX
    models", section "ONNX quantization representation format" (QDQ).

    Examples
    --------
    >>> from torch import nn
    >>> from skdeepopt.layers._trace import folded, traced
    >>> network = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    >>> model = to_onnx(folded(traced(network, owner="to_onnx")), (4,))
    >>> import onnx
    >>> [node.op_type for node in onnx.load_from_string(model).graph.node]
    ['Gemm', 'Relu']
    """
    _check_input_dtype(input_dtype)
    _check_weights(graph, weights)
    shapes = shapes_of(graph, tuple(sample_shape), owner="to_onnx")
    context = Context(graph, shapes, weights)
    answer = _answer(context)
    needed = _needed(answer)
    for node in graph.graph.nodes:
        if node in needed:
            context.values[node] = _written(context, node, input_dtype)
    name = context.floats(answer)
    if probabilities:
        name = context.model.node("Softmax", [name], "probabilities", axis=1)
    context.model.end(name)
    return _serialized(context.model, sample_shape, context.shape(answer), input_dtype)


def _answer(context: Context) -> fx.Node:
    """Node whose tensor is the network's answer."""
    (output,) = (node for node in context.graph.graph.nodes if node.op == "output")
    answer = output.args[0]
    if not isinstance(answer, fx.Node) or not isinstance(context.shapes.get(answer), tuple):
        raise ValueError(
            f"to_onnx.graph gives one tensor, not {type(answer).__name__}. Did you mean a network "
            f"that returns its logits alone?"
        )
    return answer


def _needed(answer: fx.Node) -> set[fx.Node]:
    """The nodes that the answer depends on, by way of tensors and of sizes."""
    needed, left = {answer}, [answer]
    while left:
        fresh = [node for node in left.pop().all_input_nodes if node not in needed]
        needed.update(fresh)
        left += fresh
    return needed


def _written(context: Context, node: fx.Node, input_dtype: str) -> Value:
    operation = context.operation(node)
    if operation == "other" and not isinstance(context.shapes.get(node), tuple):
        return Value("")  # A size: what is calculated from it is known.
    if operation not in _WRITERS:
        known = ", ".join(sorted(_WRITERS))
        raise ValueError(
            f"to_onnx.graph has operations that ONNX models are written for ({known}), not "
            f"{context.described(node)}. Did you mean to leave it out of the network?"
        )
    _check_hooks(context, node)
    value = _WRITERS[operation](context, node)
    if operation == "input" and input_dtype != "float32":
        return Value(context.model.node("Cast", [value.name], "floats", to=1))
    return value


def _serialized(
    model: OnnxModel, sample_shape: tuple[int, ...], shape: Any, input_dtype: str
) -> bytes:
    from onnx import helper

    inputs = helper.make_tensor_value_info(INPUTS, _INPUT_DTYPES[input_dtype], ["N", *sample_shape])
    sizes = ["N" if i == 0 and size is None else size for i, size in enumerate(shape)]
    return model.serialized(inputs, helper.make_tensor_value_info(OUTPUTS, 1, sizes))


def _check_input_dtype(input_dtype: str) -> None:
    if input_dtype not in _INPUT_DTYPES:
        raise ValueError(
            f"to_onnx.input_dtype is 'float32' or 'uint8', not {input_dtype!r}."
            f"{did_you_mean(input_dtype, _INPUT_DTYPES)}"
        )


def _check_weights(graph: fx.GraphModule, weights: Mapping[str, Quantized]) -> None:
    layers = weight_layers(graph)
    for name, weight in weights.items():
        if name not in layers:
            raise ValueError(
                f"to_onnx.weights has names of convolutions and linear layers, not {name!r}."
                f"{did_you_mean(name, layers)}"
            )
        shape = tuple(layers[name].weight.shape)
        if tuple(weight.codes.shape) != shape:
            raise ValueError(
                f"to_onnx.weights[{name!r}] has codes of shape {shape}, not "
                f"{tuple(weight.codes.shape)}. Did you mean the codes of another layer?"
            )


def _check_hooks(context: Context, node: fx.Node) -> None:
    if node.op != "call_module":
        return
    module = context.module(node)
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(
            f"to_onnx.graph has layers that do what their class does; "
            f"{context.described(node)} has hooks. Did you mean to remove them first?"
        )
