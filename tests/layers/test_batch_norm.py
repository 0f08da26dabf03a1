from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt.layers._batch_norm import reestimate_batch_norm


def make_batches(count):
    return list(torch.randn(count, 16, 3, generator=torch.Generator().manual_seed(count)) * 4 + 2)


@given(st.integers(1, 5))
def test_statistics_are_the_averages_over_the_batches(count):
    norm, batches = nn.BatchNorm1d(3), make_batches(count)

    reestimate_batch_norm(norm, batches)

    stacked = torch.stack(batches)
    torch.testing.assert_close(norm.running_mean, stacked.mean((0, 1)))
    torch.testing.assert_close(norm.running_var, stacked.var(1).mean(0))


def test_what_the_statistics_were_before_does_not_matter():
    fresh, used = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    used(torch.full((2, 3), 100.0))

    reestimate_batch_norm(fresh, make_batches(2))
    reestimate_batch_norm(used, make_batches(2))

    assert torch.equal(fresh.running_mean, used.running_mean)
    assert torch.equal(fresh.running_var, used.running_var)


def test_parameters_modes_and_momenta_stay():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.Dropout())
    network[0].eval()
    weight = network[0].weight.detach().clone()

    reestimate_batch_norm(network, make_batches(2))

    assert network[1].momentum == 0.3
    assert [part.training for part in network.modules()] == [True, False, True, True]
    assert torch.equal(network[0].weight, weight)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_dropout_is_off_meanwhile():
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    (batch,) = make_batches(1)

    reestimate_batch_norm(network, [batch])

    torch.testing.assert_close(network[1].running_mean, batch.mean(0))


def test_modes_and_momenta_stay_when_the_module_raises():
    network = nn.Sequential(nn.BatchNorm1d(3))

    with pytest.raises(ValueError, match="expected"):
        reestimate_batch_norm(network, [torch.zeros(2, 3, 4, 5)])

    assert network[0].momentum == 0.1
    assert network[0].training


def test_no_batches_leave_the_statistics():
    norm = nn.BatchNorm1d(3)
    norm(make_batches(1)[0])
    mean = norm.running_mean.clone()

    reestimate_batch_norm(norm, [])

    assert torch.equal(norm.running_mean, mean)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.BatchNorm1d(3, track_running_stats=False)])
def test_a_module_without_statistics_is_not_run(layer):
    def batches():
        raise AssertionError("was asked for a batch")
        yield

    reestimate_batch_norm(nn.Sequential(layer), batches())
