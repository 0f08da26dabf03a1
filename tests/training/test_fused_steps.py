import copy
import pickle

import pytest
import torch
from torch import nn

from skdeepopt.training._fused_steps import DirectAdam, DirectAdamW, DirectSGD

PAIRS = [
    (DirectAdamW, torch.optim.AdamW, {}),
    (DirectAdam, torch.optim.Adam, {}),
    (DirectSGD, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
]


def trained(module, optimizer, steps, *, skip=()):
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        optimizer.zero_grad()
        module(torch.randn(4, 8, generator=generator)).square().mean().backward()
        if step in skip:
            module[0].bias.grad = None
        optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.step()
    return [parameter.detach() for parameter in module.parameters()]


@pytest.fixture
def modules():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    return module, copy.deepcopy(module)


def groups(module):
    return [
        {"params": [module[0].weight, module[2].weight], "weight_decay": 0.1},
        {"params": [module[0].bias, module[2].bias], "weight_decay": 0.0},
    ]


@pytest.mark.parametrize(("direct", "plain", "settings"), PAIRS)
@pytest.mark.parametrize("skip", [(), (2,)])
def test_a_direct_step_is_torchs_to_the_last_bit(modules, direct, plain, settings, skip):
    ours = trained(modules[0], direct(groups(modules[0]), fused=True, **settings), 5, skip=skip)
    theirs = trained(modules[1], plain(groups(modules[1]), fused=True, **settings), 5, skip=skip)

    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("direct", "plain", "settings"), PAIRS)
def test_a_loaded_state_goes_on_as_the_saved_one(modules, direct, plain, settings):
    first = direct(modules[0].parameters(), fused=True, **settings)
    trained(modules[0], first, 3)
    modules[1].load_state_dict(modules[0].state_dict())
    second = direct(modules[1].parameters(), fused=True, **settings)
    trained(modules[1], second, 2)
    modules[1].load_state_dict(modules[0].state_dict())

    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))

    ours, theirs = trained(modules[0], first, 2), trained(modules[1], second, 2)
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


def test_without_the_kernel_torchs_own_step_runs(modules, monkeypatch):
    monkeypatch.setattr(DirectAdamW, "_kernel", None)

    ours = trained(modules[0], DirectAdamW(modules[0].parameters(), fused=True), 3)

    theirs = trained(modules[1], torch.optim.AdamW(modules[1].parameters(), fused=True), 3)
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


def test_a_closure_is_called(modules):
    optimizer = DirectSGD(modules[0].parameters(), momentum=0.9, fused=True)
    trained(modules[0], optimizer, 2)

    assert optimizer.step(lambda: 7.0) == 7.0
