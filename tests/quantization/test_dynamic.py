from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn import functional as F

from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._trace import folded, traced
from skdeepopt.nets import ARCHITECTURES, build_network
from skdeepopt.quantization._dynamic import (
    DynamicQuantizer,
    better_in_float_by_row,
    place_dynamic_quantizers,
)

NUMBERS = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)
MATRICES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3), elements=NUMBERS)


class Signs(nn.Module):
    """A linear layer behind operations."""

    def __init__(self, before) -> None:
        super().__init__()
        self.before = before
        self.head = nn.Linear(4, 2)

    def forward(self, images):
        return self.head(self.before(images))


@given(MATRICES, st.booleans())
def test_values_move_by_half_a_step_of_their_row_at_most(values, signed):
    quantizer, x = DynamicQuantizer(signed), torch.from_numpy(values if signed else abs(values))

    moved = (quantizer(x) - x).abs()

    size = x.abs().amax(-1, keepdim=True)
    assert (moved <= 0.5001 * quantizer.step * size + 1e-30).all()


@given(MATRICES)
def test_a_row_alone_is_rounded_as_among_others(values):
    quantizer, x = DynamicQuantizer(), torch.from_numpy(values)

    together = quantizer(x)

    assert all(
        torch.equal(quantizer(row[None])[0], wanted)
        for row, wanted in zip(x, together, strict=True)
    )


@given(MATRICES, st.booleans())
def test_a_row_has_at_most_256_values_and_keeps_its_zeros(values, signed):
    x = torch.from_numpy(values if signed else abs(values))
    x[..., :1] = 0

    rounded = DynamicQuantizer(signed)(x)

    assert max(len(row.unique()) for row in rounded.flatten(0, -2)) <= 256
    assert (rounded[x == 0] == 0).all()


@pytest.mark.parametrize("signed", [True, False])
def test_the_largest_value_of_a_row_stays(signed):
    x = torch.rand(50, 9) * 10 ** torch.linspace(-20, 20, 50)[:, None]

    rounded = DynamicQuantizer(signed)(x)

    torch.testing.assert_close(rounded.amax(1), x.amax(1))


def test_rows_of_zeros_and_of_infinities_give_no_nan():
    x = torch.tensor([[0.0, 0.0], [torch.inf, 1.0], [1e-42, 0.0]])

    rounded = DynamicQuantizer()(x)

    assert not rounded.isnan().any()
    assert (rounded[0] == 0).all()


def test_the_gradient_passes_straight_through():
    x = torch.randn(3, 5, requires_grad=True)
    gradient = torch.randn(3, 5)
    quantizer = DynamicQuantizer()

    rounded = quantizer(x)
    rounded.backward(gradient)

    torch.testing.assert_close(x.grad, gradient, rtol=0, atol=0)
    torch.testing.assert_close(rounded.detach(), quantizer(x.detach()), rtol=0, atol=0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_the_layers_named_get_quantizers(name):
    network = build_network(name, (1, 16, 16), 4).eval()
    graph = folded(traced(network, owner="test"))
    linear = [n for n, layer in network.named_modules() if isinstance(layer, nn.Linear)]

    place_dynamic_quantizers(graph, linear[-1:])

    nodes = list(graph.graph.nodes)
    placed = [node for node in nodes if operation_of(graph, node) == "dynamic_quantizer"]
    assert [str(reader.target) for node in placed for reader in node.users] == linear[-1:]
    graph(torch.rand(2, 1, 16, 16))


@pytest.mark.parametrize(
    ("before", "signed"),
    [
        (nn.ReLU(), False),
        (nn.Sequential(nn.ReLU6(), nn.Dropout(0.2), nn.Identity()), False),
        (lambda x: F.max_pool1d(torch.sigmoid(x), 1), False),
        (nn.Tanh(), True),
        (lambda x: x.relu() - 1, True),
        (lambda x: x, True),
    ],
)
def test_what_was_rectified_has_all_its_codes_above_zero(before, signed):
    graph = traced(Signs(before), owner="test")

    place_dynamic_quantizers(graph, ["head"])

    assert graph.dynamic_quantizers.head.signed is signed


def test_training_the_graph_trains_the_layers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    graph = traced(network, owner="test")
    place_dynamic_quantizers(graph, ["0", "2"])

    graph(torch.randn(5, 6)).square().sum().backward()

    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    assert graph.state_dict().keys() == network.state_dict().keys()


def test_convolutions_and_narrow_layers_are_better_in_float():
    network = build_network("lenet5", (1, 28, 28), 10)

    linear = [n for n, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    kept = better_in_float_by_row(network)

    assert [name for name in linear if name not in kept] == linear[:-1]
    assert len(kept) == 3
