"""Compressions and engines on a network that matches its input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt import (
    NeuralClassifier,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    export,
    load,
    save,
)
from skdeepopt.layers._cost import layer_costs
from skdeepopt.layers._trace import folded, traced
from skdeepopt.nets import ARCHITECTURES, TransferNetwork
from skdeepopt.packing import absorb_batch_norms, restore_batch_norms
from skdeepopt.pruning._channels import ChannelCut
from skdeepopt.pruning._shapes import resize_to
from skdeepopt.transfer import L2SP, rates_by_depth, split_head, stages
from tests.transfer.conftest import values

SHAPES = [((1, 8, 8), (1, 28, 28)), ((3, 20, 20), (1, 16, 16)), ((1, 20, 20), (3, 16, 16))]
RESIZED = st.sampled_from(SHAPES)


def built(architecture, image_shape, source_shape):
    """A network whose batch norms have seen images."""
    torch.manual_seed(0)
    network = TransferNetwork(image_shape, 3, body=architecture, source_shape=source_shape)
    with torch.no_grad():
        network.train()(torch.rand(16, *image_shape))
    return network.eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("image_shape", "source_shape"), SHAPES)
def test_traced_and_folded_it_gives_its_answers(architecture, image_shape, source_shape):
    network, images = built(architecture, image_shape, source_shape), torch.rand(3, *image_shape)

    graph = folded(traced(network, owner="test"))

    torch.testing.assert_close(graph(images), network(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_its_layers_cost_what_they_cost_alone(architecture):
    network = built(architecture, (1, 8, 8), (1, 28, 28))

    costs = layer_costs(network, torch.zeros(1, 1, 8, 8))
    alone = layer_costs(network.body, torch.zeros(1, 1, 28, 28))

    assert {name: costs[f"body.{name}"] for name in alone} == alone
    assert costs["head"].multiply_adds == network.head.weight.numel()


@settings(max_examples=12, deadline=None)
@given(RESIZED, st.sampled_from(list(ARCHITECTURES)), st.floats(0.0, 0.9))
def test_channels_go_from_the_body_and_the_head_follows(shapes, architecture, ratio):
    image_shape, _ = shapes
    network = built(architecture, *shapes)
    before = {name: layer.kept for name, layer in kept_layers(network, image_shape).items()}
    match = values(network.match)

    ChannelCut(network, torch.rand(2, *image_shape)).to(ratio)

    assert network(torch.rand(2, *image_shape)).shape == (2, 3)
    after = kept_layers(network, image_shape)
    assert all(layer.kept <= before[name] for name, layer in after.items())
    assert network.head.in_features == network.body(network.match(blank(image_shape))).shape[1]
    assert all(torch.equal(v, match[n]) for n, v in network.match.state_dict().items())


def kept_layers(network, image_shape):
    return {layer.name: layer for layer in ChannelCut(network, blank(image_shape)).kept()}


def blank(image_shape):
    return torch.zeros(2, *image_shape)


def test_half_of_the_channels_are_really_gone():
    network = built("compact", (1, 8, 8), (1, 28, 28))
    before = sum(p.numel() for p in network.parameters())

    ChannelCut(network, torch.rand(2, 1, 8, 8)).to(0.5)

    assert sum(p.numel() for p in network.parameters()) < 0.5 * before


def test_a_new_one_takes_the_shapes_of_a_pruned_one():
    network = built("compact", (3, 20, 20), (1, 16, 16))
    ChannelCut(network, torch.rand(2, 3, 20, 20)).to(0.5)
    fresh = TransferNetwork((3, 20, 20), 3, source_shape=(1, 16, 16))

    resize_to(fresh, network.state_dict())
    fresh.load_state_dict(network.state_dict())

    images = torch.rand(3, 3, 20, 20)
    assert torch.equal(fresh.eval()(images), network(images))


def test_a_pruned_one_has_stages_rates_and_a_head():
    network = built("compact", (1, 8, 8), (1, 28, 28))
    ChannelCut(network, torch.rand(2, 1, 8, 8)).to(0.5)

    rates = rates_by_depth(network, 0.5)
    body, head = split_head(network, owner="test")

    images = torch.rand(2, 1, 8, 8)
    assert len(stages(network.body)) == 3
    assert rates.keys() == set(network.parameters())
    assert torch.equal(head(body(images)), network(images))


def test_channels_cut_in_the_middle_are_pulled_no_more():
    network = built("compact", (1, 8, 8), (1, 28, 28))
    hook = L2SP(network, 1.0)
    hook.before_training(1)

    ChannelCut(network, torch.rand(2, 1, 8, 8)).to(0.5)

    penalty = hook.penalty()
    assert penalty is None or penalty.isfinite()


def test_batch_norms_are_absorbed_and_put_back():
    network, images = built("compact", (1, 8, 8), (1, 28, 28)), torch.rand(3, 1, 8, 8)
    expected = network(images)

    absorb_batch_norms(network, owner="test")
    absorbed = network(images)
    restore_batch_norms(network)

    torch.testing.assert_close(absorbed, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.eval()(images), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def trained(images, y):
    """An estimator that owns a transfer network for larger images."""
    return estimator().fit(images, y)


def estimator():
    return NeuralClassifier(
        TransferNetwork,
        module__source_shape=(1, 16, 16),
        module__widths=(4, 8),
        image_shape=(1, 8, 8),
        max_epochs=4,
        random_state=0,
    )


WRAPPERS = {
    "pruned": lambda: PrunedEstimator(estimator(), pruning_ratio=0.5, finetune_epochs=2),
    "masked": lambda: PrunedEstimator(estimator(), granularity="weight", finetune_epochs=1),
    "quantized": lambda: QuantizedEstimator(estimator()),
    "quantized in training": lambda: QuantizedEstimator(estimator(), method="training"),
    "packed": lambda: PackedEstimator(estimator(), finetune_epochs=2),
    "both": lambda: QuantizedEstimator(PrunedEstimator(estimator(), pruning_ratio=0.5)),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_answers_well_and_as_its_file_does(name, images, y, tmp_path):
    model = WRAPPERS[name]().fit(images, y)

    save(model, tmp_path / "model.skdo")
    again = load(tmp_path / "model.skdo")

    assert model.score(images, y) > 0.8
    assert np.array_equal(again.predict_proba(images), model.predict_proba(images))


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("onnx", "model.onnx"),
        ("torchscript", "model.pt"),
        ("torch", "model.pt2"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_an_exported_file_answers_as_its_estimator(trained, images, tmp_path, format, name, given):
    path = export(trained, tmp_path / name, format, X=images if given else None)

    assert path.stat().st_size > 0  # It was compared before it took its place.


def test_a_sample_alone_is_answered_as_among_many(trained, images):
    together = trained.predict_proba(images)

    alone = np.concatenate([trained.predict_proba(images[i : i + 1]) for i in range(len(images))])

    assert np.array_equal(alone, together)
