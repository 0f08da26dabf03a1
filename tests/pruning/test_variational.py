from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from skdeepopt.pruning._masks import masks_of, set_masks
from skdeepopt.pruning._variational import VariationalDropout, divergence


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 2))


def step(network, hook, optimizer):
    optimizer.zero_grad()
    loss = network(torch.randn(16, 8)).square().mean()
    penalty = hook.penalty()
    (loss if penalty is None else loss + penalty).backward()
    optimizer.step()


def trained(network, hook, n_steps, n_done):
    hook.before_training(n_steps)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for count in range(n_done):
        step(network, hook, optimizer)
        if hook.after_step((count + 1) / n_steps):
            optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)


def n_nonzero(network):
    return int(sum((network[i].weight != 0).sum() for i in (0, 2)))


def test_the_derivative_is_that_of_the_value():
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    log_sigma2 = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(divergence, (weight, log_sigma2))


@settings(deadline=None)
@given(st.floats(-10, 10), st.floats(0.01, 1))
def test_the_divergence_falls_as_the_noise_grows_and_ends_at_zero(log_sigma2, more):
    known = [divergence(torch.ones(1), torch.tensor([x])) for x in (log_sigma2, log_sigma2 + more)]

    assert known[0] > known[1] > 0
    assert divergence(torch.ones(1), torch.tensor([30.0])) < 1e-9


@settings(deadline=None)
@given(st.floats(0.1, 10))
def test_the_divergence_depends_on_the_ratio_of_noise_to_weight_alone(scale):
    weight, log_sigma2 = torch.tensor([[0.3, -2.0], [-1.0, 1.0]], dtype=torch.float64)

    scaled = divergence(weight * scale, log_sigma2 + 2 * math.log(scale))

    torch.testing.assert_close(scaled, divergence(weight, log_sigma2))


def test_a_weight_of_zero_has_a_finite_divergence_and_gradient():
    weight = torch.zeros(1, requires_grad=True)

    divergence(weight, torch.zeros(1)).backward()

    assert weight.grad.isfinite().all()


@pytest.mark.parametrize("masked", [False, True])
def test_only_training_draws_random_numbers(network, masked):
    masks = {"0": torch.arange(160).view(20, 8) % 2 == 0} if masked else {}
    set_masks(network, masks)
    hook = VariationalDropout(network, 0.8, n_samples=100)
    before = torch.get_rng_state()

    hook.before_training(10)
    hook.after_step(0.1)
    hook.penalty()
    hook.after_step(1.0)
    hook.after_training()

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("mode", [True, False])
def test_a_network_is_left_in_its_mode(network, mode):
    VariationalDropout(network.train(mode), 0.8, n_samples=100).before_training(10)

    assert {part.training for part in network.modules()} == {mode}


def test_weights_are_noisy_in_training_and_plain_in_evaluation(network):
    plain = network[0].weight.detach().clone()
    VariationalDropout(network, 0.8, n_samples=100).before_training(10)

    assert not torch.equal(network[0].weight, network[0].weight)
    assert torch.equal(network.eval()[0].weight, plain)


def test_noise_comes_from_the_global_generator(network):
    VariationalDropout(network, 0.8, n_samples=100).before_training(10)

    torch.manual_seed(1)
    once = network[0].weight
    torch.manual_seed(1)

    assert torch.equal(network[0].weight, once)


def test_the_weights_stay_the_parameters_that_they_were(network):
    before = network[0].weight

    replaced = VariationalDropout(network, 0.8, n_samples=100).before_training(10)

    assert replaced
    assert network[0].parametrizations.weight.original is before


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.99))
def test_as_many_weights_are_left_as_asked(ratio):
    network = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 2))
    hook = VariationalDropout(network, ratio, n_samples=100)
    hook.before_training(10)

    hook.after_step(0.6)

    assert n_nonzero(network) == max(2, 200 - round(200 * ratio))


def test_those_stay_that_have_the_least_noise_for_their_size(network):
    hook = VariationalDropout(network, 0.5, n_samples=100)
    hook.before_training(10)
    with torch.no_grad():
        network[0].parametrizations.weight[0].raw.fill_(5.0)

    hook.after_step(0.6)

    assert (network[2].weight != 0).all()
    assert n_nonzero(network) == 100


def test_noise_turns_into_masks_at_the_end_and_no_earlier(network):
    hook = VariationalDropout(network, 0.8, n_samples=100, end=0.5)
    hook.before_training(4)

    replaced = [hook.after_step(progress) for progress in (0.25, 0.5, 0.75, 1.0)]

    assert replaced == [False, True, False, False]
    assert list(masks_of(network)) == ["0", "2"]
    assert hook.penalty() is None


def test_the_penalty_warms_up(network):
    hook = VariationalDropout(network, 0.8, n_samples=100, warm_up=0.4, strength=2.0)
    hook.before_training(10)
    first = hook.penalty()

    penalties = [(hook.after_step(progress), hook.penalty())[1] for progress in (0.1, 0.4, 0.5)]

    assert first is None
    assert penalties[0] == penalties[1] / 4
    assert penalties[1] == penalties[2]


def test_strength_and_samples_scale_the_penalty(network):
    one = VariationalDropout(copy.deepcopy(network), 0.8, n_samples=100, strength=6.0)
    two = VariationalDropout(network, 0.8, n_samples=200, strength=2.0)

    one.before_training(10), two.before_training(10)
    one.after_step(0.5), two.after_step(0.5)

    torch.testing.assert_close(one.penalty(), two.penalty() * 6)


def test_a_weight_that_does_nothing_gathers_more_noise_than_one_that_matters():
    torch.manual_seed(0)
    layer = nn.Linear(2, 1, bias=False)
    nn.init.ones_(layer.weight)
    hook = VariationalDropout(layer, 0.5, n_samples=1000, warm_up=0.0)
    hook.before_training(100)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)

    def learn():
        optimizer.zero_grad()
        inputs = torch.randn(32, 2) * torch.tensor([3.0, 0.0])
        ((layer(inputs) - inputs[:, :1]).square().mean() + (hook.penalty() or 0)).backward()
        optimizer.step()
        return hook.after_step(0.1)

    assert not any(learn() for _ in range(100))
    hook.after_step(0.6)
    assert (layer.weight != 0).tolist() == [[True, False]]


def test_masked_weights_stay_at_zero_while_others_learn(network):
    hook = VariationalDropout(network, 0.8, n_samples=100)

    trained(network, hook, 10, 10)

    assert n_nonzero(network) == 40


@pytest.mark.parametrize("n_done", [0, 3, 10])
def test_after_training_plain_layers_have_as_many_zeros_as_asked(network, n_done):
    hook = VariationalDropout(network, 0.8, n_samples=100)
    trained(network, hook, 10, n_done)

    hook.after_training()

    assert type(network[0]) is nn.Linear
    assert list(network.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert n_nonzero(network) == 40


def test_masks_that_were_there_stay_through_noise_and_after(network):
    held = torch.rand(20, 8) < 0.5
    set_masks(network, {"0": held})
    hook = VariationalDropout(network, 0.8, n_samples=100)
    hook.before_training(10)

    noisy = network[0].weight.detach()
    hook.after_step(0.6)

    assert not noisy[~held].any()
    assert not network[0].weight[~held].any()
    assert n_nonzero(network) == 40


def test_another_parametrization_is_refused_by_its_layers_name(network):
    parametrizations.weight_norm(network[2])

    with pytest.raises(ValueError, match="not below _WeightNorm of layer '2'"):
        VariationalDropout(network, 0.8, n_samples=100).before_training(10)

    assert type(network[0]) is nn.Linear


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 80}, "VariationalDropout.ratio is a ratio"),
        ({"n_samples": 0}, "VariationalDropout.n_samples is an integer"),
        ({"strength": -1.0}, "VariationalDropout.strength is a finite number"),
        ({"warm_up": 1.0}, "VariationalDropout.warm_up is a ratio"),
        ({"end": 0.0}, "VariationalDropout.end is a finite number above 0"),
    ],
)
def test_options_are_checked_at_the_door(network, options, message):
    with pytest.raises(ValueError, match=message):
        VariationalDropout(network, **{"ratio": 0.8, "n_samples": 100, **options})
