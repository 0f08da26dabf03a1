from __future__ import annotations

import operator

import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from skdeepopt.layers._operations import argument_of, is_in_place, operation_of
from skdeepopt.layers._trace import traced
from skdeepopt.nets._blocks import Flatten, Standardize
from skdeepopt.nets._match import MatchInput


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, inputs):
        return self.function(inputs)


def nodes_of(function):
    graph = traced(Called(function), owner="test")
    return graph, list(graph.graph.nodes)


def last_of(function):
    graph, nodes = nodes_of(function)
    return graph, nodes[-2]


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (nn.Conv1d(1, 1, 1), "conv"),
        (nn.ConvTranspose2d(1, 1, 1), "conv_transpose"),
        (parametrizations.spectral_norm(nn.Linear(2, 2)), "linear"),
        (nn.BatchNorm3d(2), "batch_norm"),
        (nn.ReLU(), "relu"),
        (nn.ReLU6(), "relu6"),
        (nn.Hardtanh(), "clip"),
        (nn.AdaptiveAvgPool2d((1, 1)), "global_avg_pool"),
        (nn.AdaptiveAvgPool2d((1, None)), "adaptive_avg_pool"),
        (nn.Dropout2d(), "dropout"),
        (nn.Identity(), "identity"),
        (Flatten(), "flatten"),
        (nn.Unflatten(1, (2, 2)), "reshape"),
        (Standardize(torch.zeros(1), torch.ones(1)), "standardize"),
        (MatchInput((1, 8, 8), (1, 9, 9)), "match_input"),
        (nn.LayerNorm(2), "other"),
        (F.relu, "relu"),
        (torch.relu, "relu"),
        (torch.relu_, "relu"),
        (lambda x: x.relu(), "relu"),
        (F.hardswish, "hardswish"),
        (lambda x: x.clamp(0, 1), "clip"),
        (lambda x: F.max_pool2d(x, 2), "max_pool"),
        (lambda x: F.adaptive_avg_pool2d(x, 1), "global_avg_pool"),
        (lambda x: x.mean((2, 3)), "global_avg_pool"),
        (lambda x: x.mean(dim=(-1, -2)), "global_avg_pool"),
        (lambda x: torch.mean(x, axis=(2, 3)), "global_avg_pool"),
        (lambda x: x.mean(1), "mean"),
        (lambda x: x.mean(), "mean"),
        (lambda x: torch.flatten(x, 1), "flatten"),
        (lambda x: x.view(1, -1), "reshape"),
        (lambda x: x + 1, "add"),
        (lambda x: 1 - x, "sub"),
        (lambda x: x * x, "mul"),
        (lambda x: torch.div(x, 2), "div"),
        (lambda x: operator.iadd(x, 1), "add"),
        (lambda x: torch.cat([x, x]), "cat"),
        (lambda x: F.dropout(x, 0.5), "dropout"),
        (lambda x: x.contiguous(), "identity"),
        (lambda x: x.softmax(1), "other"),
    ],
)
def test_an_operation_is_known_as_module_function_and_method(function, operation):
    assert operation_of(*last_of(function)) == operation


def test_arithmetic_on_sizes_is_not_an_operation_on_tensors():
    graph, nodes = nodes_of(lambda x: x.view(x.size(0), x.shape[1] * x.size(2) + 0) * x.size(1))

    kinds = [operation_of(graph, node) for node in nodes if node.op.startswith("call")]

    assert sorted(kinds) == ["mul", *["other"] * 7, "reshape"]


def test_a_quantizer_is_known_by_what_it_says_of_itself():
    class Quantizer(nn.Identity):
        is_activation_quantizer = True

    graph = fx.symbolic_trace(nn.Sequential(nn.ReLU()))
    graph.add_submodule("0", Quantizer())

    assert [operation_of(graph, n) for n in graph.graph.nodes] == ["input", "quantizer", "output"]


def test_a_parameter_is_an_attribute():
    class Gained(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(1))

        def forward(self, inputs):
            return inputs * self.gain

    graph = traced(Gained(), owner="test")

    kinds = [operation_of(graph, node) for node in graph.graph.nodes]
    assert kinds == ["input", "attribute", "mul", "output"]


@pytest.mark.parametrize(
    "function",
    [nn.ELU(2.0), lambda x: F.elu(x, 2.0), lambda x: F.elu(x, alpha=2.0)],
)
def test_a_setting_is_the_modules_or_the_functions(function):
    graph, node = last_of(function)

    assert argument_of(graph, node, 1, "alpha", 1.0) == 2.0
    assert argument_of(graph, node, 9, "absent", 7) == 7


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (nn.ReLU(inplace=True), True),
        (nn.ReLU(), False),
        (lambda x: F.relu(x, inplace=True), True),
        (F.relu, False),
        (lambda x: x.add_(1), True),
        (torch.relu_, True),
        (lambda x: x + 1, False),
    ],
)
def test_a_change_in_place_is_noticed(function, expected):
    assert is_in_place(*last_of(function)) is expected


def test_the_input_changes_nothing():
    graph, nodes = nodes_of(torch.relu)

    assert not is_in_place(graph, nodes[0])
