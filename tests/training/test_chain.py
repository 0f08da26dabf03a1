import copy

import pytest
import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from skdeepopt.layers._trace import traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.nets import (
    MLP,
    CompactCNN,
    LeNet5,
    MatchInput,
    ResidualCNN,
    Standardize,
    TransferNetwork,
)
from skdeepopt.nets._blocks import Flatten
from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._learned import set_weight_quantizers
from skdeepopt.quantization._observers import observer_for
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.training._chain import Chain

NETWORKS = {
    "compact": lambda: CompactCNN((1, 28, 28), 10),
    "compact, pooled": lambda: CompactCNN((1, 64, 64), 10),
    "compact, small": lambda: CompactCNN((1, 8, 8), 10, pool=1),
    "compact, deep, dropout": lambda: CompactCNN((1, 28, 28), 10, depth=2, dropout=0.5),
    "lenet5": lambda: LeNet5((1, 28, 28), 10),
    "mlp, dropout": lambda: MLP((1, 8, 8), 10, dropout=0.2),
    "compact, parametrized": lambda: parametrized(CompactCNN((1, 28, 28), 10)),
    "lenet5, parametrized": lambda: parametrized(LeNet5((1, 28, 28), 10)),
    "lenet5, int4": lambda: quantized(LeNet5((1, 28, 28), 10), "int4"),
    "lenet5, int8, from the input on": lambda: quantized(LeNet5((1, 28, 28), 10), "int8", {}),
    "lenet5, fixed grids": lambda: quantized(LeNet5((1, 28, 28), 10), "float32", None),
    "compact, binary": lambda: quantized(CompactCNN((1, 28, 28), 10), "binary"),
    "compact, zero above 0": lambda: quantized(CompactCNN((1, 28, 28), 10), "int4", low=-0.3),
    "mlp, ternary, dropout": lambda: quantized(MLP((1, 8, 8), 10, dropout=0.2), "ternary"),
    "transferred": lambda: TransferNetwork((1, 8, 8), 10),
    "transferred, repeated": lambda: TransferNetwork((1, 28, 28), 10, source_shape=(3, 20, 30)),
    "matched to grey": lambda: matched(3, (1, 8, 12)),
    "matched to colours": lambda: matched(1, (3, 26, 30)),
    "matched in one side": lambda: matched(2, (2, 26, 11)),
}


def matched(channels, shape):
    """A MatchInput behind a layer, which its gradients have to reach."""
    match = MatchInput((channels, 26, 26), shape)
    match.scale.copy_(torch.rand(match.scale.shape) + 0.5)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3),
        match,
        nn.Conv2d(shape[0], 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        Flatten(),
        nn.Linear(16, 10),
    )


class Noisy(nn.Module):
    """A parametrization with a parameter of its own, and draws."""

    def __init__(self, weight):
        super().__init__()
        self.scale = nn.Parameter(torch.full_like(weight[:1], 0.5))

    def forward(self, weight):
        return weight + self.scale * torch.randn_like(weight)


def parametrized(module):
    for layer in [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]:
        parametrize.register_parametrization(layer, "weight", Noisy(layer.weight))
    return module


def quantized(module, name, fixed=("input",), low=-1.0):
    """A graph with rounded weights, and quantizers that learn but those that are fixed."""
    graph = traced(nn.Sequential(nn.Identity(), module), owner="quantized")
    scheme = resolve_scheme(name, owner="quantized")
    set_weight_quantizers(graph, dict.fromkeys(weight_layers(graph), scheme))
    for key, quantizer in place_quantizers(graph).items():
        quantizer.set_range(low, 1.0)
        quantizer.learn(fixed is not None and key not in fixed)
    return graph


SIDES = {
    "compact, pooled": 64,
    "compact, small": 8,
    "mlp, dropout": 8,
    "mlp, ternary, dropout": 8,
    "transferred": 8,
}


def one_step(module, inputs, labels, dtype, *, chained):
    torch.manual_seed(1)
    if not chained:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            outputs = module(inputs)
        loss = nn.functional.cross_entropy(outputs.float(), labels)
        loss.backward()
        return loss
    chain = Chain.of(module)
    outputs = chain.forward(inputs, dtype).requires_grad_()
    loss = nn.functional.cross_entropy(outputs, labels)
    loss.backward()
    chain.backward(outputs.grad)
    return loss


def both_ways(name, dtype):
    torch.manual_seed(0)
    scaled = Standardize(torch.zeros(1), torch.full((1,), 2.0))
    module = nn.Sequential(scaled, NETWORKS[name]()).to(memory_format=torch.channels_last)
    twin = copy.deepcopy(module)
    side = SIDES.get(name, 28)
    inputs = torch.randn(16, 1, side, side).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (16,))
    losses = [one_step(m, inputs, labels, dtype, chained=m is twin).item() for m in (module, twin)]
    return module, twin, losses


def test_a_second_step_does_not_add_to_the_gradients_of_the_first():
    module = parametrized(LeNet5((1, 28, 28), 10))
    inputs, labels = torch.randn(4, 1, 28, 28), torch.arange(4)
    one_step(module, inputs, labels, torch.float32, chained=True)
    first = [p.grad.clone() for p in module.parameters()]

    one_step(module, inputs, labels, torch.float32, chained=True)

    assert all(torch.equal(p.grad, g) for p, g in zip(module.parameters(), first, strict=True))


EXACT = [name for name in NETWORKS if "matched" not in name]


@pytest.mark.parametrize("name", [name for name in NETWORKS if "matched" in name])
def test_matrix_products_of_a_match_have_autograds_gradients_up_to_rounding(name):
    module, twin, losses = both_ways(name, torch.float32)

    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for p, q in zip(module.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EXACT)
def test_in_float32_a_chain_has_autograds_gradients_to_the_last_bit(name):
    module, twin, losses = both_ways(name, torch.float32)

    assert losses[0] == losses[1]
    assert all(
        torch.equal(p.grad, q.grad)
        for p, q in zip(module.parameters(), twin.parameters(), strict=True)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_in_bfloat16_a_chain_has_autograds_gradients_up_to_rounding(name):
    module, twin, losses = both_ways(name, torch.bfloat16)

    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for p, q in zip(module.parameters(), twin.parameters(), strict=True):
        assert (p.grad - q.grad).norm() <= 0.01 * p.grad.norm()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_chain_updates_the_running_statistics_as_autograd_does(name):
    module, twin, _ = both_ways(name, torch.float32)

    assert all(torch.equal(p, q) for p, q in zip(module.buffers(), twin.buffers(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [name for name in NETWORKS if "int" in name or "ary" in name])
def test_gradients_have_the_strides_of_their_parameters(name, dtype):
    _, twin, _ = both_ways(name, dtype)

    # The optimizer's kernel takes both as they lie in memory.
    for parameter in twin.parameters():
        strides = [
            [step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]
            for tensor in (parameter, parameter.grad)
        ]
        assert strides[0] == strides[1]


def test_a_quantizer_that_begins_to_learn_between_two_steps_has_autograds_gradients():
    module = quantized(LeNet5((1, 28, 28), 10), "int4")
    inputs, labels = torch.randn(4, 1, 28, 28), torch.arange(4)
    chain = Chain.of(module)
    chain.backward(torch.ones_like(chain.forward(inputs, torch.float32)))
    module.activation_quantizers.input.learn(True)
    twin = copy.deepcopy(module)

    one_step(twin, inputs, labels, torch.float32, chained=False)
    outputs = chain.forward(inputs, torch.float32).requires_grad_()
    nn.functional.cross_entropy(outputs, labels).backward()
    chain.backward(outputs.grad)

    twins = twin.parameters()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(module.parameters(), twins, strict=True))


class Doubled(nn.ReLU):
    def forward(self, inputs):
        return 2 * super().forward(inputs)


def hooked():
    module = MLP(4, 2)
    module.head.register_forward_hook(lambda *_: None)
    return module


def frozen():
    module = MLP(4, 2)
    module.head.weight.requires_grad_(False)
    return module


def partly_evaluating():
    module = CompactCNN((1, 8, 8), 2)
    module.features[1].eval()
    return module


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def parametrized_bias():
    module = MLP(4, 2)
    parametrize.register_parametrization(module.head, "bias", nn.Tanh())
    return module


def parametrized_norm():
    module = CompactCNN((1, 8, 8), 2)
    parametrize.register_parametrization(module.features[1], "weight", nn.Tanh())
    return module


def graph_of(module):
    return traced(nn.Sequential(module), owner="graph_of")


class TwoReaders(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        hidden = self.layer(inputs)
        self.relu(hidden)
        return hidden


class Twice(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.part = part

    def forward(self, inputs):
        return self.part(self.layer(self.part(inputs)))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs):
        return torch.relu(self.layer(inputs))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs, others):
        return self.layer(others)


class ByKeyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, inputs):
        return self.layer(input=inputs)


def unready():
    graph = traced(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), owner="unready")
    place_quantizers(graph)
    return graph


def observing():
    graph = quantized(MLP(4, 2), "int4")
    graph.activation_quantizers.input.observer = observer_for("minmax", 8, owner="observing")
    return graph


def tied_quantizers():
    graph = quantized(MLP(4, 2), "int4", {})
    quantizers = list(graph.activation_quantizers.children())
    quantizers[1].scale = quantizers[0].scale
    return graph


@pytest.mark.parametrize(
    "build",
    [
        hooked,
        unready,
        observing,
        tied_quantizers,
        lambda: graph_of(ResidualCNN((1, 8, 8), 2)),
        lambda: graph_of(Functional()),
        lambda: graph_of(ByKeyword()),
        lambda: graph_of(Twice(nn.ReLU())),
        lambda: graph_of(Twice(nn.Linear(4, 4))),
        lambda: fx.symbolic_trace(TwoReaders()),
        lambda: fx.symbolic_trace(TwoInputs()),
        lambda: fx.GraphModule(nn.Module(), fx.Graph()),
        lambda: quantized(MLP(4, 2), "int4").eval(),
        lambda: nn.Sequential(ActivationQuantizer()),
        frozen,
        partly_evaluating,
        tied,
        parametrized_bias,
        parametrized_norm,
        lambda: nn.Sequential(nn.Linear(4, 2), Doubled()),
        lambda: nn.Sequential(nn.Linear(4, 2), nn.Softplus()),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding="same")),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, affine=False)),
        lambda: nn.Sequential(nn.Flatten()),
        lambda: ResidualCNN((1, 8, 8), 2),
        lambda: nn.Linear(4, 2).requires_grad_(False),
    ],
)
def test_what_only_autograd_knows_is_no_chain(build):
    assert Chain.of(build()) is None


@pytest.mark.parametrize("name", ["compact", "lenet5, int4"])
def test_a_chain_keeps_nothing_after_its_backward_pass(name):
    module = NETWORKS[name]()
    chain = Chain.of(module)
    outputs = chain.forward(torch.randn(4, 1, 28, 28), torch.float32)

    chain.backward(torch.ones_like(outputs))

    assert all(link.kept == () for link in chain.links)


def test_a_weight_that_becomes_parametrized_between_two_steps_has_autograds_gradients():
    module = LeNet5((1, 28, 28), 10)
    inputs, labels = torch.randn(4, 1, 28, 28), torch.arange(4)
    chain = Chain.of(module)
    chain.backward(torch.ones_like(chain.forward(inputs, torch.float32)))
    parametrize.register_parametrization(module.head, "weight", nn.Softplus())
    twin = copy.deepcopy(module)

    one_step(twin, inputs, labels, torch.float32, chained=False)
    outputs = chain.forward(inputs, torch.float32).requires_grad_()
    nn.functional.cross_entropy(outputs, labels).backward()
    chain.backward(outputs.grad)

    twins = twin.parameters()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(module.parameters(), twins, strict=True))
