from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import traced
from skdeepopt.lowering._shapes import shapes_of
from skdeepopt.quantization._placement import place_quantizers


class Sized(nn.Module):
    def forward(self, inputs):
        return inputs.view(inputs.size(0) * 2, inputs.size(1) // 2) * inputs.size(1)


def by_name(graph, sample_shape):
    return {n.name: shape for n, shape in shapes_of(graph, sample_shape, owner="test").items()}


def test_the_batch_axis_is_left_open_and_numbers_that_all_batches_share_are_known():
    shapes = by_name(traced(Sized(), owner="test"), (6,))

    assert shapes["inputs"] == (None, 6)
    assert shapes["view"] == (None, 3)
    assert shapes["size_1"] == 6
    assert "size" not in shapes


def test_a_sample_of_the_batchs_size_is_not_taken_for_the_batch():
    shapes = by_name(traced(nn.Sequential(nn.Linear(2, 3)), owner="test"), (2, 2))

    assert shapes == {"inputs": (None, 2, 2), "_0": (None, 2, 3), "output": (None, 2, 3)}


def test_quantizers_without_a_range_and_batch_norms_are_left_as_they_were():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).train()
    graph = traced(network, owner="test").train()
    place_quantizers(graph)
    before = {name: part.clone() for name, part in graph.state_dict().items()}

    shapes_of(graph, (2,), owner="test")

    assert all(torch.equal(part, before[name]) for name, part in graph.state_dict().items())
    assert graph.get_submodule("1").training


def test_a_shape_that_does_not_fit_is_refused():
    graph = traced(nn.Sequential(nn.Linear(2, 3)), owner="test")

    with pytest.raises(ValueError, match=r"test.sample_shape is the shape .* not \(5,\): mat1"):
        shapes_of(graph, (5,), owner="test")
