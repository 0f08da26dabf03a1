from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets import ARCHITECTURES, build_network
from skdeepopt.quantization._calibration import calibrate
from skdeepopt.quantization._layerwise import for_each_layer, output_channels_last
from skdeepopt.quantization._placement import place_quantizers


def graph_of(name):
    torch.manual_seed(0)
    return folded(traced(build_network(name, (1, 16, 16), 4), owner="test"))


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(size, 1, 16, 16, generator=generator) for size in (5, 3)]


def steps_of(graph, reference, batches, visit=lambda step: None):
    steps = []
    for_each_layer(
        graph, reference, batches, lambda step: (steps.append(step), visit(step)), owner="Owner"
    )
    return steps


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_layer_is_visited_once_with_what_it_reads_and_gives(name, batches):
    graph = graph_of(name)

    steps = steps_of(graph, folded(graph), batches)

    assert {step.name for step in steps} == set(weight_layers(graph))
    for step in steps:
        for inputs, targets in zip(step.inputs, step.targets, strict=True):
            assert torch.equal(step.layer(inputs), targets)


def test_the_last_target_is_the_answer_of_the_float_network(batches):
    reference = graph_of("residual")
    graph = folded(reference)
    calibrate(graph, batches, place_quantizers(graph, bits=3), owner="test")

    steps = steps_of(graph, reference, batches)

    for batch, target in zip(batches, steps[-1].targets, strict=True):
        assert torch.equal(target, reference(batch))


def test_what_a_visit_changes_is_seen_by_later_layers_only_in_the_first_network(batches):
    reference = graph_of("lenet300")
    graph = folded(reference)

    steps = steps_of(graph, reference, batches, lambda step: step.layer.weight.zero_())

    read, given = steps[1].inputs[0], steps[0].targets[0]
    assert torch.equal(read, graph.get_submodule("features.0").bias.relu().expand_as(read))
    assert given.std() > 0


def test_a_layer_that_is_called_twice_is_visited_once():
    shared = nn.Linear(3, 3)
    graph = traced(nn.Sequential(shared, nn.ReLU(), shared), owner="test")

    assert len(steps_of(graph, folded(graph), [torch.rand(2, 3)])) == 1


def test_modes_and_gradients_are_left_as_they_were(batches):
    graph, reference = graph_of("compact").train(), graph_of("compact").train()

    steps_of(graph, reference, batches)

    assert graph.training
    assert reference.training
    assert torch.is_grad_enabled()


def test_channels_come_last():
    assert output_channels_last(nn.Conv2d(1, 2, 1), torch.zeros(5, 2, 3, 4)).shape == (5, 3, 4, 2)
    assert output_channels_last(nn.Linear(1, 2), torch.zeros(5, 3, 2)).shape == (5, 3, 2)
