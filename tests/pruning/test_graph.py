from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets import ARCHITECTURES, Standardize, build_network
from skdeepopt.pruning._graph import ChannelGraph
from skdeepopt.pruning._groups import silence_marked
from skdeepopt.pruning._masks import masks_of, set_masks

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))


def network(forward, **parts):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, inputs):
            return forward(self, inputs)

    return Network()


def conv(inputs, outputs, kernel=1, **options):
    return nn.Conv2d(inputs, outputs, kernel, **options)


def pooled(maps):
    return maps.mean((2, 3))


def alternate(groups):
    return [torch.arange(group.n_channels) % 2 == 0 for group in groups]


def squeeze(net, inputs):
    maps = net.a(inputs)
    gate = net.up(net.down(pooled(maps)).relu()).sigmoid()
    return net.head(pooled(maps * gate[:, :, None, None]))


def dense(net, inputs):
    one = net.a(inputs)
    two = torch.cat([one, net.b(one).relu()], 1)
    return net.head(pooled(net.norm(torch.cat([two, net.c(two).relu()], 1))))


def masked_map(net, inputs):
    maps = net.a(inputs)
    return net.head(pooled(maps * net.mask(maps).sigmoid()))


FOLLOWED = {
    "branches that are added": (
        lambda net, x: net.head(pooled((net.a(net.stem(x)) + net.b(net.stem(x))).relu())),
        {"stem": conv(3, 8), "a": conv(8, 6, 3, padding=1), "b": conv(8, 6),
         "head": nn.Linear(6, 2)},
        IMAGES, [8, 6],
    ),
    "branches that are concatenated": (
        lambda net, x: net.head(pooled(net.c(torch.cat([net.a(x), net.b(x)], 1)))),
        {"a": conv(3, 5), "b": conv(3, 7), "c": conv(12, 4), "head": nn.Linear(4, 2)},
        IMAGES, [5, 7, 4],
    ),
    "a concatenation that is flattened": (
        lambda net, x: net.head(torch.cat([net.a(x), net.b(x)], -3).flatten(1)),
        {"a": conv(3, 5), "b": conv(3, 7), "head": nn.Linear(12 * 64, 2)},
        IMAGES, [5, 7],
    ),
    "concatenated features": (
        lambda net, x: net.head(torch.cat([net.a(x), net.b(x)], -1).mean(1)),
        {"a": nn.Linear(4, 5), "b": nn.Linear(4, 7), "head": nn.Linear(12, 2)},
        TOKENS, [5, 7],
    ),
    "a concatenation with the input": (
        lambda net, x: net.head(pooled(net.c(torch.cat([x, net.a(x)], 1)))),
        {"a": conv(3, 5), "c": conv(8, 6), "head": nn.Linear(6, 2)},
        IMAGES, [5, 6],
    ),
    "a map concatenated with itself": (
        lambda net, x: net.head(pooled(torch.cat([net.a(x)] * 2, 1))),
        {"a": conv(3, 6), "head": nn.Linear(12, 2)},
        IMAGES, [6],
    ),
    "a concatenation that is added to": (
        lambda net, x: net.head(pooled((torch.cat([net.a(x), net.b(x)], 1) + net.c(x)).relu())),
        {"a": conv(3, 4), "b": conv(3, 4), "c": conv(3, 8), "head": nn.Linear(8, 2)},
        IMAGES, [4, 4],
    ),
    "dense connections": (
        dense,
        {"a": conv(3, 4), "b": conv(4, 4), "c": conv(8, 4), "norm": nn.BatchNorm2d(12),
         "head": nn.Linear(12, 2)},
        IMAGES, [4, 4, 4],
    ),
    "a grouped convolution, one channel of each group at a time": (
        lambda net, x: net.head(pooled(net.b(net.a(x)))),
        {"a": conv(3, 8), "b": conv(8, 12, 3, groups=4), "head": nn.Linear(12, 2)},
        IMAGES, [2, 3],
    ),
    "a depthwise convolution": (
        lambda net, x: net.head(pooled(net.c(net.b(net.a(x)).relu()))),
        {"a": conv(3, 8), "b": conv(8, 8, 3, groups=8), "c": conv(8, 6), "head": nn.Linear(6, 2)},
        IMAGES, [8, 6],
    ),
    "a transposed convolution": (
        lambda net, x: net.head(pooled(net.b(net.a(x)))),
        {"a": conv(3, 8), "b": nn.ConvTranspose2d(8, 6, 2), "head": nn.Linear(6, 2)},
        IMAGES, [8, 6],
    ),
    "a grouped transposed convolution": (
        lambda net, x: net.head(pooled(net.b(net.a(x)))),
        {"a": conv(3, 8), "b": nn.ConvTranspose2d(8, 12, 2, groups=2), "head": nn.Linear(12, 2)},
        IMAGES, [4, 6],
    ),
    "a layer used twice in a row": (
        lambda net, x: net.head(net.b(net.b(net.a(x)).relu())),
        {"a": nn.Linear(4, 6), "b": nn.Linear(6, 6), "head": nn.Linear(6, 2)},
        VECTORS, [6],
    ),
    "a layer used on two maps": (
        lambda net, x: net.head(pooled(net.c(net.a(x)) * net.c(net.b(x)).sigmoid())),
        {"a": conv(3, 6), "b": conv(3, 6), "c": conv(6, 5), "head": nn.Linear(5, 2)},
        IMAGES, [6, 5],
    ),
    "a squeeze and an excitation": (
        squeeze,
        {"a": conv(3, 8), "down": nn.Linear(8, 4), "up": nn.Linear(4, 8), "head": nn.Linear(8, 2)},
        IMAGES, [8, 4],
    ),
    "a mask of one channel": (
        masked_map,
        {"a": conv(3, 8), "mask": conv(8, 1), "head": nn.Linear(8, 2)},
        IMAGES, [8],
    ),
    "halves that are multiplied": (
        lambda net, x: net.head(pooled(torch.mul(*net.a(x).chunk(2, 1)))),
        {"a": conv(3, 8), "head": nn.Linear(4, 2)},
        IMAGES, [4],
    ),
    "a parameter with a number for each channel": (
        lambda net, x: net.head(pooled(net.a(x) * net.gain)),
        {"a": conv(3, 8), "gain": nn.Parameter(torch.rand(8, 1, 1)), "head": nn.Linear(8, 2)},
        IMAGES, [8],
    ),
    "slopes for each channel, and one for all": (
        lambda net, x: net.head(pooled(net.one(net.b(net.each(net.a(x)))))),
        {"a": conv(3, 8), "each": nn.PReLU(8), "b": conv(8, 6), "one": nn.PReLU(),
         "head": nn.Linear(6, 2)},
        IMAGES, [8, 6],
    ),
    "an instance norm": (
        lambda net, x: net.head(pooled(net.norm(net.a(x)).relu())),
        {"a": conv(3, 8), "norm": nn.InstanceNorm2d(8), "head": nn.Linear(8, 2)},
        IMAGES, [8],
    ),
    "a group norm of single channels": (
        lambda net, x: net.head(pooled(net.norm(net.a(x)).relu())),
        {"a": conv(3, 8), "norm": nn.GroupNorm(8, 8), "head": nn.Linear(8, 2)},
        IMAGES, [8],
    ),
    "linear layers over tokens": (
        lambda net, x: net.head((net.a(x) + net.b(net.a(x)).relu()).mean(1)),
        {"a": nn.Linear(4, 6), "b": nn.Linear(6, 6), "head": nn.Linear(6, 2)},
        TOKENS, [6],
    ),
    "channels beside some that are added to the input": (
        lambda net, x: net.head(pooled(x + net.b(net.a(x).relu()))),
        {"a": conv(3, 8), "b": conv(8, 3), "head": nn.Linear(3, 2)},
        IMAGES, [8],
    ),
    "a map that is made of features": (
        lambda net, x: net.head(pooled(net.b(net.a(x).view(len(x), -1, 3, 3)))),
        {"a": nn.Linear(4, 36), "b": conv(4, 6), "head": nn.Linear(6, 2)},
        VECTORS, [4, 6],
    ),
    "channels beside attention": (
        lambda net, x: net.head(net.b(net.mix(net.a(x), net.a(x), net.a(x))[0].mean(1)).relu()),
        {"a": nn.Linear(4, 6), "mix": nn.MultiheadAttention(6, 2, batch_first=True),
         "b": nn.Linear(6, 5), "head": nn.Linear(5, 2)},
        TOKENS, [5],
    ),
    "a forward pass in a number type of its own": (
        lambda net, x: net.head(net.a(x.float()).relu()),
        {"a": nn.Linear(4, 6), "head": nn.Linear(6, 2)},
        VECTORS, [6],
    ),
}  # fmt: skip

REFUSED = {
    "halves that go different ways": (
        lambda net, x: net.head(pooled(net.b(net.a(x)[:, :4]) + net.b(net.a(x)[:, 4:]))),
        {"a": conv(3, 8), "b": conv(4, 5), "head": nn.Linear(5, 2)}, IMAGES, "'a'",
    ),
    "a mean over channels": (
        lambda net, x: net.head(pooled(net.a(x) * net.a(x).mean(1, keepdim=True))),
        {"a": conv(3, 8), "head": nn.Linear(8, 2)}, IMAGES, "'a'",
    ),
    "a softmax over channels": (
        lambda net, x: net.head(net.a(x).softmax(1)),
        {"a": nn.Linear(4, 6), "head": nn.Linear(6, 2)}, VECTORS, "the answer changes .* 'a'",
    ),
    "a detached branch": (
        lambda net, x: net.head(net.b(net.a(x).detach())),
        {"a": nn.Linear(4, 6), "b": nn.Linear(6, 6), "head": nn.Linear(6, 2)}, VECTORS,
        "'a' is cut off",
    ),
    "shuffled channels": (
        lambda net, x: net.head(pooled(net.a(x).view(2, 2, 4, 8, 8).transpose(1, 2).flatten(1, 2))),
        {"a": conv(3, 8), "head": nn.Linear(8, 2)}, IMAGES, "'a'",
    ),
    "padded channels": (
        lambda net, x: net.head(pooled(functional.pad(net.a(x), (0, 0, 0, 0, 2, 2)) + net.b(x))),
        {"a": conv(3, 4), "b": conv(3, 8), "head": nn.Linear(8, 2)}, IMAGES, "'a'",
    ),
    "a layer whose weight is used by hand": (
        lambda net, x: net.head(functional.linear(net.a(x), net.b.weight).relu()),
        {"a": nn.Linear(4, 6), "b": nn.Linear(6, 5), "head": nn.Linear(5, 2)}, VECTORS, "'head'",
    ),
    "a weight that is computed": (
        lambda net, x: net.head(net.a(x)),
        {"a": nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), "head": nn.Linear(6, 2)},
        VECTORS, "'a' computes its weight",
    ),
    "a recurrent layer": (
        lambda net, x: net.head(net.mix(net.a(x))[0][:, -1]),
        {"a": nn.Linear(4, 6), "mix": nn.LSTM(6, 5, batch_first=True), "head": nn.Linear(5, 2)},
        TOKENS, "LSTM 'mix'",
    ),
    "two answers": (
        lambda net, x: (net.a(x), net.a(x)), {"a": nn.Linear(4, 6)}, VECTORS, "not to a tuple",
    ),
    "an input of another shape": (
        lambda net, x: net.a(x), {"a": nn.Linear(5, 6)}, VECTORS, "not one that fails",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLLOWED)
def test_channels_that_nobody_reads_go_without_a_trace_through(case):
    forward, parts, inputs, _ = FOLLOWED[case]
    torch.manual_seed(0)
    net = network(forward, **copy.deepcopy(parts)).eval()
    graph = ChannelGraph(net, inputs, owner="Test")
    marks = alternate(graph.groups)
    silence_marked(net, graph.groups, marks)
    before = net(inputs)

    graph.remove(marks)

    torch.testing.assert_close(net(inputs), before)


@pytest.mark.parametrize("case", FOLLOWED)
def test_the_channels_that_can_go_are_counted_in(case):
    forward, parts, inputs, expected = FOLLOWED[case]

    graph = ChannelGraph(network(forward, **parts), inputs, owner="Test")

    assert [group.n_channels for group in graph.groups] == expected


@pytest.mark.parametrize("case", REFUSED)
def test_a_network_that_cannot_be_followed_is_refused_by_name_as_with(case):
    forward, parts, inputs, match = REFUSED[case]

    with pytest.raises(ValueError, match=rf"Test\.module is a network .*{match}"):
        ChannelGraph(network(forward, **parts), inputs, owner="Test")


def test_a_parameter_that_two_layers_share_is_refused_by_both_names():
    tied = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2))
    tied[2].weight = tied[1].weight

    with pytest.raises(ValueError, match=r"Test .*'1.*2"):
        ChannelGraph(tied, VECTORS, owner="Test")


def test_norms_across_channels_keep_groups_of_one_size():
    net = network(
        lambda net, x: net.head(pooled(net.norm(net.a(x)))),
        a=conv(3, 8), norm=nn.GroupNorm(2, 8), head=nn.Linear(8, 2),
    )  # fmt: skip
    graph = ChannelGraph(net, IMAGES, owner="Test")

    graph.remove([torch.tensor([True, False, False, True])])

    assert not graph.groups[0].is_exact
    assert (net.norm.num_groups, net.norm.num_channels, net.a.out_channels) == (2, 4, 4)
    assert net(IMAGES).shape == (2, 2)


def test_a_layer_norm_shrinks_with_its_layer():
    net = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2))
    graph = ChannelGraph(net, VECTORS, owner="Test")

    graph.remove([torch.arange(6) < 2])

    assert net[1].normalized_shape == (4,)
    assert net(VECTORS).shape == (2, 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_built_in_networks_behind_a_standardization_lose_channels_that_nobody_reads(architecture):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 32, 32).to(memory_format=torch.channels_last)
    layer = Standardize(torch.zeros(3), torch.ones(3))
    net = nn.Sequential(layer, build_network(architecture, (3, 32, 32), 10)).eval()
    net = net.to(memory_format=torch.channels_last)
    graph = ChannelGraph(net, images, owner="Test")
    marks = alternate(graph.groups)
    silence_marked(net, graph.groups, marks)
    before = net(images)

    graph.remove(marks)

    torch.testing.assert_close(net(images), before, atol=1e-5, rtol=1e-4)
    assert all(
        layer.weight.is_contiguous(memory_format=torch.channels_last)
        for layer in weight_layers(net).values()
        if layer.weight.ndim == 4
    )


def test_looking_leaves_the_module_and_the_generator_as_they_were(capsys):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(256, 2))
    net[1].eval()
    net[0].weight.requires_grad_(False)
    net(IMAGES).sum().backward()
    before, parameters = copy.deepcopy(net), list(net.parameters())
    gradient = net[3].weight.grad.clone()
    state = torch.get_rng_state()

    ChannelGraph(net, IMAGES, owner="Test")

    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in net.modules()] == [p.training for p in before.modules()]
    assert all(one is other for one, other in zip(net.parameters(), parameters, strict=True))
    assert [p.requires_grad for p in parameters] == [False, True, True, True, True, True]
    torch.testing.assert_close(net.state_dict(), before.state_dict(), atol=0, rtol=0)
    assert torch.equal(net[3].weight.grad, gradient)
    assert capsys.readouterr() == ("", "")


def test_what_is_left_keeps_its_gradient_and_whether_it_has_one():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    net[0].bias.requires_grad_(False)
    net(VECTORS).sum().backward()
    gradient = net[2].weight.grad.clone()
    graph = ChannelGraph(net, VECTORS, owner="Test")

    graph.remove([torch.arange(6) < 2])

    assert torch.equal(net[2].weight.grad, gradient[:, 2:])
    assert [parameter.requires_grad for parameter in net.parameters()] == [True, False, True, True]


def test_removing_in_two_steps_is_removing_at_once():
    torch.manual_seed(0)
    once = build_network("residual", (3, 8, 8), 2).eval()
    twice = copy.deepcopy(once)
    graph, other = (ChannelGraph(net, IMAGES, owner="Test") for net in (once, twice))
    first = alternate(other.groups)
    other.remove(first)
    other.remove([torch.arange(group.n_channels) < 3 for group in other.groups])

    graph.remove([marked | (torch.arange(len(marked)) < 6) for marked in first])

    torch.testing.assert_close(once.state_dict(), twice.state_dict(), atol=0, rtol=0)


def test_masks_shrink_with_the_layers_that_they_are_on():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    mask = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    set_masks(net, {"0": mask})
    graph = ChannelGraph(net, VECTORS, owner="Test")

    graph.remove([torch.arange(6) < 2])

    assert torch.equal(net[0].weight != 0, mask[2:])
    assert net[2].weight.shape == (2, 4)


def test_looking_at_a_masked_network_leaves_its_masks():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    mask = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    set_masks(net, {"0": mask})

    ChannelGraph(net, VECTORS, owner="Test")

    assert torch.equal(masks_of(net)["0"], mask)
    assert torch.equal(net[0].weight != 0, mask)


def test_a_group_is_never_emptied():
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
    graph = ChannelGraph(net, VECTORS, owner="Test")

    with pytest.raises(ValueError, match="at least one channel"):
        graph.remove([torch.ones(6, dtype=torch.bool)])


def test_channels_of_the_answer_are_in_no_group():
    net = nn.Sequential(nn.Linear(4, 6), nn.Softmax(1))

    assert ChannelGraph(net, VECTORS, owner="Test").groups == []


def test_a_trained_network_of_dead_channels_is_still_followed():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    nn.init.zeros_(net[0].weight)

    assert [g.n_channels for g in ChannelGraph(net, VECTORS, owner="Test").groups] == [6]
