from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.nets import build_network
from skdeepopt.quantization._calibration import calibrate
from skdeepopt.quantization._observers import CALIBRATIONS
from skdeepopt.quantization._placement import place_quantizers


@pytest.fixture
def graph():
    torch.manual_seed(0)
    network = build_network("compact", (1, 16, 16), 4).eval()
    return folded(traced(network, owner="test"))


@pytest.fixture
def batches():
    return list(torch.randn(3, 20, 1, 16, 16, generator=torch.Generator().manual_seed(1)))


def ranges(quantizers):
    return {key: quantizer.range for key, quantizer in quantizers.items()}


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_eight_bits_change_answers_little(graph, batches, method):
    before = graph(batches[0])
    quantizers = place_quantizers(graph)

    calibrate(graph, batches, quantizers, method=method, owner="Owner")

    error = (graph(batches[0]) - before).square().mean() / before.square().mean()
    assert 0 < error < 0.02


def test_minmax_holds_all_that_passes(graph, batches):
    quantizers = place_quantizers(graph)

    calibrate(graph, batches, quantizers, method="minmax", owner="Owner")

    low, high = quantizers["input"].range
    step = float(quantizers["input"].scale)
    assert low == pytest.approx(torch.stack(batches).min().item(), abs=step)
    assert high == pytest.approx(torch.stack(batches).max().item(), abs=step)
    assert quantizers["features_0"].range[0] == 0


def test_ranges_do_not_depend_on_the_order_of_batches(graph, batches):
    quantizers = place_quantizers(graph)
    calibrate(graph, batches, quantizers, owner="Owner")
    before = ranges(quantizers)

    calibrate(graph, iter(batches[::-1]), quantizers, owner="Owner")

    assert ranges(quantizers) == before


def test_the_mode_is_kept_and_norms_stay_as_they_are(batches):
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(392, 2)
    ).train()
    graph = traced(network, owner="test")

    calibrate(graph, batches, place_quantizers(graph), owner="Owner")

    assert network.training
    assert graph.training
    assert network[1].num_batches_tracked == 0


def test_constant_data_is_calibrated(graph):
    quantizers = place_quantizers(graph)

    calibrate(graph, [torch.zeros(4, 1, 16, 16)], quantizers, owner="Owner")

    assert quantizers["input"].scale == 1
    assert graph(torch.zeros(1, 1, 16, 16)).isfinite().all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "Owner.batches hold one sample or more to calibrate on, not none"),
        ([torch.zeros(0, 1, 16, 16)], "one sample or more"),
        ([torch.zeros(2, 3, 16, 16)], r"not ones of shape \(3, 16, 16\): .*channels"),
        ([torch.zeros(2, 1, 16, 16), torch.zeros(2, 1, 8, 8)], r"of one shape, not of .*8, 8\)"),
        ([torch.full((2, 1, 16, 16), math.nan)], "finite numbers"),
        ([torch.full((2, 1, 16, 16), 3e38)], "Owner's activation '.*' has finite values"),
    ],
)
def test_bad_data_is_refused_and_leaves_no_trace(graph, data, message):
    with torch.no_grad():
        graph.get_submodule("features.0").weight.mul_(1e3)
    quantizers = place_quantizers(graph)

    with pytest.raises(ValueError, match=message):
        calibrate(graph, data, quantizers, owner="Owner")

    assert not any(quantizer.has_range for quantizer in quantizers.values())
    assert all(quantizer.observer is None for quantizer in quantizers.values())


def test_an_unknown_method_is_refused_before_anything_runs(graph):
    with pytest.raises(ValueError, match=r"Owner\.calibration is one of"):
        calibrate(graph, [], place_quantizers(graph), method="max", owner="Owner")
