from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepopt import CNNClassifier
from skdeepopt.nets import ARCHITECTURES, TransferNetwork, build_network
from skdeepopt.nets._blocks import Flatten


class Features(nn.Sequential):
    """A body of someone else, with a batch norm, in training mode."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(2), Flatten())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (1, 1, 7)])
def test_any_architecture_answers_for_images_of_any_shape(architecture, image_shape):
    network = TransferNetwork(image_shape, 4, body=architecture)

    answers = network(torch.rand(3, *image_shape))

    assert answers.shape == (3, 4)
    assert [name for name, _ in network.named_children()] == ["match", "body", "head"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_the_weights_of_a_whole_network_it_answers_as_that(architecture):
    torch.manual_seed(0)
    source = build_network(architecture, (1, 28, 28), 10).eval()
    network = TransferNetwork((1, 28, 28), 10, body=architecture, standardize=False).eval()
    images = torch.rand(4, 1, 28, 28)

    weights = {n: v for n, v in source.state_dict().items() if not n.startswith("head.")}
    network.body.load_state_dict(weights)
    network.head.load_state_dict(source.head.state_dict())

    assert torch.equal(network(images), source(images))


def test_the_body_has_the_names_that_an_image_estimators_network_has(X, y):
    source = CNNClassifier(widths=(4, 8), max_epochs=1).fit(X, y)

    network = TransferNetwork((1, 8, 8), 2, source_shape=(1, 8, 8), widths=(4, 8))

    weights = source.module_.state_dict()
    del weights["network.head.weight"], weights["network.head.bias"]
    assert network.body.load_state_dict(weights)


def test_a_body_that_is_given_is_copied_with_its_modes_and_numbers():
    body = Features()
    before = copy.deepcopy(body.state_dict())

    network = TransferNetwork((1, 8, 8), 2, body=body, source_shape=(3, 16, 16))
    nn.init.zeros_(network.body[0].weight)

    assert network.head.in_features == 16
    assert network.body.training
    assert all(torch.equal(v, before[n]) for n, v in body.state_dict().items())


def test_the_same_seed_gives_the_same_network():
    def built():
        torch.manual_seed(3)
        return TransferNetwork((3, 8, 8), 5, widths=0.5, depth=2)

    first, second = built().state_dict(), built().state_dict()

    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_name_that_is_none_names_those_that_are():
    with pytest.raises(ValueError, match=r"compact.*not 'compct'. Did you mean 'compact'\?"):
        TransferNetwork((1, 8, 8), 2, body="compct")


def test_a_body_that_is_neither_name_nor_network_is_a_type_error():
    with pytest.raises(TypeError, match=r"TransferNetwork\.body is"):
        TransferNetwork((1, 8, 8), 2, body=3)


@pytest.mark.parametrize("given", [{"widths": (2,)}, {"depth": 2}])
def test_settings_of_an_architecture_beside_a_body_are_refused(given):
    with pytest.raises(ValueError, match=f"TransferNetwork.{next(iter(given))} is for a body"):
        TransferNetwork((1, 8, 8), 2, body=Features(), source_shape=(3, 8, 8), **given)


def test_a_body_for_other_images_is_refused():
    with pytest.raises(ValueError, match=r"takes images of source_shape \(1, 8, 8\); this Feat"):
        TransferNetwork((1, 8, 8), 2, body=Features(), source_shape=(1, 8, 8))


def test_a_body_that_gives_maps_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"\(2, 4, 6, 6\). Did you mean to pool and flatten"):
        TransferNetwork(
            (1, 8, 8), 2, body=nn.Sequential(*list(Features())[:2]), source_shape=(3, 8, 8)
        )
