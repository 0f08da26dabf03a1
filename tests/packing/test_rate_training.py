from __future__ import annotations

import copy
import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.coding import coded_bits
from skdeepopt.packing import RateTraining, coded_parameters
from skdeepopt.packing._batch_norm import ChannelShift
from skdeepopt.packing._coded_weight import CodedWeight
from skdeepopt.packing._rate_training import _FIRST_PRICE
from skdeepopt.pruning._masks import hold_zeros, masks_of, set_masks

N_STEPS = 8


class Shared(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(12, 12), nn.Linear(12, 12)
        self.second.weight = self.first.weight
        self.head = nn.Linear(12, 3)

    def forward(self, inputs):
        return self.head(self.second(self.first(inputs).relu()).relu())


class Branching(nn.Module):
    """What it does depends on the numbers, so that no graph can follow it."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(12, 12), nn.BatchNorm1d(12), nn.Linear(12, 3)

    def forward(self, inputs):
        hidden = self.norm(self.first(inputs))
        return self.head(hidden.relu() if hidden.sum() > 0 else hidden)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv1d(6, 12, 1, bias=False), nn.BatchNorm1d(12)
        self.second, self.other = nn.Conv1d(12, 12, 1, groups=4), nn.BatchNorm1d(12)
        self.head = nn.Linear(24, 3)

    def forward(self, inputs):
        hidden = self.norm(self.first(inputs.reshape(-1, 6, 2))).relu()
        return self.head(self.other(self.second(hidden)).flatten(1))


def normed():
    return nn.Sequential(
        nn.Linear(12, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.1), nn.Linear(20, 3)
    )


NETWORKS = {
    "batch norm": normed,
    "layer norm": lambda: nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 3)),
    "no bias": lambda: nn.Sequential(nn.Linear(12, 20, bias=False), nn.ReLU(), nn.Linear(20, 3)),
    "one layer": lambda: nn.Linear(12, 3),
    "shared": Shared,
    "branching": Branching,
    "grouped": Grouped,
}


def network_of(kind):
    torch.manual_seed(0)
    return NETWORKS[kind]()


def train(module, hook, *, n_steps=N_STEPS, n_done=None, lr=0.01):
    hook.before_training(n_steps)
    torch.manual_seed(1)
    inputs = torch.randn(32, 12)
    labels = inputs[:, :3].argmax(1)
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    module.train()
    for count in range(n_steps if n_done is None else n_done):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(inputs), labels).backward()
        optimizer.step()
        hook.after_step((count + 1) / n_steps)


@cache
def packed(kind, target_bits=300.0, **options):
    """A network after it was trained; only to be looked at."""
    module = network_of(kind)
    hook = RateTraining(module, target_bits)
    train(module, hook, **options)
    hook.after_training()
    return module, hook


def written(module):
    """Weights and biases of all layers, and addends of the norms behind them."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]
    found = [getattr(layer, name) for layer, name in coded_parameters(module)]
    return [tensor.detach() for tensor in (*found, *(norm.bias for norm in norms))]


def on_bfloat16_grid(tensor, largest):
    sizes = tensor.abs().unique()
    sizes = sizes[sizes > 0].double()
    for divisor in range(1, largest + 1):
        codes = sizes / (sizes[:1] / divisor)
        step = sizes[:1] / divisor
        if torch.equal(codes, codes.round()) and torch.equal(step, step.bfloat16().double()):
            return bool((codes <= largest).all())
    return not len(sizes)


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind != "branching"])
def test_all_numbers_are_small_multiples_of_a_step_that_two_bytes_hold(kind):
    module, _ = packed(kind)

    assert all(on_bfloat16_grid(tensor, 127) for tensor in written(module))


@pytest.mark.parametrize("kind", ["batch norm", "layer norm", "grouped", "no bias"])
def test_the_bits_are_those_of_the_numbers_written(kind):
    module, hook = packed(kind)

    total = 0.0
    for tensor in written(module):
        sizes = tensor.abs().unique()
        codes = torch.zeros_like(tensor, dtype=torch.int64)
        if tensor.any():
            step = _step(sizes[sizes > 0])
            codes = (tensor.double() / step).round().long()
        total += coded_bits(codes.numpy())

    assert hook.coded_bits == pytest.approx(total, rel=0.02, abs=20)


def _step(sizes):
    return math.gcd(*(sizes.double() * 2**60).long().tolist()) / 2**60


@pytest.mark.parametrize("kind", NETWORKS)
def test_classes_and_names_of_the_network_stay(kind):
    before = network_of(kind)

    module, _ = packed(kind)

    assert [type(part) for part in module.modules()] == [type(part) for part in before.modules()]
    assert list(module.state_dict()) == list(before.state_dict())


@pytest.mark.parametrize("kind", ["batch norm", "shared"])
def test_the_same_seed_gives_the_same_numbers(kind):
    states = [pack(kind)[0].state_dict() for pack in (packed, packed.__wrapped__)]

    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


@pytest.mark.parametrize("kind", ["batch norm", "layer norm", "one layer", "no bias"])
def test_numbers_written_answer_as_those_trained(kind):
    module = network_of(kind)
    hook, inputs = RateTraining(module, 300.0), torch.randn(5, 12)
    train(module, hook)
    trained = module.eval()(inputs)

    hook.after_training()

    torch.testing.assert_close(module.eval()(inputs), trained, rtol=1e-5, atol=1e-5)


def test_layers_that_share_a_weight_go_on_sharing_it():
    module = network_of("shared")
    hook, inputs = RateTraining(module, 300.0), torch.randn(5, 12)
    train(module, hook)
    trained = module(inputs)

    hook.after_training()

    assert module.first.weight is module.second.weight
    assert torch.equal(module(inputs), trained)


def test_norms_are_shifts_while_training_lasts():
    module = network_of("batch norm")
    hook = RateTraining(module, 300.0)

    hook.before_training(10)
    assert isinstance(module[1], ChannelShift)
    assert is_parametrized(module[1], "bias")
    hook.after_training()

    assert isinstance(module[1], nn.BatchNorm1d)


@pytest.mark.parametrize("bits", [100.0, 1e5])
def test_the_price_rises_or_falls_with_the_bits_that_there_are_too_many_or_too_few(bits):
    _, hook = packed("one layer", bits)

    assert (hook._price > _FIRST_PRICE) == (hook.coded_bits > bits)


def test_the_grids_of_weights_go_on_from_where_they_are():
    module = copy.deepcopy(packed("layer norm")[0])
    before = copy.deepcopy(module.state_dict())
    hook = RateTraining(module, None)

    hook.before_training(10)
    hook.after_training()

    assert all(torch.equal(module.state_dict()[f"{i}.weight"], before[f"{i}.weight"]) for i in "02")


@settings(deadline=None)
@given(st.floats(0.1, 0.9), st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e6))
def test_the_length_wanted_goes_one_way_and_arrives(end, one, other, target):
    hook = RateTraining(nn.Linear(2, 2), target, end=end)
    hook._first_bits = 1e4
    earlier, later = sorted([one, other])

    wanted = [hook.wanted_bits(progress) for progress in (0.0, earlier, later, 1.0)]

    assert wanted[0] == pytest.approx(1e4)
    assert wanted[-1] == pytest.approx(target)
    direction = 1 if target < 1e4 else -1
    assert direction * (wanted[1] - wanted[2]) >= -1e-6 * wanted[1]


def test_zeros_that_are_held_stay_zero():
    module = network_of("batch norm")
    set_masks(module, {"0": torch.rand(20, 12) > 0.7})
    zero = module[0].weight.detach() == 0
    hook = RateTraining(module, 400.0)

    train(module, hook)
    hook.after_training()

    assert not module[0].weight[zero].any()
    assert list(masks_of(module)) == ["0"]


def test_a_copy_from_before_is_untouched():
    module = network_of("batch norm")
    with torch.no_grad():
        module[0].weight[0] = 0
    hold_zeros(module, ["0"])
    before, inputs = copy.deepcopy(module).eval(), torch.randn(3, 12)
    answers = before(inputs)

    RateTraining(module, 300.0).before_training(10)

    assert torch.equal(before(inputs), answers)


@pytest.mark.parametrize("n_done", [0, 5, N_STEPS])
def test_a_training_that_was_cut_short_is_put_in_order(n_done):
    module = network_of("batch norm")
    hook = RateTraining(module, 300.0)
    train(module, hook, n_done=n_done)

    hook.restore()

    assert not any(isinstance(part, (CodedWeight, ChannelShift)) for part in module.modules())
    assert all(on_bfloat16_grid(tensor, 127) for tensor in written(module))


def test_one_that_never_began_is_left_alone():
    module = network_of("batch norm")
    before = copy.deepcopy(module.state_dict())

    RateTraining(module, 300.0).restore()

    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in before.items())


def test_weights_that_are_not_finite_are_refused_and_named():
    module = network_of("batch norm")
    with torch.no_grad():
        module[4].weight[0, 0] = torch.inf

    with pytest.raises(ValueError, match=r"RateTraining codes finite weights.*'4'"):
        RateTraining(module, 300.0).before_training(10)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"target_bits": 0.0}, "RateTraining.target_bits"),
        ({"target_bits": -5.0}, "RateTraining.target_bits"),
        ({"target_bits": float("nan")}, "RateTraining.target_bits"),
        ({"target_bits": 5.0, "end": 1.0}, "RateTraining.end"),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        RateTraining(nn.Linear(2, 2), **options)


def test_layers_without_a_bias_take_part_with_their_weight():
    module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.LayerNorm(2), nn.Conv1d(1, 1, 1))

    assert [name for _, name in coded_parameters(module)] == ["weight", "weight", "bias"]
