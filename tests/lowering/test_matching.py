from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._pixel_groups import pixels_grouped
from skdeepopt.nets import MatchInput, TransferNetwork
from tests.lowering.conftest import (
    answers,
    assert_same_answers,
    assert_simulated,
    operators,
    prepared,
)

SHAPES = [
    ((1, 8, 8), (1, 28, 28)),
    ((1, 28, 28), (3, 20, 28)),
    ((3, 32, 32), (1, 28, 28)),
    ((3, 9, 12), (3, 9, 16)),
    ((1, 8, 8), (2, 8, 8)),
]


def transferred(image_shape, source_shape, **settings):
    """A transfer network whose batch norms have seen images, with a range to match."""
    torch.manual_seed(0)
    network = TransferNetwork(image_shape, 5, source_shape=source_shape, **settings)
    network.match.scale.copy_(torch.rand(network.match.scale.shape) + 0.5)
    network.match.shift.copy_(torch.rand(network.match.shift.shape))
    if "standardize" not in settings:
        network.body.standardize.mean.fill_(0.8)
        network.body.standardize.scale.fill_(0.3)
    with torch.no_grad():
        network.train()(torch.rand(16, *image_shape))
    return network.eval()


@pytest.mark.parametrize(("image_shape", "source_shape"), SHAPES)
def test_a_match_gives_its_answers_in_float_and_before_integers(image_shape, source_shape):
    network = transferred(image_shape, source_shape)

    assert_same_answers(network, torch.rand(3, *image_shape), tolerance=1e-4)
    assert_simulated(network, torch.rand(16, *image_shape))


@pytest.mark.parametrize(("image_shape", "source_shape"), SHAPES)
def test_without_a_standardize_behind_it_too(image_shape, source_shape):
    network = transferred(image_shape, source_shape, standardize=False)

    assert_simulated(network, torch.rand(16, *image_shape))


def test_behind_a_layer_too():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), MatchInput((3, 10, 10), (1, 6, 6)), nn.Conv2d(1, 4, 3), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip

    assert_same_answers(network, torch.rand(3, 1, 12, 12))
    assert_simulated(network, torch.rand(16, 1, 12, 12))


def test_what_does_nothing_is_not_written():
    network = nn.Sequential(MatchInput((1, 8, 8), (1, 8, 8)), nn.Flatten(), nn.Linear(64, 2))

    assert operators(to_onnx(prepared(network.eval()), (1, 8, 8))) == ["Flatten", "Gemm"]


def test_whole_numbers_come_in_as_they_are():
    network, images = transferred((3, 8, 8), (1, 9, 9)), torch.randint(0, 256, (4, 3, 8, 8))

    model = to_onnx(prepared(network), (3, 8, 8), input_dtype="uint8")

    with torch.no_grad():
        wanted = network(images.float())
    given = torch.from_numpy(answers(model, images.to(torch.uint8).numpy()))
    torch.testing.assert_close(given, wanted, rtol=1e-3, atol=1e-3)


def test_pixels_are_grouped_behind_a_match():
    network = transferred((1, 8, 8), (1, 28, 28), widths=(4, 16))
    graph = prepared(network)

    grouped = pixels_grouped(graph, (1, 8, 8), lanes=16)

    images = torch.rand(3, 1, 8, 8)
    assert grouped is not graph
    torch.testing.assert_close(grouped(images), network(images), rtol=1e-4, atol=1e-4)
