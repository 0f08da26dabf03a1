from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt import CNNClassifier, PrunedEstimator
from skdeepopt.estimators._samples import auto_batch_size
from skdeepopt.meta._transfer_plan import auto_epochs, fill, match_range
from skdeepopt.nets import MatchInput, TransferNetwork
from skdeepopt.sources import resolve_source
from skdeepopt.training._batches import TensorData


def data_of(images, index=None):
    index = torch.arange(len(images)) if index is None else torch.tensor(index)
    return TensorData(images, torch.zeros(len(images)), None, index)


@given(st.integers(2, 200_000), st.one_of(st.just("auto"), st.integers(1, 512)))
def test_automatic_epochs_give_300_steps_or_reach_a_bound(n_samples, batch_size):
    size = auto_batch_size(n_samples) if batch_size == "auto" else batch_size

    epochs = auto_epochs(n_samples, batch_size)

    steps = math.ceil(n_samples / min(size, n_samples))
    assert 5 <= epochs <= 100
    assert epochs * steps >= 300 or epochs == 100
    assert (epochs - 1) * steps < 300 or epochs == 5


@given(
    st.floats(-100, 0.0), st.floats(0.5, 300), st.floats(-3, 3), st.floats(0.1, 300), st.booleans()
)
def test_the_range_of_the_data_becomes_that_of_the_source(least, greatest, low, width, negative):
    images = torch.full((3, 1, 2, 2), (least + greatest) / 2)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = greatest, least if negative else 0.0
    match = MatchInput((1, 2, 2), (1, 2, 2))

    match_range(match, data_of(images), (low, low + width))

    darkest = torch.full((1, 1, 2, 2), min(float(images.min()), 0.0))
    for pixel, wanted in ((darkest, low), (torch.full((1, 1, 2, 2), greatest), low + width)):
        assert match(pixel)[0, 0, 0, 0].item() == pytest.approx(wanted, abs=1e-3 * (1 + width))


def test_a_range_for_each_channel_is_kept_apart():
    match = MatchInput((1, 2, 2), (3, 2, 2))
    images = torch.tensor([0.0, 4.0]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)

    match_range(match, data_of(images), ((0.0, -1.0, 2.0), (1.0, 1.0, 3.0)))

    assert match(images)[:, :, 0, 0].tolist() == [[0.0, -1.0, 2.0], [1.0, 1.0, 3.0]]


def test_samples_that_take_no_part_have_no_say():
    images = torch.tensor([1.0, 5.0, 255.0]).reshape(3, 1, 1, 1)
    match = MatchInput((1, 1, 1), (1, 1, 1))

    match_range(match, data_of(images, [0, 1, 1]), (0.0, 1.0))

    assert match.scale.item() == pytest.approx(0.2)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_images_are_no_trouble(value):
    match = MatchInput((1, 1, 1), (1, 1, 1))

    match_range(match, data_of(torch.full((2, 1, 1, 1), value)), (0.0, 255.0))

    assert match.scale.isfinite().all()


def test_without_a_range_pixels_stay_as_they_are():
    match = MatchInput((1, 1, 1), (1, 1, 1))

    match_range(match, data_of(torch.full((2, 1, 1, 1), 99.0)), None)

    assert (match.scale.item(), match.shift.item()) == (1.0, 0.0)


def test_a_network_filled_twice_is_the_same(images, y):
    base = CNNClassifier(widths=(4, 8), max_epochs=1, random_state=0).fit(images, y)
    pruned = PrunedEstimator(base, finetune_epochs=0, random_state=0).fit(images, y)
    source = resolve_source(pruned, owner="test")
    networks = []
    for _ in range(2):
        networks.append(
            TransferNetwork(
                (1, 8, 8), 3, body="compact", source_shape=(1, 8, 8), widths=source.widths
            )
        )
        fill(networks[-1], source, seed=3)

    one, other = networks
    assert one.head.in_features < 32
    assert torch.equal(one.head.weight, other.head.weight)
    np.testing.assert_array_equal(
        one(torch.ones(2, 1, 8, 8)).detach(), other(torch.ones(2, 1, 8, 8)).detach()
    )
