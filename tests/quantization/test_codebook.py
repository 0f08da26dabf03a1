from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.quantization._codebook import places_in, shared_values


def weight_of(seed, n=500):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8), st.integers(0, 2**32))
def test_values_ascend_and_are_at_most_as_many_as_the_bits_tell_apart(bits, seed):
    table = shared_values(weight_of(seed), bits)

    assert table.dtype == torch.float32
    assert len(table) <= 2**bits
    assert (table.diff() > 0).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8), st.integers(0, 2**32))
def test_zero_is_a_value_of_pruned_weights(bits, seed):
    weight = weight_of(seed)
    weight[::3] = -0.0

    table = shared_values(weight, bits)

    zeros = table[table == 0]
    assert len(zeros) == 1
    assert not zeros.signbit().any()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8), st.integers(0, 2**32))
def test_the_table_of_rounded_weights_is_the_same(bits, seed):
    weight = weight_of(seed)
    table = shared_values(weight, bits)

    again = shared_values(table[places_in(table, weight)], bits)

    assert torch.equal(again, table)


def test_clusters_apart_get_their_means():
    weight = torch.tensor([-1.1, -0.9, 2.0, 2.5, 3.0])

    assert shared_values(weight, 1).tolist() == pytest.approx([-1, 2.5])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(0, 2**32))
def test_places_are_those_of_the_nearest_values(n_values, seed):
    table, weight = weight_of(seed, n_values).sort().values, weight_of(seed + 1).view(10, 50)

    places = places_in(table, weight)

    distance = (weight - table[places]).abs()
    assert places.shape == weight.shape
    torch.testing.assert_close(distance, (weight[..., None] - table).abs().amin(-1))
