from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.layers._trace import traced
from skdeepopt.training._chain import Chain
from skdeepopt.training._hook import Hooks
from skdeepopt.transfer import KeptBatchNorm
from tests.transfer.conftest import Interrupts, changed, values


class Activated(nn.BatchNorm2d):
    """A batch norm of someone else, with a rectifier behind it."""

    def forward(self, inputs):
        return torch.relu(super().forward(inputs))


NORMS = {
    "1d": (nn.BatchNorm1d, (6, 4)),
    "2d": (nn.BatchNorm2d, (6, 4, 3, 3)),
    "3d": (nn.BatchNorm3d, (6, 4, 2, 2, 2)),
    "derived": (Activated, (6, 4, 3, 3)),
}


def seen(kind, shape):
    norm = kind(4)
    for _ in range(5):
        norm(2 * torch.randn(shape) + 3)
    return norm


@pytest.fixture(params=NORMS)
def norm_and_inputs(request):
    kind, shape = NORMS[request.param]
    return nn.Sequential(seen(kind, shape)), torch.randn(shape)


def test_in_training_it_answers_as_in_evaluation_and_keeps_its_statistics(norm_and_inputs):
    module, inputs = norm_and_inputs
    expected, before = module.eval()(inputs), values(module)

    hook = KeptBatchNorm(module)
    hook.before_training(1)
    answers = module.train()(inputs)

    assert torch.equal(answers, expected)
    assert changed(before, values(module)) == set()
    hook.after_training()


def test_factors_and_biases_still_learn(norm_and_inputs):
    module, inputs = norm_and_inputs
    KeptBatchNorm(module).before_training(1)

    (module.train()(inputs) * inputs).sum().backward()

    assert all(parameter.grad.abs().max() > 0 for parameter in module.parameters())


@pytest.mark.parametrize("mode", [True, False])
def test_afterwards_it_is_as_it_was(norm_and_inputs, mode):
    module, inputs = norm_and_inputs
    twin, kind = copy.deepcopy(module).train(mode), type(module[0])
    hook = KeptBatchNorm(module)
    hook.before_training(1)
    module.train()(inputs)
    module.train(mode)

    hook.restore()

    assert type(module[0]) is kind
    assert vars(module[0]).keys() == vars(twin[0]).keys()
    assert module[0].training is mode
    assert not module[0]._forward_hooks
    assert not module[0]._forward_pre_hooks
    assert torch.equal(module(inputs), twin(inputs))
    assert changed(values(module), values(twin)) == set()


def test_beginning_twice_and_restoring_unbegun_do_no_harm(norm_and_inputs):
    module, _ = norm_and_inputs
    kind = type(module[0])
    hook = KeptBatchNorm(module)

    hook.restore()
    hook.before_training(1)
    hook.before_training(1)
    hook.restore()
    hook.restore()

    assert type(module[0]) is kind
    assert not module[0]._forward_hooks


def test_an_early_end_inside_the_call_leaves_the_mode(norm_and_inputs):
    module, inputs = norm_and_inputs
    hook = KeptBatchNorm(module)
    hook.before_training(1)

    with pytest.raises((RuntimeError, ValueError)):
        module.train()(inputs[:, :2])
    hook.restore()

    assert module[0].training


def test_pickled_or_copied_while_it_lasts_it_answers_the_same(norm_and_inputs):
    module, inputs = norm_and_inputs
    KeptBatchNorm(module).before_training(1)
    module.train()

    for twin in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert torch.equal(twin(inputs), module(inputs))


def test_without_running_statistics_it_follows_the_data():
    module, inputs = nn.BatchNorm1d(4, track_running_stats=False), torch.randn(6, 4)
    expected = module(inputs)

    KeptBatchNorm(module).before_training(1)

    assert type(module) is nn.BatchNorm1d
    assert torch.equal(module(inputs), expected)


def test_statistics_are_not_taken_anew_meanwhile():
    module = nn.Sequential(seen(nn.BatchNorm1d, (6, 4)))
    before = values(module)
    KeptBatchNorm(module).before_training(1)

    reestimate_batch_norm(module, [torch.randn(6, 4)])

    assert changed(before, values(module)) == set()


def test_a_network_can_be_followed_meanwhile(network):
    before = [node.name for node in traced(network, owner="test").graph.nodes]

    KeptBatchNorm(network).before_training(1)

    assert [node.name for node in traced(network, owner="test").graph.nodes] == before


def test_a_training_leaves_all_statistics(network, train):
    network(torch.rand(8, 1, 6, 6))
    classes = [type(part) for part in network.modules()]
    before = values(network)

    train(network, KeptBatchNorm(network.body))

    moved = changed(before, values(network))
    assert moved == {name for name, _ in network.named_parameters()}
    assert [type(part) for part in network.modules()] == classes


def test_the_fast_path_and_autograd_train_alike(network, train, monkeypatch):
    network(torch.rand(8, 1, 6, 6))
    twin = copy.deepcopy(network)
    hook = KeptBatchNorm(network)
    hook.before_training(1)
    assert Chain.of(network.train()) is not None
    hook.restore()

    train(network, KeptBatchNorm(network))
    monkeypatch.setattr(Chain, "of", classmethod(lambda cls, module: None))
    train(twin, KeptBatchNorm(twin))

    for name, value in twin.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
def test_restored_after_an_early_end_it_follows_the_data_again(network, train, error):
    classes = [type(part) for part in network.modules()]
    hook = Hooks(KeptBatchNorm(network), Interrupts(error))

    with pytest.raises(type(error)):
        train(network, hook)
    hook.restore()

    assert [type(part) for part in network.modules()] == classes
