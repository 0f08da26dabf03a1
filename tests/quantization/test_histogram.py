from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.quantization._histogram import Histogram

sizes = st.floats(2.0**-20, 2.0**99, width=32)
numbers = st.lists(sizes | sizes.map(lambda size: -size) | st.just(0.0), min_size=1, max_size=30)


def histogram_of(batches):
    histogram, low, high = Histogram(), 0.0, 0.0
    for batch in batches:
        values = torch.tensor(batch, dtype=torch.float32)
        low, high = min(low, values.min().item()), max(high, values.max().item())
        histogram.add(values, low, high)
    return histogram


def assert_same(one, other):
    assert (one.exponent, one.first, one.n_zeros) == (other.exponent, other.first, other.n_zeros)
    assert torch.equal(one.counts, other.counts)


@settings(deadline=None)
@given(st.lists(numbers, min_size=1, max_size=5), st.randoms())
def test_neither_batches_nor_their_order_matter(batches, random):
    together = histogram_of([[value for batch in batches for value in batch]])
    shuffled = random.sample(batches, len(batches))

    assert_same(histogram_of(batches), together)
    assert_same(histogram_of(shuffled), together)


@settings(deadline=None)
@given(numbers)
def test_every_value_is_counted_once_in_its_bin(values):
    histogram = histogram_of([values])

    array = np.array(values, dtype=np.float64)
    places = np.floor(array[array != 0] / histogram.width) - histogram.first
    wanted = np.bincount(places.astype(int), minlength=len(histogram.counts))
    assert histogram.counts.tolist() == wanted.tolist()
    assert histogram.n_zeros == int((array == 0).sum())


@settings(deadline=None)
@given(numbers.filter(any))
def test_there_are_about_two_to_four_thousand_bins(values):
    assert 2047 <= len(histogram_of([values]).counts) <= 4096


def test_magnitudes_forget_the_sign_and_keep_the_counts():
    histogram = histogram_of([[-1.0, -0.5, 0.3, 0.5, 0.0, 0.9]])

    counts, width = histogram.magnitudes(2048)

    assert int(counts.sum()) == 5
    assert len(counts) <= 2048
    assert counts[int(0.9 / width)] == 1
    assert counts[int(0.3 / width)] == 1


def test_centres_are_the_middles_of_the_bins():
    histogram = histogram_of([[-1.0, 1.0]])

    centres = histogram.centres()

    assert centres[0] == histogram.first * histogram.width + histogram.width / 2
    assert torch.allclose(centres.diff(), torch.tensor(histogram.width, dtype=torch.float64))
