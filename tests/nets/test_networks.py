"""What all built-in networks have in common."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.nets import ARCHITECTURES, MLP, LeNet5, LeNet300, build_network

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 16, 40), (4, 17, 23)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_outputs", [1, 10])
def test_each_network_turns_images_into_one_row_of_outputs_each(architecture, shape, n_outputs):
    network = build_network(architecture, shape, n_outputs)

    assert network(torch.zeros(2, *shape)).shape == (2, n_outputs)


@pytest.mark.parametrize("architecture", ["compact", "residual", "mlp", "lenet300"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 7), (3, 2, 2), (1, 5, 64)])
def test_networks_other_than_lenet5_take_the_smallest_images(architecture, shape):
    network = build_network(architecture, shape, 3)

    assert network(torch.rand(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_outputs_are_logits_of_either_sign(architecture):
    torch.manual_seed(0)
    network = build_network(architecture, (1, 28, 28), 10).eval()

    outputs = network(torch.randn(20, 1, 28, 28))

    assert outputs.min() < 0 < outputs.max()
    assert not torch.allclose(outputs.sum(1), torch.ones(20))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_parameter_takes_part(architecture):
    network = build_network(architecture, (1, 28, 28), 10)

    network(torch.randn(4, 1, 28, 28)).square().sum().backward()

    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_number_multiplies_the_default_widths(architecture):
    plain = build_network(architecture, (1, 28, 28), 10)

    same = build_network(architecture, (1, 28, 28), 10, widths=1.0)
    double = build_network(architecture, (1, 28, 28), 10, widths=2)

    assert size(same) == size(plain)
    assert 1.9 * size(plain) < size(double) < 4.1 * size(plain)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_smallest_multiple_leaves_one_unit(architecture):
    network = build_network(architecture, (1, 28, 28), 10, widths=1e-9)

    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("architecture", ["compact", "residual"])
def test_depth_adds_convolutions_and_keeps_the_outputs(architecture):
    flat = build_network(architecture, (1, 28, 28), 10)

    deep = build_network(architecture, (1, 28, 28), 10, depth=2)

    assert layers(deep, nn.Conv2d) == layers(flat, nn.Conv2d) + (
        3 if architecture == "compact" else 6
    )
    assert deep(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("architecture", ["lenet5", "lenet300", "mlp"])
def test_other_networks_have_no_depth(architecture):
    with pytest.raises(ValueError, match="Did you mean depth=None"):
        build_network(architecture, (1, 28, 28), 10, depth=2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_acts_in_training_only(architecture):
    torch.manual_seed(0)
    network = build_network(architecture, (1, 28, 28), 10, dropout=0.5)
    images = torch.randn(8, 1, 28, 28)

    network.train()
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (LeNet5((1, 28, 28), 10), 431_080),
        (LeNet300((1, 28, 28), 10), 266_610),
        (MLP(64, 10, widths=(32,)), 64 * 32 + 32 + 32 * 10 + 10),
    ],
)
def test_the_networks_of_the_literature_have_their_sizes(network, parameters):
    assert size(network) == parameters


def test_the_compact_network_has_about_25_thousand_parameters():
    assert 20_000 < size(build_network("compact", (1, 28, 28), 10)) < 30_000


@pytest.mark.parametrize("sides", [(15, 28), (28, 15), (8, 8)])
def test_lenet5_says_which_images_are_too_small(sides):
    with pytest.raises(ValueError, match=rf"at least 16 x 16 pixels, not {sides[0]} x {sides[1]}"):
        LeNet5((1, *sides), 10)


def test_an_mlp_takes_the_shape_of_a_sample_or_its_size():
    assert size(MLP((1, 8, 8), 3)) == size(MLP(64, 3))


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def layers(network, kind):
    return sum(isinstance(module, kind) for module in network.modules())
