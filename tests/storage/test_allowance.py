import time

import pytest
import torch
from torch import nn

from skdeepopt.storage._allowance import Allowance


def test_a_network_that_the_file_accounts_for_is_built():
    with Allowance(4 * 10_100, 2):
        network = nn.Linear(100, 100)

    assert network.weight.shape == (100, 100)


def test_a_layer_beyond_the_file_is_refused_before_it_is_allocated():
    with Allowance(1000, 2), pytest.raises(MemoryError, match="larger than the file accounts for"):
        nn.Linear(10**6, 10**6)


def test_sparse_tensors_account_for_the_network_they_belong_to():
    allowance = Allowance(1000, 2)
    allowance.sparse_bytes = 4 * 2**25

    with allowance:
        network = nn.Linear(2**13, 2**12)

    assert network.weight.shape == (2**12, 2**13)


def test_endless_depth_is_refused_in_time():
    start = time.perf_counter()

    with Allowance(1000, 2), pytest.raises(MemoryError):
        nn.Sequential(*(nn.Linear(1, 1) for _ in range(10**9)))

    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(10**6, 10**6),
        lambda: torch.ones(size=(10**6, 10**6), dtype=torch.uint8),
        lambda: torch.full((10**6, 10**6), 1.0),
        lambda: torch.randn(10**6, 10**6, generator=torch.Generator()),
        lambda: torch.arange(10**12),
        lambda: torch.eye(10**6),
    ],
)
def test_no_way_of_making_tensors_is_left_open(make):
    with Allowance(0, 0), pytest.raises(MemoryError):
        make()


def test_random_numbers_are_drawn_as_without_it():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        expected = torch.randn(5), torch.rand(5)

    with torch.random.fork_rng(), Allowance(0, 0):
        found = torch.randn(5), torch.rand(5)

    assert all(a.equal(b) for a, b in zip(found, expected, strict=True))
