"""A small convolutional network, as a torch module and as the bytes of an ONNX model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

SHAPE = (2, 5, 5)


@pytest.fixture(scope="session")
def module():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    return layers.eval()


@pytest.fixture(scope="session")
def model(module):
    return onnx_bytes(module)


@pytest.fixture(scope="session")
def samples():
    return np.random.default_rng(0).normal(size=(7, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="session")
def expected(module, samples):
    with torch.no_grad():
        return module(torch.from_numpy(samples)).numpy()


def onnx_bytes(module, dtype=TensorProto.FLOAT, n_outputs=1):
    state = module.state_dict()
    weights = [numpy_helper.from_array(value.numpy(), name) for name, value in state.items()]
    nodes = [
        helper.make_node("Cast", ["inputs"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["floats", "0.weight", "0.bias"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("Flatten", ["positive"], ["flat"]),
        helper.make_node("Gemm", ["flat", "3.weight", "3.bias"], ["outputs"], transB=1),
    ]
    named = [("outputs", ["N", 3]), ("flat", ["N", 36])][:n_outputs]
    targets = [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in named]
    source = helper.make_tensor_value_info("inputs", dtype, ["N", *SHAPE])
    graph = helper.make_graph(nodes, "small", [source], targets, weights)
    opset = [helper.make_opsetid("", 21)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.checker.check_model(made)
    return made.SerializeToString()
