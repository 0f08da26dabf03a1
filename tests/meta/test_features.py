from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.meta import _features
from skdeepopt.meta._features import FEATURES, KeptFeatures, adapt_batch_norm, features_of
from skdeepopt.nets import TransferNetwork

CPU = "cpu"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TransferNetwork((1, 8, 8), 3)


@pytest.fixture
def pixels():
    return torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def computed(monkeypatch):
    """How many images went through a network."""
    FEATURES.clear()
    counts, compute = [], _features._computed

    def counting(trunk, images, device):
        counts.append(len(images))
        return compute(trunk, images, device)

    monkeypatch.setattr(_features, "_computed", counting)
    yield counts
    FEATURES.clear()


def directly(network, images):
    with torch.no_grad():
        return network.body.eval()(network.match(images)).numpy()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=30))
def test_never_more_is_kept_than_allowed_and_always_the_right_thing(asked):
    kept = KeptFeatures(most_bytes=400)

    for key, size in asked:
        got = kept.get(f"{key} {size}", lambda k=key, n=size: np.full(n, float(k)))
        np.testing.assert_array_equal(got, np.full(size, float(key)))
        assert sum(array.nbytes for array in kept._arrays.values()) <= 400


def test_what_was_asked_for_last_is_kept_longest():
    kept, computed = KeptFeatures(most_bytes=16), []

    for key in "abacb":
        kept.get(key, lambda k=key: computed.append(k) or np.zeros(1))

    assert computed == ["a", "b", "c", "b"]


def test_what_is_kept_cannot_be_written_to():
    kept = KeptFeatures(most_bytes=100).get("key", lambda: np.zeros(3))

    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1.0


def test_features_are_what_the_head_sees(network, pixels):
    features = features_of(network.train(), pixels, CPU, keep=False)

    np.testing.assert_allclose(features, directly(network, pixels), rtol=1e-4, atol=1e-5)
    assert features.dtype == np.float32


def test_the_mode_of_every_part_stays(network, pixels):
    network.train().body.network.features[1].eval()

    features_of(network, pixels[:3], CPU, keep=False)

    assert network.training
    assert [part.training for part in network.body.network.features[:3]] == [True, False, True]


def test_how_many_images_are_asked_about_changes_no_feature(network, pixels):
    together = features_of(network, pixels, CPU, keep=False)

    alone = np.concatenate([features_of(network, p, CPU, keep=False) for p in pixels[:20].split(1)])

    np.testing.assert_array_equal(alone, together[:20])


def test_the_same_images_go_through_the_same_network_once(network, pixels, computed):
    first = features_of(network, pixels, CPU, keep=True)

    assert features_of(network, pixels.clone(), CPU, keep=True) is first
    assert computed == [200]


@pytest.mark.parametrize("change", ["weight", "range", "pixel", "type"])
def test_another_network_or_image_is_computed_anew(network, pixels, computed, change):
    features_of(network, pixels, CPU, keep=True)

    with torch.no_grad():
        if change == "weight":
            network.body.network.features[0].weight[0, 0, 0, 0] += 1
        elif change == "range":
            network.match.scale *= 2
        elif change == "pixel":
            pixels[3, 0, 2, 2] += 1
    images = (255 * pixels).byte() if change == "type" else pixels

    features = features_of(network, images, CPU, keep=True)
    np.testing.assert_array_equal(features, features_of(network, images, CPU, keep=False))
    assert computed == [200, 200, 200]


def test_a_change_of_the_head_alone_changes_no_feature(network, pixels, computed):
    features_of(network, pixels, CPU, keep=True)
    nn.init.zeros_(network.head.weight)

    features_of(network, pixels, CPU, keep=True)

    assert computed == [200]


def test_a_few_images_are_not_worth_keeping(network, pixels, computed):
    for _ in range(2):
        features_of(network, pixels[:5], CPU, keep=True)

    assert computed == [5, 5]


def test_adapted_statistics_are_those_of_the_images_and_kept_ones_the_same(network, pixels):
    FEATURES.clear()
    expected, again = TransferNetwork((1, 8, 8), 3), TransferNetwork((1, 8, 8), 3)
    for other in (expected, again):
        other.load_state_dict(network.state_dict())
    reestimate_batch_norm(expected, [pixels])

    adapt_batch_norm(network, pixels, CPU)
    adapt_batch_norm(again, pixels, CPU)

    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        if "num_batches" not in name:
            torch.testing.assert_close(value, expected.state_dict()[name])


def test_a_network_without_batch_norms_has_nothing_to_adapt(pixels):
    network = TransferNetwork((1, 8, 8), 3, body="lenet5")
    before = {name: value.clone() for name, value in network.state_dict().items()}

    adapt_batch_norm(network, pixels, CPU)

    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())
