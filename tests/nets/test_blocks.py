from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.nets._blocks import Standardize, check_widths, conv_norm, halvings


def test_standardized_pixels_times_scale_plus_mean_are_the_pixels():
    images = torch.rand(3, 2, 4, 5)
    mean, scale = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0])

    standardized = Standardize(mean, scale)(images)

    back = standardized * scale.reshape(1, 2, 1, 1) + mean.reshape(1, 2, 1, 1)
    torch.testing.assert_close(back, images)


def test_standardization_is_saved_but_not_trained():
    layer = Standardize(torch.zeros(2), torch.ones(2))

    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"mean", "scale"}


@given(st.integers(1, 300), st.integers(0, 8))
def test_a_side_is_halved_late_and_never_below_three_pixels(side, stages):
    strides = halvings(side, stages)

    left = side
    for stride in strides:
        left = -(-left // stride)
    assert len(strides) == stages
    assert strides == sorted(strides)
    assert left >= min(side, 3)


@pytest.mark.parametrize(("stride", "sides"), [(1, (9, 8)), (2, (5, 4)), ((1, 2), (9, 4))])
def test_a_convolution_keeps_the_sides_up_to_its_stride(stride, sides):
    layers = torch.nn.Sequential(*conv_norm(3, 4, 3, stride))

    assert layers(torch.zeros(2, 3, 9, 8)).shape == (2, 4, *sides)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from([list, tuple, np.array])
)
def test_positive_integers_are_widths(values, kind):
    assert check_widths(kind(values), None, "Net") == tuple(values)


@pytest.mark.parametrize(
    ("widths", "count", "error"),
    [((), None, ValueError), ((0,), None, ValueError), ((1, 2), 3, ValueError),
     ((1.5,), None, TypeError), ("12", None, TypeError), (3, None, TypeError)],
)  # fmt: skip
def test_other_values_are_no_widths(widths, count, error):
    with pytest.raises(error, match=r"Net\.widths is .* positive integers, not"):
        check_widths(widths, count, "Net")
