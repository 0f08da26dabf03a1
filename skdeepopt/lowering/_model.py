"""An ONNX model that is written node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["INPUTS", "OPSET", "OUTPUTS", "OnnxModel"]

OPSET = 21
INPUTS = "inputs"
OUTPUTS = "outputs"

_IR_VERSION = 10
"""What ONNX Runtime 1.20 reads; newer ones read it too."""


class OnnxModel:
    """Nodes and constants, in the order in which they are added; every tensor gets a new name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._names = {INPUTS, OUTPUTS}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def name(self, wanted: str) -> str:
        """`wanted`, with a number behind it where that name is taken."""
        name, count = wanted, 1
        while name in self._names:
            name, count = f"{wanted}_{count}", count + 1
        self._names.add(name)
        return name

    def node(self, operator: str, inputs: Sequence[str], wanted: str, **attributes: Any) -> str:
        """Add an operator with one output; that output's name comes back.

        Parameters
        ----------
        operator : str
            Of ONNX.
        inputs : sequence of str
            Tensors; ``""`` leaves one out.
        wanted : str
            Name for the output, if it is free.
        **attributes : object
            Of the operator. None leaves one out.
        """
        from onnx import helper

        output = self.name(wanted)
        given = {key: value for key, value in attributes.items() if value is not None}
        self._nodes.append(helper.make_node(operator, list(inputs), [output], output, **given))
        return output

    def constant(self, values: Any, wanted: str, *, shared: bool = True) -> str:
        """Add numbers; equal ones share a tensor, if they may. Its name comes back.

        Parameters
        ----------
        values : array-like
            Of the type that the tensor is to have.
        wanted : str
            Name for the tensor, if it is free.
        shared : bool, default=True
            Whether it may be one that is there. It may not be where ONNX Runtime writes it anew
            for each of its readers, as it does with weights and their zero points.
        """
        from onnx import numpy_helper

        array = np.asarray(values)
        key = (array.dtype.str, array.shape, array.tobytes())
        if shared and key in self._known:
            return self._known[key]
        name = self.name(wanted)
        self._constants.append(numpy_helper.from_array(array, name))
        return self._known.setdefault(key, name) if shared else name

    def end(self, old: str) -> None:
        """Make a tensor the model's output, under the name "outputs", which no other has."""
        from onnx import helper

        if not self._nodes or self._nodes[-1].output[0] != old:
            self._nodes.append(helper.make_node("Identity", [old], [OUTPUTS], OUTPUTS))
        self._nodes[-1].output[0] = OUTPUTS

    def serialized(self, inputs: Any, outputs: Any) -> bytes:
        """The model's bytes.

        Parameters
        ----------
        inputs, outputs : onnx.ValueInfoProto
            Types of the one tensor that it takes and of the one that it gives.
        """
        from onnx import helper

        graph = helper.make_graph(self._nodes, "network", [inputs], [outputs], self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="skdeepopt",
        )
        return bytes(model.SerializeToString())
