from __future__ import annotations

import copy
import pickle
from contextlib import nullcontext

import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skdeepopt.exceptions import TrainingDivergedError
from skdeepopt.nets._blocks import Flatten
from skdeepopt.training._batches import TensorData
from skdeepopt.training._chain import Chain
from skdeepopt.training._early_stopping import EarlyStop

COURSE = {"epochs": 3, "lr": 0.01, "schedule": "constant"}


def weights(net):
    return torch.cat([value.flatten().double() for value in net.module_.state_dict().values()])


def test_the_loss_falls(data, make_net):
    net = make_net().train(data, epochs=12, lr=0.02, schedule="onecycle")

    losses = net.history[:, "train_loss"]
    assert losses[-1] < losses[0] / 2
    assert net.history[-1, "train_score"] > 0.9


def test_the_same_seed_gives_the_same_weights(data, make_net):
    first, second = make_net().train(data, **COURSE), make_net().train(data, **COURSE)

    assert torch.equal(weights(first), weights(second))


def test_another_seed_shuffles_and_drops_differently(data, make_net):
    first, second = make_net().train(data, **COURSE), make_net(seed=1).train(data, **COURSE)

    assert not torch.equal(weights(first), weights(second))


def test_no_epochs_change_nothing(data, make_net):
    net = make_net()
    before = weights(net)

    net.train(data, **COURSE | {"epochs": 0})

    assert torch.equal(weights(net), before)
    assert len(net.history) == 0


def test_training_in_two_parts_is_training_in_one(data, make_net):
    whole = make_net().train(data, **COURSE | {"epochs": 4})

    parts = make_net().train(data, **COURSE | {"epochs": 2})
    parts.train(data, **COURSE | {"epochs": 2})

    assert torch.equal(weights(parts), weights(whole))


def test_pickling_in_between_changes_nothing(data, make_net):
    whole = make_net().train(data, **COURSE).train(data, **COURSE)

    parts = pickle.loads(pickle.dumps(make_net().train(data, **COURSE))).train(data, **COURSE)

    assert torch.equal(weights(parts), weights(whole))


def test_a_deep_copy_goes_its_own_way(data, make_net):
    net = make_net().train(data, **COURSE)
    before = weights(net)

    copy.deepcopy(net).train(data, **COURSE)

    assert torch.equal(weights(net), before)


def test_the_learning_rate_runs_over_the_whole_course(data, make_net):
    rates = []

    class Watcher(Callback):
        def on_batch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    make_net(callbacks=[Watcher()]).train(data, epochs=5, lr=0.1, schedule="linear")

    steps = 5 * 4
    assert rates == pytest.approx([0.1 * (1 - step / steps) for step in range(steps)])


def test_history_weighs_batches_by_their_size(data, make_net):
    class Still(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(3))

        def forward(self, inputs):
            return inputs[:, 0, 0, :3] + self.bias

    net = make_net(Still()).train(data, data, epochs=1, lr=1e-12, schedule="constant")

    outputs = data.inputs[:, 0, 0, :3].float()
    expected = nn.functional.cross_entropy(outputs, data.targets).item()
    assert net.history[-1, "train_loss"] == pytest.approx(expected, rel=1e-5)
    assert net.history[-1, "valid_loss"] == pytest.approx(expected, rel=1e-5)
    score = (outputs.argmax(1) == data.targets).float().mean().item()
    assert net.history[-1, "train_score"] == net.history[-1, "valid_score"] == pytest.approx(score)


def test_validation_changes_no_weight(data, make_net):
    plain = make_net().train(data, **COURSE)

    validated = make_net().train(data, data, **COURSE)

    assert torch.equal(weights(validated), weights(plain))


def test_early_stopping_puts_the_best_weights_back(data, make_net):
    noise = TensorData(data.inputs, data.targets.flip(0), None, data.index)
    seen = []

    class Keeper(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(weights(net))

    net = make_net(callbacks=[Keeper()])
    net.train(data, noise, **COURSE | {"epochs": 30}, early_stop=EarlyStop(2))

    losses = net.history[:, "valid_loss"]
    assert len(losses) < 30
    assert torch.equal(weights(net), seen[losses.index(min(losses))])


def test_an_observer_is_told_and_may_end_the_training(data, make_net):
    class Observer:
        told = []

        def epoch_begins(self):
            self.told.append("begins")

        def epoch_ended(self):
            self.told.append("ended")
            return len(self.told) == 4

    observer = Observer()

    make_net().train(data, **COURSE | {"epochs": 9}, observer=observer)

    assert observer.told == ["begins", "ended"] * 2


def test_a_loss_that_is_not_finite_names_epoch_rate_and_cure(data, make_net):
    with pytest.raises(
        TrainingDivergedError, match=r"epoch 1 at learning rate 1e\+30\. .*lr=1e\+29\?"
    ):
        make_net().train(data, epochs=3, lr=1e30, schedule="constant")


def test_outputs_are_those_of_the_module_in_evaluation_mode(data, make_net):
    net = make_net().train(data, **COURSE)

    outputs = net.outputs(data.inputs)

    with torch.inference_mode():
        expected = net.module_.eval()(data.inputs.float())
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
    assert outputs.dtype == torch.float32


@pytest.mark.parametrize("n_samples", [1, 2, 511, 512, 513, 1025])
def test_outputs_of_any_number_of_samples_are_one_row_each(make_net, n_samples):
    inputs = torch.randint(0, 9, (n_samples, 1, 6, 6), dtype=torch.uint8)

    assert make_net().outputs(inputs).shape == (n_samples, 3)


def test_outputs_leave_running_statistics_alone(data, make_net):
    net = make_net().train(data, **COURSE)
    before = weights(net)

    net.outputs(data.inputs)

    assert torch.equal(weights(net), before)


def test_weights_of_one_train_as_none(data, make_net):
    weighted = TensorData(data.inputs, data.targets, torch.ones(50), data.index)

    with_weights, without = make_net().train(weighted, **COURSE), make_net().train(data, **COURSE)

    torch.testing.assert_close(weights(with_weights), weights(without), rtol=1e-3, atol=1e-4)


def test_training_leaves_the_global_generator(data, make_net):
    before = torch.get_rng_state()

    make_net().train(data, **COURSE)

    assert torch.get_rng_state().equal(before)


def test_weight_decay_shrinks_matrices_but_no_biases(data, make_net):
    net = make_net(weight_decay=0.5)

    decays = {p.ndim: g["weight_decay"] for g in net.optimizer_.param_groups for p in g["params"]}

    assert decays == {1: 0.0, 2: 0.5, 4: 0.5}


class Told:
    """A hook that remembers what it was told, and may ask for an optimizer or add to the loss."""

    def __init__(self, *, replaces_at=None, addend=None):
        self.replaces_at, self.addend = replaces_at, addend
        self.n_steps, self.progress, self.ended = None, [], 0

    def before_training(self, n_steps):
        self.n_steps = n_steps
        return False

    def after_step(self, progress):
        self.progress.append(progress)
        return len(self.progress) == self.replaces_at

    def penalty(self):
        return None if self.addend is None else self.addend()

    def after_training(self):
        self.ended += 1


def test_a_hook_is_told_of_every_step_and_of_the_end(data, make_net):
    hook = Told()

    make_net().train(data, **COURSE, hook=hook)

    assert hook.n_steps == len(hook.progress)
    assert hook.progress == sorted(hook.progress)
    assert (hook.progress[-1], hook.ended) == (1.0, 1)


def test_a_hook_that_does_nothing_changes_nothing(data, make_net):
    plain, hooked = make_net(), make_net()

    plain.train(data, **COURSE)
    hooked.train(data, **COURSE, hook=Told())

    assert torch.equal(weights(plain), weights(hooked))


class ReplacesAtTheEnd(Told):
    """A hook whose last act is to replace a parameter."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def after_training(self):
        self.layer.weight = torch.nn.Parameter(self.layer.weight.detach().clone())


def test_parameters_that_a_hook_replaces_at_the_end_are_trained_later(data, make_net):
    net = make_net()
    head = net.module_[-1]
    net.train(data, **COURSE, hook=ReplacesAtTheEnd(head))
    before = head.weight.detach().clone()

    net.train(data, **COURSE)

    assert not torch.equal(head.weight, before)


def test_an_optimizer_starts_anew_where_a_hook_has_replaced_parameters(data, make_net):
    net = make_net()
    before = net.optimizer_

    net.train(data, **COURSE, hook=Told(replaces_at=2))

    assert net.optimizer_ is not before


def test_a_penalty_is_part_of_what_is_minimized(data, make_net):
    free, held = make_net(), make_net()

    def size():
        return 10 * sum(p.square().sum() for p in held.module_.parameters())

    free.train(data, **COURSE)
    held.train(data, **COURSE, hook=Told(addend=size))

    assert weights(held).norm() < weights(free).norm()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_penalty_pulls_as_much_on_the_fast_path_as_under_autograd(
    data, make_net, dtype, monkeypatch
):
    def trained():
        net = make_net(plain_network(), autocast_dtype=dtype)
        hook = Told(addend=lambda: 0.1 * sum(p.square().sum() for p in net.module_.parameters()))
        return net.train(data, **COURSE, hook=hook)

    fast = trained()
    monkeypatch.setattr(Chain, "of", classmethod(lambda cls, module: None))
    slow = trained()

    torch.testing.assert_close(
        weights(fast), weights(slow), rtol=1e-3, atol=1e-3 if dtype else 1e-6
    )


def test_a_penalty_without_a_slope_changes_nothing(data, make_net):
    plain = make_net(plain_network()).train(data, **COURSE)

    constant = make_net(plain_network())
    constant.train(data, **COURSE, hook=Told(addend=lambda: torch.ones(())))

    assert torch.equal(weights(plain), weights(constant))


def plain_network():
    """One that trains on the fast path."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), Flatten(), nn.Linear(64, 3)
        )


class Slowed(Told):
    """A hook that asks for other rates in one layer."""

    def __init__(self, layer, factor, **settings):
        super().__init__(**settings)
        self.rate_factors = dict.fromkeys(layer.parameters(), factor)


def test_a_layer_whose_rate_is_divided_moves_less_and_the_others_as_before(data, make_net):
    plain, slowed = make_net(), make_net()
    before = make_net().module_
    one_step = COURSE | {"epochs": 1, "lr": 1e-3}

    plain.train(data, **one_step)
    slowed.train(data, **one_step, hook=Slowed(slowed.module_[0], 1e-6))

    assert (slowed.module_[0].weight - before[0].weight).abs().max() < 1e-7
    assert (slowed.module_[5].weight - before[5].weight).abs().max() > 1e-4


def test_factors_of_one_train_to_the_same_bit(data, make_net):
    plain, rated = make_net(), make_net()

    plain.train(data, **COURSE)
    rated.train(data, **COURSE, hook=Slowed(rated.module_, 1.0))

    assert torch.equal(weights(plain), weights(rated))


@pytest.mark.parametrize("replaces_at", [None, 2])
def test_rates_follow_the_schedule_times_their_factor(data, make_net, replaces_at):
    net, seen = make_net(), []

    def note():
        seen.append([group["lr"] for group in net.optimizer_.param_groups])

    hook = Slowed(net.module_[0], 0.25, replaces_at=replaces_at, addend=note)
    net.train(data, **COURSE | {"schedule": "linear"}, hook=hook)

    ratios = [min(rates) / max(rates) for rates in seen if max(rates)]
    assert ratios == pytest.approx([0.25] * len(ratios))


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), RuntimeError("broken")])
def test_factors_end_with_the_training_however_it_ends(data, make_net, error):
    net = make_net()

    def end():
        if error is not None:
            raise error

    hook = Slowed(net.module_[0], 0.25, addend=end)
    with pytest.raises(type(error)) if error else nullcontext():
        net.train(data, **COURSE, hook=hook)

    assert not any("rate_factor" in group for group in net.optimizer_.param_groups)
    assert net.train(data, **COURSE)


def test_the_end_is_not_told_of_a_training_that_diverged(data, make_net):
    hook = Told(addend=lambda: torch.tensor(float("inf"), requires_grad=True))
    net = make_net()

    def infinite():
        return sum(p.sum() for p in net.module_.parameters()) * float("inf")

    hook.addend = infinite
    with pytest.raises(TrainingDivergedError):
        net.train(data, **COURSE, hook=hook)

    assert hook.ended == 0


def test_early_stopping_forgets_weights_that_fit_the_module_no_more(data, make_net):
    stop = EarlyStop(patience=9)
    stop.best_loss = -1.0

    make_net().train(data, data, **COURSE, early_stop=stop, hook=Told(replaces_at=1))

    assert stop.best_loss > 0
