from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.nets import ARCHITECTURES, build_network
from skdeepopt.pruning._channels import ChannelCut
from skdeepopt.pruning._residual import BlockCut
from skdeepopt.pruning._shapes import identities, resize_to

IMAGES = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def make_mixed():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.PReLU(8), nn.Conv2d(8, 8, 3, groups=8),
        nn.InstanceNorm2d(8, affine=True),
        nn.Conv2d(8, 12, 1, groups=2), nn.GroupNorm(2, 12), nn.ConvTranspose2d(12, 8, 2, groups=2),
        nn.GroupNorm(8, 8), nn.ConvTranspose2d(8, 8, 2, groups=8), nn.Flatten(),
        nn.Linear(8 * 196, 6), nn.LayerNorm(6), nn.Linear(6, 2),
    )  # fmt: skip


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=5, deadline=None)
@given(st.floats(0, 0.95))
def test_a_new_network_takes_the_shapes_of_a_pruned_one(architecture, ratio):
    pruned, new = (build_network(architecture, (1, 16, 16), 10).eval() for _ in range(2))
    ChannelCut(pruned, IMAGES).to(ratio)

    resize_to(new, pruned.state_dict())

    new.load_state_dict(pruned.state_dict())
    assert torch.equal(new(IMAGES), pruned(IMAGES))
    assert repr(new) == repr(pruned)


def test_every_kind_of_layer_takes_its_shape():
    pruned, new = make_mixed().eval(), make_mixed().eval()
    ChannelCut(pruned, IMAGES, scope="layer").to(0.5)

    resize_to(new, pruned.state_dict())

    new.load_state_dict(pruned.state_dict())
    assert torch.equal(new(IMAGES), pruned(IMAGES))
    assert repr(new) == repr(pruned)


@pytest.mark.parametrize("ratio", [0.5, 0.99])
def test_removed_blocks_become_identities(ratio):
    pruned, new = (build_network("residual", (1, 16, 16), 10, depth=2).eval() for _ in range(2))
    BlockCut(pruned, IMAGES).to(ratio)

    resize_to(new, pruned.state_dict(), removed=identities(pruned))

    new.load_state_dict(pruned.state_dict())
    assert torch.equal(new(IMAGES), pruned(IMAGES))
    assert repr(new) == repr(pruned)


def test_a_part_that_is_not_among_the_removed_has_to_be_there():
    new = nn.ModuleDict({"body": nn.Linear(4, 2), "late": nn.ModuleDict({"gain": nn.Linear(2, 2)})})
    state = nn.ModuleDict({"body": nn.Linear(4, 2)}).state_dict()

    with pytest.raises(ValueError, match=r"not in `removed`, not none of 'late'\. Did you mean"):
        resize_to(new, state, removed=["body", "later"])


def test_a_removed_part_leaves_the_others_of_its_parent_required():
    new = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2))
    state = {"1.weight": torch.zeros(2, 2), "1.bias": torch.zeros(2)}

    with pytest.raises(ValueError, match="none of '0'"):
        resize_to(new, state, removed=["0.0"])


def test_a_removed_part_that_has_its_tensors_stays():
    new, state = nn.Sequential(nn.Linear(4, 2)), nn.Sequential(nn.Linear(4, 2)).state_dict()

    resize_to(new, state, removed=["", "0", "another"])

    assert isinstance(new[0], nn.Linear)


def test_identities_are_told_by_name():
    nested = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Identity(), nn.ReLU()), nn.Identity())

    assert identities(nested) == ["1.0", "2"]
    assert identities(nn.Identity()) == []


def test_a_network_that_was_not_pruned_changes_nothing():
    network = build_network("residual", (1, 16, 16), 10)
    parameters = list(network.parameters())

    resize_to(network, network.state_dict())

    assert all(one is other for one, other in zip(network.parameters(), parameters, strict=True))


def test_memory_format_and_requires_grad_stay():
    new = nn.Sequential(nn.Conv2d(3, 8, 3)).to(memory_format=torch.channels_last)
    new[0].weight.requires_grad_(False)

    resize_to(new, nn.Sequential(nn.Conv2d(3, 4, 3)).state_dict())

    assert new[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert [parameter.requires_grad for parameter in new.parameters()] == [False, True]


@pytest.mark.parametrize(
    ("state", "match"),
    [
        (
            {"0.weight": torch.zeros(3, 4), "0.bias": torch.zeros(3)},
            r"at most \(2, 4\), not \(3, 4\)",
        ),
        ({"0.weight": torch.zeros(2, 4, 1), "0.bias": torch.zeros(2)}, r"not \(2, 4, 1\)"),
        ({"0.weight": torch.zeros(2, 4)}, r"lacks '0\.bias'"),
        (
            {"0.weight": torch.zeros(2, 4), "0.bias": torch.zeros(2), "1.x": torch.zeros(1)},
            r"not '1\.x'",
        ),
    ],
)  # fmt: skip
def test_a_network_of_another_kind_is_refused(state, match):
    with pytest.raises(ValueError, match=match):
        resize_to(nn.Sequential(nn.Linear(4, 2)), state)
