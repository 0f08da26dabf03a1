"""One ONNX graph from raw samples to labels and probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from skdeepopt.engines._onnxruntime import session_options
from skdeepopt.formats._scaling import Scaling
from skdeepopt.formats._source import Source
from skdeepopt.layers._trace import folded, traced
from skdeepopt.lowering._onnx import to_onnx

__all__ = ["onnx_model", "run_onnx", "write_onnx"]

_NETWORK = "network/"
"""Opens the names of the network's tensors, so that no other can be one of them."""


def write_onnx(source: Source, path: Path) -> None:
    """Write a source as an ONNX file."""
    path.write_bytes(onnx_model(source).SerializeToString())


def run_onnx(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of an ONNX file by name, from ONNX Runtime."""
    import onnxruntime as ort

    options = session_options(torch.get_num_threads())
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"inputs": inputs}), strict=True))


def onnx_model(source: Source, *, text: bool = True) -> Any:
    """An ``onnx.ModelProto`` of all that a source does.

    Parameters
    ----------
    source : Source
    text : bool, default=True
        Whether labels may be strings. Otherwise the label is a place in the classes where it would
        be one.

    Raises
    ------
    ValueError
        An operation of the network cannot be written; the message names it.
    """
    import onnx
    from onnx import helper

    network = _network(source)
    graph = _Graph()
    scaled = _prepared(graph, source)
    (inside,) = (value.name for value in network.graph.input)
    for node in network.graph.node:
        node.input[:] = [scaled if name == inside else name for name in node.input]
    graph.nodes += network.graph.node
    (answer,) = network.graph.output
    write_answer = _regression if source.classes is None else _classification
    outputs = write_answer(graph, source, answer, text)
    made = helper.make_graph(
        graph.nodes,
        "estimator",
        [_info("inputs", np.dtype(source.dtype), source.sample_shape)],
        outputs,
        [*network.graph.initializer, *graph.constants],
    )
    model = helper.make_model(
        made,
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
        producer_name="skdeepopt",
    )
    onnx.checker.check_model(model)
    return model


def _network(source: Source) -> Any:
    import onnx
    from onnx import compose

    data = source.engines_model
    if data is None:
        graph = folded(traced(source.module, owner="export.estimator"))
        data = to_onnx(graph, source.layout.shape)
    return compose.add_prefix(onnx.load_from_string(data), _NETWORK)


class _Graph:
    """Nodes of one output each, and constants; their names cannot meet those of the network."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        from onnx import TensorProto, helper, numpy_helper

        name = f"constant{len(self.constants)}"
        if values.dtype.kind == "U":
            text = [label.encode() for label in values.tolist()]
            tensor = helper.make_tensor(name, TensorProto.STRING, values.shape, text)
        else:
            tensor = numpy_helper.from_array(values, name)
        self.constants.append(tensor)
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"step{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def _prepared(graph: _Graph, source: Source) -> str:
    """Name of the tensor that the network takes."""
    name = "inputs"
    if source.dtype != "float32":
        name = graph.node("Cast", name, to=1)
    for scaling in source.scalings:
        name = _scaled(graph, scaling, name)
    shape, layout = source.sample_shape, source.layout
    if layout.channels_last:
        channels, *sides = layout.shape
        name = _reshaped(graph, name, shape, (*sides, channels))
        return graph.node("Transpose", name, perm=[0, 3, 1, 2])
    return _reshaped(graph, name, shape, layout.shape)


def _scaled(graph: _Graph, scaling: Scaling, name: str) -> str:
    if scaling.shift.any():
        name = graph.node("Sub", name, graph.constant(scaling.shift))
    if (scaling.scale != 1).any():
        name = graph.node("Div", name, graph.constant(scaling.scale))
    if scaling.bounds is not None:
        low, high = (graph.constant(np.array(bound, np.float32)) for bound in scaling.bounds)
        name = graph.node("Clip", name, low, high)
    return name


def _reshaped(graph: _Graph, name: str, old: tuple[int, ...], new: tuple[int, ...]) -> str:
    if old == new:
        return name
    # Zero is the number of samples that come in.
    return graph.node("Reshape", name, graph.constant(np.array([0, *new], np.int64)))


def _classification(graph: _Graph, source: Source, answer: Any, text: bool) -> list[Any]:
    classes = source.classes
    assert classes is not None
    name, kind = "probabilities", "Softmax" if source.gives_logits else "Identity"
    attributes = {"axis": 1} if source.gives_logits else {}
    graph.node(kind, answer.name, output=name, **attributes)
    labels = np.arange(len(classes)) if source.has_text and not text else classes
    place = graph.node("ArgMax", answer.name, axis=1, keepdims=0)
    graph.node("Gather", graph.constant(labels), place, output="label")
    return [
        _info("label", labels.dtype, ()),
        _info(name, np.dtype(np.float32), (len(classes),)),
    ]


def _regression(graph: _Graph, source: Source, answer: Any, _text: bool) -> list[Any]:
    name = answer.name
    if (source.target_scale != 1).any():
        name = graph.node("Mul", name, graph.constant(source.target_scale.astype(np.float32)))
    if source.target_shift.any():
        name = graph.node("Add", name, graph.constant(source.target_shift.astype(np.float32)))
    if source.is_flat_target:
        axis = graph.constant(np.array([1], np.int64))
        graph.node("Squeeze", name, axis, output="prediction")
        return [_info("prediction", np.dtype(np.float32), ())]
    graph.node("Identity", name, output="prediction")
    n_targets = answer.type.tensor_type.shape.dim[1].dim_value
    return [_info("prediction", np.dtype(np.float32), (n_targets,))]


def _info(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    from onnx import TensorProto, helper

    text = dtype.kind == "U"
    number = TensorProto.STRING if text else helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, number, ["N", *shape])
