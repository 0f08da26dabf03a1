from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.nets import build_network
from skdeepopt.pruning._removal import remove_channels, remove_dead_channels

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
SOME = st.sets(st.integers(0, 7), max_size=7)


def make_network(activation=nn.ReLU):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 3))


def make_convolutions():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 6, 3, padding=1), nn.Flatten(), nn.Linear(6 * 64, 2),
    ).eval()  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(SOME)
def test_channels_go_by_name_and_index(gone):
    network = make_network()
    kept = [i for i in range(8) if i not in gone]
    rows, columns = network[0].weight.detach()[kept], network[2].weight.detach()[:, kept]

    remove_channels(network, VECTORS, {"0": gone})

    assert torch.equal(network[0].weight, rows)
    assert torch.equal(network[2].weight, columns)


@settings(max_examples=15, deadline=None)
@given(SOME)
def test_removing_silent_channels_changes_no_answer(silent):
    network = make_network()
    with torch.no_grad():
        network[0].weight[list(silent)] = 0
        network[0].bias[list(silent)] = 0
    before = network(VECTORS)

    removed = remove_dead_channels(network, VECTORS)

    assert removed == ({"0": len(silent)} if silent else {})
    torch.testing.assert_close(network(VECTORS), before)


@settings(max_examples=15, deadline=None)
@given(SOME)
def test_removing_channels_that_nobody_reads_changes_no_answer(unread):
    network = make_convolutions()
    with torch.no_grad():
        network[3].weight[:, list(unread)] = 0
    before = network(IMAGES)

    removed = remove_dead_channels(network, IMAGES)

    assert removed == ({"0": len(unread)} if unread else {})
    torch.testing.assert_close(network(IMAGES), before)


def test_channels_that_a_batch_norm_silences_go():
    network = make_convolutions()
    with torch.no_grad():
        network[0].weight[[1, 3]] = 0
    before = network(IMAGES)

    removed = remove_dead_channels(network, IMAGES)

    assert removed == {"0": 2}
    torch.testing.assert_close(network(IMAGES), before)


@pytest.mark.parametrize("name", ["bias", "running_mean"])
def test_channels_that_a_batch_norm_shifts_stay(name):
    network = make_convolutions()
    with torch.no_grad():
        network[0].weight[[1, 3]] = 0
        getattr(network[1], name)[[1, 3]] = -1.0 if name == "running_mean" else 1.0

    assert remove_dead_channels(network, IMAGES) == {}


def test_channels_that_an_activation_lifts_from_zero_stay():
    network = make_network(nn.Sigmoid)
    with torch.no_grad():
        network[0].weight[2] = 0
        network[0].bias[2] = 0

    assert remove_dead_channels(network, VECTORS) == {}


def test_what_only_dead_channels_read_is_dead():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))
    with torch.no_grad():
        network[4].weight[:, 1:] = 0
        network[2].weight[0, 2:] = 0
    before = network(VECTORS)

    removed = remove_dead_channels(network, VECTORS)

    assert removed == {"0": 6, "2": 5}
    torch.testing.assert_close(network(VECTORS), before)


def test_a_dead_layer_keeps_one_channel():
    network = make_network()
    nn.init.zeros_(network[2].weight)

    remove_dead_channels(network, VECTORS)

    assert network[0].out_features == 1
    assert torch.equal(network(VECTORS), network[2].bias.expand(4, 3))


def test_a_residual_network_without_dead_channels_loses_none():
    torch.manual_seed(0)
    network = build_network("residual", (3, 8, 8), 2)

    assert remove_dead_channels(network, IMAGES) == {}


def test_a_norm_across_channels_holds_dead_ones():
    network = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    nn.init.zeros_(network[2].weight)

    assert remove_dead_channels(network, VECTORS) == {}


@pytest.mark.parametrize(
    ("channels", "match"),
    [
        ({"1": [0]}, r"channels\['1'\] is no layer .* those are '0'"),
        ({"2": [0]}, r"channels\['2'\] is no layer"),
        ({"0": [8]}, r"channels\['0'\] has removable channels of 0 to 7, not 8"),
        ({"0": [-1]}, "of 0 to 7, not -1"),
        ({"0": range(8)}, "at least one channel, not '0' none"),
    ],
)
def test_other_channels_are_refused(channels, match):
    with pytest.raises(ValueError, match=match):
        remove_channels(make_network(), VECTORS, channels)
