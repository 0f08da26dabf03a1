from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.layers._weighted import weight_gradient, weight_layers
from skdeepopt.pruning._masks import set_masks
from skdeepopt.pruning._prunable import check_prunable


def test_convolutions_and_linear_layers_are_prunable_and_nothing_else():
    network = nn.Sequential(
        nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.ConvTranspose1d(2, 2, 3), nn.Linear(4, 2)
    )

    assert list(weight_layers(network)) == ["0", "2", "3"]


def test_a_layer_that_stands_in_two_places_is_listed_once():
    layer = nn.Linear(3, 3)

    assert list(weight_layers(nn.Sequential(layer, nn.ReLU(), layer))) == ["0"]


def test_a_masked_layer_is_still_prunable():
    network = nn.Sequential(nn.Linear(3, 2))
    set_masks(network, {"0": torch.eye(2, 3) > 0})

    assert list(check_prunable(network, owner="Test")) == ["0"]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_refused_by_their_layers_name(value):
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    with torch.no_grad():
        network[1].weight[0, 1] = value

    with pytest.raises(ValueError, match=r"^Test ranks .* layer '1'.* smaller lr\?$"):
        check_prunable(network, owner="Test")


@pytest.mark.parametrize("masked", [False, True])
def test_a_parameter_of_two_layers_is_refused_by_both_names(masked):
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    if masked:
        set_masks(network, {"0": torch.eye(3) > 0})

    with pytest.raises(ValueError, match="'0' and '1'"):
        check_prunable(network, owner="Test")


def test_a_linear_layer_tied_to_an_embedding_is_refused():
    network = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 5)})
    network["head"].weight = network["embedding"].weight

    with pytest.raises(ValueError, match="'embedding' and 'head'"):
        check_prunable(network, owner="Test")


def test_a_bias_of_two_layers_is_no_reason_to_refuse():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].bias = network[0].bias

    assert list(check_prunable(network, owner="Test")) == ["0", "1"]


def test_a_network_without_such_layers_is_refused():
    with pytest.raises(ValueError, match="Sequential has none"):
        check_prunable(nn.Sequential(nn.ReLU()), owner="Test")


def test_the_gradient_behind_a_mask_is_zero_where_masked():
    layer = nn.Linear(3, 1)
    set_masks(layer, {"": torch.tensor([[True, False, True]])})
    assert weight_gradient(layer) is None

    layer(torch.ones(1, 3)).sum().backward()

    assert weight_gradient(layer).tolist() == [[1, 0, 1]]
