from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn.functional import linear

from skdeepopt import CNNClassifier, TransferEstimator
from skdeepopt.nets import TransferNetwork
from skdeepopt.sources._estimators import source_of_estimator, source_of_net

NAMES = ("compact", "residual", "bare", "pruned", "without blocks", "rows", "grey", "own")
each = pytest.mark.parametrize("name", NAMES)
QUICK = {"max_epochs": 1, "random_state": 0, "device": "cpu"}


def body_of(source):
    """The body with its weights, as a transfer would build it."""
    if isinstance(source.body, nn.Module):
        return source.body.eval()
    from skdeepopt.meta._transfer_plan import fill

    settings = {name: getattr(source, name) for name in ("widths", "depth", "standardize")}
    network = TransferNetwork(
        source.image_shape, 2, body=source.body, source_shape=source.image_shape, **settings
    )
    fill(network, source, seed=0)
    return network.body.eval()


@each
def test_body_and_head_answer_together_as_the_estimator_does(trained, images, name):
    source = source_of_estimator(trained[name], name=name, owner="test")
    inputs = torch.from_numpy(images.copy()).reshape(60, *source.image_shape)

    with torch.no_grad():
        logits = linear(body_of(source)(inputs), **source.head_state)

    X = images.reshape(60, 64) if name == "rows" else images
    expected = trained[name].predict_proba(X[:, None] if name == "own" else X)
    np.testing.assert_allclose(logits.softmax(1).numpy(), expected, rtol=1e-4, atol=1e-6)
    assert source.classes.tolist() == [0, 1, 2]


@each
def test_the_estimator_stays_as_it_is(trained, name):
    before = copy.deepcopy(trained[name].module_.state_dict())

    source = source_of_estimator(trained[name], name=name, owner="test")
    for tensor in source.body_state.values():
        tensor.zero_()

    now = trained[name].module_.state_dict()
    assert all(torch.equal(before[key], now[key]) for key in now)


@pytest.mark.parametrize(
    ("name", "body"),
    [("compact", "compact"), ("pruned", "compact"), ("without blocks", "residual"), ("bare", None)],
)
def test_built_in_networks_are_known_by_name_even_pruned(trained, name, body):
    source = source_of_estimator(trained[name], name=name, owner="test")

    assert source.body == (body or "lenet300")
    assert source.recipe is None


def test_the_first_layer_tells_the_range_of_the_pixels(trained):
    ranges = [
        source_of_estimator(trained[name], name=name, owner="test").pixel_range
        for name in ("compact", "bare", "rows")
    ]

    assert ranges == [(0.0, 16.0), None, None]


def test_the_network_of_a_transfer_can_be_taken_over(images, y):
    first = TransferEstimator(**QUICK).fit(images, y)

    source = source_of_estimator(first, name="first", owner="test")

    assert (source.body, source.image_shape) == ("compact", (1, 28, 28))
    assert source.pixel_range == (0.0, 255.0)
    assert torch.equal(
        source.body_state["network.features.0.weight"],
        first.module_.body.network.features[0].weight,
    )


def test_an_estimator_that_is_not_fitted_is_refused_with_a_hint():
    with pytest.raises(NotFittedError, match=r"FrozenEstimator\(CNNClassifier\(\.\.\.\)\.fit"):
        source_of_estimator(CNNClassifier(), name="x", owner="test")


def raw_module(n_outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, n_outputs))


def test_a_skorch_net_gives_its_module_and_classes(X, y):
    net = NeuralNetClassifier(raw_module(), criterion=nn.CrossEntropyLoss, verbose=0, max_epochs=1)
    net.fit(X.copy(), y)

    source = source_of_net(net, name="net", owner="test")

    assert source.classes.tolist() == [0, 1, 2]
    features = source.body(torch.from_numpy(X.copy()))
    expected = net.module_(torch.from_numpy(X.copy()))
    torch.testing.assert_close(linear(features, **source.head_state), expected)


def test_a_skorch_net_that_is_not_initialized_is_refused():
    net = NeuralNetRegressor(raw_module(1))

    with pytest.raises(NotFittedError, match="NeuralNetRegressor is not"):
        source_of_net(net, name="net", owner="test")


def test_a_skorch_regressor_has_no_classes():
    net = NeuralNetRegressor(raw_module(1), verbose=0).initialize()

    assert source_of_net(net, name="net", owner="test").classes is None
