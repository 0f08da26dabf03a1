from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._trace import foldable_pairs, folded, traced
from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._registry import build_network
from skdeepopt.pruning._masks import set_masks

SHAPES = {
    "lenet5": (1, 28, 28),
    "lenet300": (1, 8, 8),
    "mlp": (1, 8, 8),
    "compact": (1, 28, 28),
    "residual": (3, 16, 16),
}


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.other_norm = nn.BatchNorm2d(8)
        self.gain = nn.Parameter(torch.rand(8, 1, 1))
        self.head = nn.Linear(16 * 9, 5)

    def forward(self, images, flag=None):
        branch = F.max_pool2d(F.relu(self.norm(self.first(images))), 2)
        other = self.grouped(branch)
        joined = torch.cat([other + self.other_norm(other), branch * self.gain], 1)
        return self.head(joined.view(joined.size(0), joined.shape[1] * joined.size(2) ** 2))


def seen(network, shape):
    """With batch norms that have seen data, and are in evaluation mode."""
    with torch.no_grad():
        network.train()(torch.rand(8, *shape))
    return network.eval()


@pytest.fixture(params=SHAPES)
def built(request):
    torch.manual_seed(0)
    shape = SHAPES[request.param]
    network = nn.Sequential()
    network.add_module("standardize", Standardize(torch.rand(shape[0]), 1 + torch.rand(shape[0])))
    network.add_module("network", build_network(request.param, shape, 10))
    return seen(network, shape), torch.rand(4, *shape)


def operations(graph):
    return [operation_of(graph, node) for node in graph.graph.nodes]


def test_a_traced_network_gives_the_same_answers_from_the_same_layers(built):
    network, inputs = built

    graph = traced(network, owner="test")

    torch.testing.assert_close(graph(inputs), network(inputs), rtol=0, atol=0)
    ours = dict(network.named_parameters())
    assert {name: id(part) for name, part in graph.named_parameters()} == {
        name: id(part) for name, part in ours.items()
    }
    assert dict(graph.named_buffers()).keys() == dict(network.named_buffers()).keys()
    assert "other" not in operations(graph)


def test_a_folded_network_gives_the_same_answers_and_leaves_the_original_alone(built):
    network, inputs = built
    before, state = network(inputs), copy.deepcopy(network.state_dict())

    graph = folded(traced(network, owner="test"))

    torch.testing.assert_close(graph(inputs), before, rtol=1e-5, atol=1e-5)
    assert not {"batch_norm", "dropout", "identity"} & set(operations(graph))
    assert all(torch.equal(part, state[name]) for name, part in network.state_dict().items())
    assert not any(part.training for part in graph.modules())


def test_training_the_graph_trains_the_module(built):
    network, inputs = built
    graph = traced(network, owner="test").train()
    weight = network.network.head.weight

    graph(inputs).sum().backward()

    assert weight.grad.abs().sum() > 0


def test_a_custom_network_is_followed_through_branches_functions_and_sizes():
    torch.manual_seed(0)
    network, inputs = seen(Branched(), (3, 8, 8)), torch.rand(4, 3, 8, 8)

    graph = traced(network, owner="test")

    torch.testing.assert_close(graph(inputs), network(inputs), rtol=0, atol=0)
    torch.testing.assert_close(folded(graph)(inputs), network(inputs), rtol=1e-5, atol=1e-5)


def test_a_layer_that_something_else_reads_keeps_its_batch_norm():
    graph = folded(traced(seen(Branched(), (3, 8, 8)), owner="test"))

    assert operations(graph).count("batch_norm") == 1
    assert hasattr(graph, "other_norm")


def test_a_layer_that_is_called_twice_keeps_its_batch_norms():
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    network = seen(nn.Sequential(layer, nn.BatchNorm1d(4), layer, nn.BatchNorm1d(4)), (4,))

    graph = folded(traced(network, owner="test"))

    assert operations(graph).count("batch_norm") == 2
    torch.testing.assert_close(graph(torch.ones(2, 4)), network(torch.ones(2, 4)))


def test_a_layer_to_keep_keeps_its_batch_norm():
    network = seen(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), (4,))

    graph = folded(traced(network, owner="test"), keep=["0"])

    assert operations(graph) == ["input", "linear", "batch_norm", "output"]


@pytest.mark.parametrize("affine", [True, False])
def test_a_fold_multiplies_each_output_channel_by_one_number(affine):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3, affine=affine))
    seen(network, (2, 5, 5))

    graph = folded(traced(network, owner="test"))

    ratio = graph.get_submodule("0").weight / network[0].weight
    wanted = torch.rsqrt(network[1].running_var + network[1].eps)
    wanted = wanted * (network[1].weight if affine else 1)
    torch.testing.assert_close(ratio, wanted.view(3, 1, 1, 1).expand_as(ratio))


def test_a_parametrized_layer_is_one_operation_and_is_baked_in_the_copy_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    set_masks(network, {"0": torch.rand(3, 4) > 0.5})
    inputs = torch.rand(5, 4)

    graph = traced(network, owner="test")
    inference = folded(graph)

    assert operations(graph) == ["input", "linear", "relu", "linear", "output"]
    assert list(inference.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert torch.equal(inference(inputs), network(inputs))
    assert parametrize.is_parametrized(network[0])
    assert (network[0].weight == 0).any()


def test_what_is_read_after_a_change_in_place_is_what_torch_reads():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.same, self.scale = nn.ReLU(inplace=True), nn.Identity(), nn.Linear(3, 3)

        def forward(self, inputs):
            inputs = self.scale(inputs)
            alias = self.same(inputs)
            self.relu(inputs)
            inputs.add_(1)
            return alias + inputs

    torch.manual_seed(0)
    network, inputs = InPlace(), torch.randn(9, 3)

    graph = folded(traced(network, owner="test"))

    torch.testing.assert_close(graph(inputs), network(inputs))
    assert not graph.relu.inplace
    assert network.relu.inplace


def test_a_subclass_with_a_forward_of_its_own_is_followed_into():
    class Doubled(nn.Linear):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    network = nn.Sequential(Doubled(2, 2), nn.ReLU())

    graph = traced(network, owner="test")

    assert "linear" not in operations(graph)
    assert torch.equal(graph(torch.ones(1, 2)), network(torch.ones(1, 2)))


def test_what_cannot_be_followed_is_named():
    class Choosing(nn.Module):
        def forward(self, inputs):
            return inputs if inputs.sum() > 0 else -inputs

    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Choosing()))

    with pytest.raises(ValueError, match=r"QuantizedEstimator\.estimator takes .*'1\.1' \(Choo"):
        traced(network, owner="QuantizedEstimator.estimator")


def test_a_network_that_needs_two_tensors_is_refused():
    class Two(nn.Module):
        def forward(self, one, other):
            return one + other

    with pytest.raises(ValueError, match=r"test takes .* of Two cannot be followed"):
        traced(Two(), owner="test")


def test_a_single_layer_is_refused():
    with pytest.raises(ValueError, match=r"not a single Linear. Did you mean nn.Sequential"):
        traced(nn.Linear(2, 2), owner="test")


def test_other_threads_run_their_modules_meanwhile():
    network = build_network("residual", (3, 16, 16), 4).eval()
    images, expected = torch.rand(2, 3, 16, 16), []
    stop, failures = threading.Event(), []

    def run():
        try:
            while not stop.is_set():
                with torch.no_grad():
                    expected.append(network(images))
        except Exception as error:
            failures.append(error)

    other = threading.Thread(target=run)
    other.start()
    for _ in range(20):
        traced(network, owner="Test")
    stop.set()
    other.join()

    assert not failures
    assert all(torch.equal(answers, expected[0]) for answers in expected)


def test_all_norms_right_behind_a_layer_can_be_folded(built):
    network, _ = built
    graph = traced(network, owner="test")

    pairs = foldable_pairs(graph)

    left = [node.target for node in folded(graph).graph.nodes if node.op == "call_module"]
    norms = [n for n, part in network.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert sorted(pairs.values()) == sorted(set(norms) - set(left))
    assert all(operation_of(graph, _node(graph, n)) in ("conv", "linear") for n in pairs)


def _node(graph, name):
    return next(node for node in graph.graph.nodes if node.target == name)


def test_pairs_are_named_and_the_graph_is_only_looked_at():
    graph = traced(seen(Branched(), (3, 8, 8)), owner="test")
    code = graph.code

    assert foldable_pairs(graph) == {"first": "norm"}
    assert graph.code == code


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.BatchNorm1d(3)),
        nn.Sequential(nn.ConvTranspose2d(3, 3, 2), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3)),
    ],
    ids=["behind a rectifier", "transposed", "no statistics", "no batch norm"],
)
def test_norms_that_cannot_be_folded_make_no_pair(network):
    assert foldable_pairs(traced(network, owner="test")) == {}
