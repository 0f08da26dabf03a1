from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._weighted import weight_layers
from skdeepopt.pruning._criteria import CRITERIA
from skdeepopt.pruning._masks import bake_masks, masks_of, set_masks
from skdeepopt.pruning._weights import SCOPES, WeightCut

POSITIONS = {"0": 4, "3": 1}
RATIO = st.floats(0.0, 0.999)
FEW = settings(max_examples=20, deadline=None)
ONES = [name for name, criterion in CRITERIA.items() if not criterion.reads_norm]


def make_network():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    network(torch.randn(8, 1, 4, 4)).square().sum().backward()
    return network


def weights_of(network):
    return [layer.weight.detach() for layer in weight_layers(network).values()]


def n_nonzero(network):
    return [int((weight != 0).sum()) for weight in weights_of(network)]


@pytest.mark.parametrize("scope", SCOPES)
def test_ratio_zero_keeps_everything_and_masks_nothing(scope):
    network = make_network()
    cut = WeightCut(network, scope=scope, positions=POSITIONS)

    assert not cut.to(0.0)
    assert masks_of(network) == {}
    assert [(layer.kept, layer.total) for layer in cut.kept()] == [(36, 36), (48, 48)]


@pytest.mark.parametrize("criterion", ONES)
@pytest.mark.parametrize("scope", ["global", "bytes"])
@FEW
@given(RATIO)
def test_a_global_cut_keeps_as_many_as_asked(scope, criterion, ratio):
    network = make_network()
    cut = WeightCut(network, criterion, scope=scope)

    cut.to(ratio)

    assert sum(n_nonzero(network)) == max(2, 84 - round(84 * ratio))
    assert [layer.kept for layer in cut.kept()] == n_nonzero(network)


@FEW
@given(RATIO)
def test_a_cut_by_layer_keeps_as_many_of_each_as_asked(ratio):
    network = make_network()
    cut = WeightCut(network, scope="layer")
    asked = [36 - round(36 * ratio), 48 - round(48 * ratio)]

    cut.to(ratio)

    assert n_nonzero(network) == [max(1, count) for count in asked]
    assert [layer.at_minimum for layer in cut.kept()] == [count < 1 for count in asked]


@FEW
@given(st.floats(0.01, 0.9))
def test_a_cut_by_multiply_adds_removes_what_the_ratio_says_and_one_weight_at_most_more(ratio):
    network = make_network()
    total = 36 * 4 + 48

    WeightCut(network, scope="multiply_adds", positions=POSITIONS).to(ratio)

    removed = total - sum(n * p for n, p in zip(n_nonzero(network), (4, 1), strict=True))
    assert ratio * total - 1e-6 <= removed < ratio * total + 4


@pytest.mark.parametrize("criterion", ONES)
@FEW
@given(st.lists(RATIO, min_size=2, max_size=4))
def test_what_was_removed_stays_removed(criterion, ratios):
    network = make_network()
    cut = WeightCut(network, criterion)
    cut.to(ratios[0])
    before = weights_of(network)

    [cut.to(ratio) for ratio in ratios[1:]]

    revived = [(b == 0) & (a != 0) for b, a in zip(before, weights_of(network), strict=True)]
    assert not any(part.any() for part in revived)
    assert sum(n_nonzero(network)) == max(2, 84 - max(round(84 * ratio) for ratio in ratios))


def test_in_steps_or_at_once_the_same_weights_are_left():
    gradual, at_once = make_network(), make_network()

    cut = WeightCut(gradual)
    cut.to(0.3)
    cut.to(0.8)
    WeightCut(at_once).to(0.8)

    assert torch.equal(gradual[0].weight, at_once[0].weight)
    assert torch.equal(gradual[3].weight, at_once[3].weight)


def test_the_smallest_weights_go_first():
    network = make_network()
    every = torch.cat([weight.flatten() for weight in weights_of(network)]).abs()

    WeightCut(network).to(0.5)

    left = torch.cat([weight.flatten() for weight in weights_of(network)]).abs()
    assert left[left > 0].min() >= every[left == 0].max()


def test_equal_weights_are_cut_to_the_exact_count():
    layer = nn.Linear(10, 10)
    nn.init.ones_(layer.weight)

    WeightCut(layer).to(0.37)

    assert n_nonzero(layer) == [63]


def test_a_layer_that_would_be_emptied_keeps_its_largest_weight_and_says_so():
    network = make_network()
    with torch.no_grad():
        network[0].weight.mul_(1e-6)
    largest = network[0].weight.abs().max()
    cut = WeightCut(network)

    cut.to(0.9)

    assert [layer.at_minimum for layer in cut.kept()] == [True, False]
    assert [layer.kept for layer in cut.kept()] == [1, 7]
    assert network[0].weight.abs().max() == largest


def test_masks_that_were_there_count_as_removed_and_stay():
    network = make_network()
    held = torch.rand(4, 1, 3, 3) < 0.5
    set_masks(network, {"0": held})

    WeightCut(network, "random").to(0.6)

    assert sum(n_nonzero(network)) == 84 - 50
    assert not ((network[0].weight != 0) & ~held).any()


def test_counts_outlive_the_masks():
    network = make_network()
    cut = WeightCut(network)
    cut.to(0.5)
    before = cut.kept()

    bake_masks(network)

    assert cut.kept() == before
    assert [layer.kind for layer in before] == ["Conv2d", "Linear"]
    assert [layer.unit for layer in before] == ["weights", "weights"]


@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99])
def test_a_pattern_is_the_same_at_every_ratio_above_zero(ratio):
    network = make_network()

    WeightCut(network, pattern="2:4").to(ratio)

    groups = (network[3].weight != 0).view(3, 4, 4).sum(-1)
    assert torch.equal(groups, torch.full((3, 4), 2))


def test_a_pattern_runs_along_the_inputs_of_a_transposed_convolution_too():
    layer = nn.ConvTranspose2d(8, 3, 1)

    WeightCut(layer, pattern="1:4").to(0.5)

    assert (layer.weight != 0).view(2, 4, 3).sum(1).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_pattern_never_brings_a_masked_weight_back():
    layer = nn.Linear(4, 1)
    set_masks(layer, {"": torch.tensor([[True, False, False, False]])})

    WeightCut(layer, pattern="2:4").to(0.5)

    assert (layer.weight != 0).tolist() == [[True, False, False, False]]


def test_the_random_control_depends_on_its_seed_alone():
    one, two, three = make_network(), make_network(), make_network()
    state = torch.get_rng_state()

    WeightCut(one, "random", seed=1).to(0.5)
    WeightCut(two, "random", seed=1).to(0.5)
    WeightCut(three, "random", seed=2).to(0.5)

    assert torch.equal(one[3].weight, two[3].weight)
    assert not torch.equal(one[3].weight, three[3].weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_taylor_reads_the_gradient_behind_a_mask():
    network = make_network()
    cut = WeightCut(network, "taylor")
    cut.to(0.2)
    changes = weights_of(network)[1] * network[3].parametrizations.weight.original.grad

    cut.to(0.9)

    left = network[3].weight != 0
    assert changes[left].abs().min() >= changes[~left].abs().max()


def test_taylor_without_a_backward_pass_is_refused_by_the_layers_name():
    with pytest.raises(ValueError, match=r"gradient .* layer '0' has none"):
        WeightCut(nn.Sequential(nn.Linear(2, 2)), "taylor").to(0.5)


def test_weights_that_became_nan_are_refused_and_nothing_is_masked():
    network = make_network()
    cut = WeightCut(network)
    with torch.no_grad():
        network[3].weight[0, 0] = torch.nan

    with pytest.raises(ValueError, match="layer '3'"):
        cut.to(0.5)

    assert masks_of(network) == {}


@pytest.mark.parametrize("ratio", [1.0, -0.1, 30, float("nan")])
def test_a_ratio_outside_its_range_is_refused(ratio):
    with pytest.raises(ValueError, match=r"WeightCut.ratio is a ratio in \[0, 1\)"):
        WeightCut(make_network()).to(ratio)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scope": "globl"}, r"WeightCut.scope .* Did you mean 'global'\?"),
        ({"criterion": "lampp"}, r"WeightCut.criterion .* Did you mean 'lamp'\?"),
        ({"criterion": "batch_norm"}, "ranks single weights, not channels"),
        ({"scope": "multiply_adds", "positions": {"0": 4}}, "not none for '3'"),
        ({"pattern": "4:2"}, "Did you mean '2:4'"),
    ],
)
def test_options_are_checked_at_the_door(options, message):
    with pytest.raises(ValueError, match=message):
        WeightCut(make_network(), **options)
