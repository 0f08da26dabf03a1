from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._pixel_groups import _FACTORS, _fits, _grouped, _Pair, pixels_grouped
from tests.lowering.conftest import answers, built, prepared

sides = st.integers(1, 5)


@st.composite
def pairs(draw):
    """Two convolutions in double precision, and samples for them."""
    channels, between, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    first = nn.Conv2d(
        channels,
        between,
        (draw(sides), draw(sides)),
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        (draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        bias=draw(st.booleans()),
    )
    second = nn.Conv2d(
        between,
        outputs,
        (draw(sides), draw(sides)),
        (draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2, 4]))),
        (draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        bias=draw(st.booleans()),
    )
    samples = torch.rand(2, channels, draw(st.integers(8, 20)), draw(st.integers(8, 20)))
    return first.double(), second.double(), samples.double()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(pairs(), st.sampled_from(_FACTORS))
def test_groups_of_pixels_give_the_same_answers(layers, factor):
    first, second, samples = layers
    between = first(samples)
    padded = [s + 2 * p for s, p in zip(between.shape[2:], second.padding, strict=True)]
    pair = _Pair(first, second, ("0", "1"), tuple(between.shape[2:]))
    assume(all(s >= k for s, k in zip(padded, second.kernel_size, strict=True)))
    assume(_fits(pair, factor))

    writes, reads = _grouped(pair, factor)

    torch.testing.assert_close(
        reads(torch.tanh(writes(samples))), second(torch.tanh(between)), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("lanes", [8, 16])
def test_a_pruned_network_is_grouped_and_a_wide_one_is_not(lanes):
    narrow = prepared(built("compact", (1, 28, 28), widths=[4, 16, 48]))
    wide = prepared(built("compact", (1, 28, 28)))
    samples = 255 * torch.rand(5, 1, 28, 28)

    grouped = pixels_grouped(narrow, (1, 28, 28), lanes=lanes)

    assert grouped is not narrow
    assert pixels_grouped(wide, (1, 28, 28), lanes=lanes) is wide
    torch.testing.assert_close(grouped(samples), narrow(samples), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        torch.as_tensor(answers(to_onnx(grouped, (1, 28, 28)), samples)),
        narrow(samples).detach(),
        rtol=1e-5,
        atol=1e-5,
    )


def test_other_processors_group_nothing():
    narrow = prepared(built("compact", (1, 28, 28), widths=[4, 16, 48]))

    assert pixels_grouped(narrow, (1, 28, 28), lanes=0) is narrow


class Branching(nn.Module):
    def __init__(self, again):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 5, 2)
        self.second = nn.Conv2d(4, 16, 3, 2)
        self.again = again

    def forward(self, inputs):
        found = torch.relu(self.first(inputs))
        outputs = self.second(found).flatten(1).sum(1, keepdim=True)
        if self.again == "read":
            return outputs + found.flatten(1).sum(1, keepdim=True)
        return outputs + self.first(inputs).flatten(1).mean(1, keepdim=True)


@pytest.mark.parametrize("again", ["read", "call"])
def test_what_others_read_or_call_stays(again):
    graph = prepared(Branching(again).eval())

    assert pixels_grouped(graph, (1, 28, 28), lanes=16) is graph


@pytest.mark.parametrize(
    "changes",
    [{"groups": 2}, {"dilation": 2}, {"padding_mode": "circular", "padding": 1}, {"stride": 1}],
)
def test_other_convolutions_stay(changes):
    second = nn.Conv2d(4, 16, 3, **{"stride": 2, **changes})
    graph = prepared(nn.Sequential(nn.Conv2d(1, 4, 5, 2), nn.ReLU(), second).eval())

    assert pixels_grouped(graph, (1, 28, 28), lanes=16) is graph
