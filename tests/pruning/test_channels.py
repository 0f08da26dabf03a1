from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._cost import layer_costs, total_bytes
from skdeepopt.nets import ARCHITECTURES, Standardize, build_network
from skdeepopt.pruning._channels import CHANNEL_SCOPES, ChannelCut
from skdeepopt.pruning._criteria import CRITERIA
from skdeepopt.pruning._masks import masks_of, set_masks

IMAGES = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
RATIO = st.floats(0.0, 0.99)


def make_network():
    """Groups of 6 and 10 channels, and gradients."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 49, 10), nn.ReLU(), nn.Linear(10, 3),
    )  # fmt: skip
    nn.init.uniform_(network[1].weight)
    network(IMAGES).square().sum().backward()
    return network


def multiply_adds(network, images=IMAGES):
    return sum(cost.multiply_adds for cost in layer_costs(network, images).values())


def kept_of(cut):
    return [layer.kept for layer in cut.kept()]


@pytest.mark.parametrize("scope", CHANNEL_SCOPES)
def test_ratio_zero_changes_no_answer_and_replaces_nothing(scope):
    network = make_network()
    parameters, before = list(network.parameters()), network.eval()(IMAGES)
    cut = ChannelCut(network, IMAGES, scope=scope)

    assert not cut.to(0.0)

    assert torch.equal(network(IMAGES), before)
    assert all(one is other for one, other in zip(network.parameters(), parameters, strict=True))
    assert [(layer.kept, layer.total) for layer in cut.kept()] == [(6, 6), (10, 10), (3, 3)]


@settings(max_examples=15, deadline=None)
@given(RATIO, st.sampled_from(list(CRITERIA)))
def test_a_global_cut_keeps_as_many_channels_as_asked(ratio, criterion):
    network = make_network()
    cut = ChannelCut(network, IMAGES, criterion)

    cut.to(ratio)

    assert sum(kept_of(cut)[:2]) == max(2, 16 - round(16 * ratio))
    assert network(IMAGES).shape == (4, 3)


@settings(max_examples=15, deadline=None)
@given(RATIO)
def test_a_cut_by_layer_keeps_as_many_channels_of_each_as_asked(ratio):
    cut = ChannelCut(make_network(), IMAGES, scope="layer")

    cut.to(ratio)

    assert kept_of(cut) == [max(1, 6 - round(6 * ratio)), max(1, 10 - round(10 * ratio)), 3]


@settings(max_examples=15, deadline=None)
@given(RATIO)
def test_a_cut_by_multiply_adds_leaves_no_more_than_asked_unless_at_its_minimum(ratio):
    network = make_network()
    at_first = multiply_adds(network)
    cut = ChannelCut(network, IMAGES, scope="multiply_adds")

    cut.to(ratio)

    within = multiply_adds(network) <= (1 - ratio) * at_first * (1 + 1e-9)
    assert within or kept_of(cut) == [1, 1, 3]


@settings(max_examples=15, deadline=None)
@given(RATIO)
def test_a_cut_by_bytes_leaves_no_more_than_asked_unless_at_its_minimum(ratio):
    network = make_network()
    at_first = total_bytes(network)
    cut = ChannelCut(network, IMAGES, scope="bytes")

    cut.to(ratio)

    within = total_bytes(network) <= (1 - ratio) * at_first * (1 + 1e-9)
    assert within or kept_of(cut) == [1, 1, 3]


@settings(max_examples=15, deadline=None)
@given(st.lists(RATIO, min_size=2, max_size=4), st.sampled_from(["layer", "global"]))
def test_steps_end_where_one_cut_to_the_highest_ratio_does(ratios, scope):
    cut = ChannelCut(make_network(), IMAGES, "magnitude", scope=scope)
    once = ChannelCut(make_network(), IMAGES, "magnitude", scope=scope)
    once.to(max(ratios))

    replaced = [cut.to(ratio) for ratio in ratios]

    assert sum(kept_of(cut)) == sum(kept_of(once))
    assert any(replaced) == (kept_of(cut) != [6, 10, 3])


def test_the_channels_with_the_least_weight_go_from_all_their_layers():
    network = make_network()
    weak = torch.tensor([1, 4, 5])
    with torch.no_grad():
        network[0].weight[weak] *= 1e-3
        network[1].weight[weak] *= 1e-3
        network[5].weight.view(10, 6, 49)[:, weak] *= 1e-3
    strong = network[1].weight.detach()[[0, 2, 3]]

    ChannelCut(network, IMAGES, scope="layer").to(0.5)

    assert torch.equal(network[1].weight, strong)
    assert (network[1].num_features, network[5].in_features) == (3, 3 * 49)
    assert len(network[1].running_var) == 3


def test_batch_norm_scales_decide_where_they_are_asked_to():
    network = make_network()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([3.0, -0.1, 2.0, 0.2, -4.0, 0.3]))

    ChannelCut(network, IMAGES, "batch_norm", scope="layer").to(0.5)

    assert network[1].weight.tolist() == [3.0, 2.0, -4.0]


def test_a_first_order_score_is_the_squared_sum_of_weight_times_gradient():
    network = nn.Sequential(nn.Linear(1, 3, bias=False), nn.Linear(3, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0], [5.0], [2.0]]))
        network[1].weight.copy_(torch.tensor([[4.0, 0.1, -3.0]]))
    network(torch.ones(1, 1)).sum().backward()

    ChannelCut(network, torch.ones(1, 1), "taylor").to(1 / 3)

    assert network[0].weight.tolist() == [[1.0], [2.0]]


def test_scores_of_a_callable_decide():
    network = make_network()
    kept = network[1].weight.detach().sort().values[:3]

    ChannelCut(network, IMAGES, lambda w, g: -w * (w.ndim == 1), scope="layer").to(0.5)

    assert torch.equal(network[1].weight.detach().sort().values, kept)


def test_random_channels_depend_on_the_seed_alone():
    cuts = [ChannelCut(make_network(), IMAGES, "random", seed=seed) for seed in (1, 1, 2)]
    state = torch.get_rng_state()

    assert all(cut.to(0.5) for cut in cuts)

    one, same, other = (cut.module.state_dict() for cut in cuts)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(one, same, atol=0, rtol=0)
    assert not torch.equal(one["7.weight"], other["7.weight"])


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_a_ratio_that_would_empty_a_layer_leaves_one_channel_and_says_so(scope):
    cut = ChannelCut(make_network(), IMAGES, scope=scope)

    cut.to(0.99)

    assert [(layer.kept, layer.at_minimum) for layer in cut.kept()] == [
        (1, True), (1, True), (3, False),
    ]  # fmt: skip


def test_a_ratio_that_leaves_enough_of_each_layer_has_none_at_its_minimum():
    cut = ChannelCut(make_network(), IMAGES, scope="layer")

    cut.to(0.5)

    assert not any(layer.at_minimum for layer in cut.kept())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("scope", CHANNEL_SCOPES)
def test_built_in_networks_shrink_in_every_scope(architecture, scope):
    images = torch.zeros(2, 1, 28, 28).to(memory_format=torch.channels_last)
    layer = Standardize(torch.zeros(1), torch.ones(1))
    network = nn.Sequential(layer, build_network(architecture, (1, 28, 28), 10))
    network = network.to(memory_format=torch.channels_last)
    before = multiply_adds(network, images), total_bytes(network)

    assert ChannelCut(network, images, scope=scope).to(0.5)

    after = multiply_adds(network, images), total_bytes(network)
    assert min(a / b for a, b in zip(after, before, strict=True)) < 0.8
    assert network(images).shape == (2, 10)


def test_a_masked_network_is_cut_and_keeps_its_masks():
    network = make_network()
    set_masks(network, {"5": torch.rand(10, 294, generator=torch.Generator().manual_seed(0)) < 0.1})
    cut = ChannelCut(network, IMAGES)

    cut.to(0.5)

    assert list(masks_of(network)) == ["5"]
    assert network[5].weight.shape == masks_of(network)["5"].shape
    assert [layer.kind for layer in cut.kept()] == ["Conv2d", "Linear", "Linear"]


def test_a_cut_of_a_copy_leaves_the_original():
    network = make_network()
    before = copy.deepcopy(network.state_dict())

    ChannelCut(copy.deepcopy(network), IMAGES).to(0.9)

    torch.testing.assert_close(network.state_dict(), before, atol=0, rtol=0)


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 30])
def test_a_ratio_outside_its_range_is_refused(ratio):
    cut = ChannelCut(make_network(), IMAGES)

    with pytest.raises(ValueError, match=r"ChannelCut\.ratio is a ratio in \[0, 1\)"):
        cut.to(ratio)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"criterion": "magnitud"}, r"ChannelCut\.criterion .* Did you mean 'magnitude'"),
        ({"scope": "globl"}, r"ChannelCut\.scope .* Did you mean 'global'"),
    ],
)
def test_unknown_options_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        ChannelCut(make_network(), IMAGES, **options)


def test_weights_that_are_no_numbers_are_refused_by_name():
    network = make_network()
    cut = ChannelCut(network, IMAGES)
    nn.init.constant_(network[5].weight, float("nan"))

    with pytest.raises(ValueError, match="ChannelCut ranks finite weights, not those of layer '5'"):
        cut.to(0.5)


def test_first_order_scores_without_gradients_are_refused():
    network = make_network()
    network.zero_grad()

    with pytest.raises(ValueError, match="Did you mean to run a backward pass first"):
        ChannelCut(network, IMAGES, "taylor").to(0.5)


def test_a_network_of_one_layer_has_no_channels_to_remove():
    with pytest.raises(ValueError, match="belongs to its input or its answer"):
        ChannelCut(nn.Sequential(nn.Linear(4, 2)), torch.zeros(2, 4))
