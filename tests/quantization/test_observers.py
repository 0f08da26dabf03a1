from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.quantization._observers import CALIBRATIONS, observer_for

methods = pytest.mark.parametrize("method", CALIBRATIONS)


def range_of(method, *batches, bits=8):
    observer = observer_for(method, bits, owner="Owner")
    for batch in batches:
        observer.observe(torch.as_tensor(batch))
    return observer.range()


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(CALIBRATIONS),
    st.integers(2, 8),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20),
)
def test_a_range_never_goes_beyond_the_extremes(method, bits, values):
    low, high = range_of(method, values, bits=bits)

    assert min(values) <= low <= high <= max(values)


@methods
def test_neither_batches_nor_their_order_matter(method):
    batches = [torch.randn(300) * 10**power for power in (0, -2, 1)]

    together = range_of(method, torch.cat(batches))

    assert range_of(method, *batches) == together
    assert range_of(method, *reversed(batches)) == together


@methods
@pytest.mark.parametrize("constant", [0.0, 2.5, -2.5, 1e-30])
def test_a_constant_is_its_own_range(method, constant):
    assert range_of(method, [constant] * 5) == pytest.approx((constant, constant), rel=1e-6, abs=0)


@methods
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(method, bad):
    with pytest.raises(ValueError, match="Owner has finite values"):
        range_of(method, [1.0, bad])


@methods
@pytest.mark.parametrize("batches", [[], [[]]])
def test_nothing_seen_has_no_range(method, batches):
    with pytest.raises(ValueError, match="Owner is calibrated on one value or more, not none"):
        range_of(method, *batches)


@methods
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.uint8])
def test_numbers_of_any_format_are_observed(method, dtype):
    low, high = range_of(method, torch.tensor([0, 3, 4], dtype=dtype))

    assert low == 0
    assert 2 < high <= 4


@methods
def test_tensors_in_any_memory_order_are_observed(method):
    images = torch.randn(2, 3, 4, 5)

    in_order, last = range_of(method, images), images.to(memory_format=torch.channels_last)

    assert range_of(method, last) == in_order


def test_minmax_gives_the_extremes():
    assert range_of("minmax", [3.0, -1.0], [0.5]) == (-1, 3)


def test_an_unknown_method_is_refused_with_a_guess():
    with pytest.raises(ValueError, match=r"Owner.calibration is one of .* Did you mean 'minmax'"):
        observer_for("min-max", 8, owner="Owner")
