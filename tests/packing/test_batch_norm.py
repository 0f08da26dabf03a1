from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.packing import absorb_batch_norms, restore_batch_norms
from skdeepopt.packing._batch_norm import ChannelShift
from skdeepopt.pruning._masks import masks_of, set_masks


class Branching(nn.Module):
    """What it does depends on the numbers, so that no graph can follow it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, inputs):
        hidden = self.norm(self.first(inputs))
        return hidden.relu() if hidden.sum() > 0 else hidden


class Shared(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(4)

    def forward(self, inputs):
        return self.norm(self.second(self.first(inputs).relu()))


class Twice(nn.Module):
    """A layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, inputs):
        return self.norm(self.layer(self.layer(inputs)))


class Read(nn.Module):
    """A layer that is read before the norm too."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, inputs):
        hidden = self.layer(inputs)
        return self.norm(hidden) + hidden


LAYERS = {
    "linear": lambda bias: (nn.Linear(4, 6, bias=bias), nn.BatchNorm1d, (4,)),
    "1d": lambda bias: (nn.Conv1d(4, 6, 3, bias=bias), nn.BatchNorm1d, (4, 5)),
    "2d": lambda bias: (nn.Conv2d(4, 6, 3, bias=bias), nn.BatchNorm2d, (4, 5, 5)),
    "3d": lambda bias: (nn.Conv3d(4, 6, 3, bias=bias), nn.BatchNorm3d, (4, 4, 4, 4)),
    "groups": lambda bias: (nn.Conv2d(4, 6, 3, groups=2, bias=bias), nn.BatchNorm2d, (4, 5, 5)),
    "transposed": lambda bias: (nn.ConvTranspose2d(4, 6, 3, bias=bias), nn.BatchNorm2d, (4, 5, 5)),
    "square": lambda bias: (nn.ConvTranspose2d(6, 6, 3, bias=bias), nn.BatchNorm2d, (6, 5, 5)),
}


def seen(module):
    """With statistics, factors and addends that are not those of a new batch norm."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_()
            part.running_var.uniform_(0.01, 4)
            if part.affine:
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return module.eval()


def built(kind, bias=True, **options):
    layer, norm, shape = LAYERS[kind](bias)
    return seen(nn.Sequential(layer, norm(6, **options), nn.ReLU())), torch.randn(3, *shape)


def kinds(module):
    return [type(part) for part in module.modules()]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(LAYERS)), st.booleans(), st.booleans(), st.floats(1e-6, 0.1))
def test_neither_absorbing_nor_restoring_changes_an_answer(kind, bias, affine, eps):
    module, inputs = built(kind, bias, affine=affine, eps=eps)
    before = module(inputs)

    absorb_batch_norms(module, owner="test")
    absorbed = module(inputs)
    restore_batch_norms(module)

    torch.testing.assert_close(absorbed, before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(module(inputs), absorbed, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "2d", "groups"])
def test_neither_does_under_a_mask_which_stays(kind):
    module, inputs = built(kind)
    mask = torch.rand_like(module[0].weight) > 0.5
    set_masks(module, {"0": mask})
    before = module(inputs)

    absorb_batch_norms(module, owner="test")
    absorbed = module(inputs)
    restore_batch_norms(module)

    torch.testing.assert_close(absorbed, before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(module(inputs), before, rtol=1e-4, atol=1e-4)
    assert torch.equal(masks_of(module)["0"], mask)
    assert not module[0].weight[~mask].any()


def test_a_restored_norm_has_a_variance_of_one_and_nothing_to_say_but_the_addend():
    module, _ = built("2d")

    absorb_batch_norms(module, owner="test")
    restore_batch_norms(module)

    norm = module[1]
    assert norm.weight.eq(1).all()
    assert norm.running_var.eq(1).all()
    assert not norm.running_mean.any()
    assert norm.num_batches_tracked == 0
    assert not module[0].bias.any()
    assert norm.bias.any()


def test_the_network_has_its_classes_and_parameters_again():
    module, _ = built("2d")
    before = copy.deepcopy(module)

    absorb_batch_norms(module, owner="test")
    absorbed = kinds(module)
    restore_batch_norms(module)

    assert absorbed == [nn.Sequential, nn.Conv2d, ChannelShift, nn.ReLU]
    assert kinds(module) == kinds(before)
    assert [name for name, _ in module.named_parameters()] == [
        name for name, _ in before.named_parameters()
    ]


def test_the_norm_is_no_part_of_the_network_meanwhile():
    module, _ = built("2d")

    absorb_batch_norms(module, owner="test")

    assert list(module.state_dict()) == ["0.weight", "1.bias"]


def test_a_layer_has_no_bias_of_its_own_meanwhile_and_zeros_afterwards():
    module, _ = built("2d")

    absorb_batch_norms(module, owner="test")
    assert module[0].bias is None
    restore_batch_norms(module)

    assert module[0].bias.tolist() == [0.0] * 6


@pytest.mark.parametrize("bias", [True, False])
def test_a_copy_is_restored_on_its_own(bias):
    module, inputs = built("2d", bias)
    absorb_batch_norms(module, owner="test")
    twin = copy.deepcopy(module)
    absorbed = twin(inputs)

    restore_batch_norms(twin)

    assert module[0].bias is None
    assert (twin[0].bias is not None) == bias
    torch.testing.assert_close(twin(inputs), absorbed)


@pytest.mark.parametrize("mode", [True, False])
def test_norms_come_back_in_the_mode_of_the_network(mode):
    module, _ = built("2d")
    module.eval()

    absorb_batch_norms(module, owner="test")
    module.train(mode)
    restore_batch_norms(module)

    assert module[1].training == mode


@pytest.mark.parametrize("kind", [Branching, Shared, Twice, Read])
def test_what_cannot_be_absorbed_without_changing_answers_stays(kind):
    module, inputs = seen(kind()), torch.randn(5, 4)
    before = module(inputs)

    absorb_batch_norms(module, owner="test")

    assert ChannelShift not in kinds(module)
    assert torch.equal(module(inputs), before)


@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}], ids=str)
def test_norms_without_factors_or_statistics_stay(options):
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, **options)).eval()

    absorb_batch_norms(module, owner="test")

    assert kinds(module)[-1] is nn.BatchNorm1d


def test_a_network_without_norms_stays_as_it_is():
    module = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6))
    before = copy.deepcopy(module.state_dict())

    absorb_batch_norms(module, owner="test")
    restore_batch_norms(module)

    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_norm_that_lost_channels_meanwhile_comes_back_with_as_many():
    module, inputs = built("linear")
    absorb_batch_norms(module, owner="test")
    before = module(inputs)

    module[0].weight = nn.Parameter(module[0].weight[:4])
    module[1].bias = nn.Parameter(module[1].bias[:4])
    restore_batch_norms(module)

    assert module[1].num_features == len(module[0].bias) == 4
    torch.testing.assert_close(module(inputs), before[:, :4])


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_a_shift_adds_along_the_channels(shape):
    shift = ChannelShift(nn.BatchNorm1d(3, eps=0.0), torch.tensor([1.0, 2.0, 3.0]))

    added = shift(torch.zeros(shape))

    assert added.shape == shape
    assert [part.unique().tolist() for part in added.unbind(1)] == [[1.0], [2.0], [3.0]]
