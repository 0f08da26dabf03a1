from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.data._layout import ImageLayout, infer_layout, layout_of

SIDES = st.integers(5, 9)
CHANNELS = st.integers(1, 4)


def numbered(*shape):
    return torch.arange(2 * int(np.prod(shape))).reshape(2, *shape)


@given(CHANNELS, SIDES, SIDES)
def test_channels_last_rows_become_the_images_that_they_were(channels, height, width):
    images = numbered(channels, height, width)
    rows = images.permute(0, 2, 3, 1).reshape(2, -1)

    layout = infer_layout((2, height, width, channels), None, owner="Net")

    assert layout == ImageLayout((channels, height, width), channels_last=True)
    assert torch.equal(layout.as_images(rows), images)
    assert layout.n_features == rows.shape[1]


@given(CHANNELS, SIDES, SIDES)
def test_channels_first_rows_become_the_images_that_they_were(channels, height, width):
    images = numbered(channels, height, width)

    layout = infer_layout(images.shape, None, owner="Net")

    assert torch.equal(layout.as_images(images.reshape(2, -1)), images)


@given(st.integers(1, 40))
def test_a_flat_square_is_a_square_image_and_anything_else_one_row(n_features):
    layout = infer_layout((3, n_features), None, owner="Net")

    side = round(n_features**0.5)
    square = side * side == n_features
    assert layout.shape == ((1, side, side) if square else (1, 1, n_features))


@given(CHANNELS, SIDES, SIDES, st.booleans())
def test_an_image_shape_says_how_flat_rows_are_laid_out(channels, height, width, last):
    given_shape = (height, width, channels) if last else (channels, height, width)

    layout = infer_layout((2, channels * height * width), given_shape, owner="Net")

    assert layout.shape == (channels, height, width)
    assert layout.channels_last == last


def test_rows_are_viewed_not_copied():
    rows = torch.zeros(2, 75)

    assert ImageLayout((3, 5, 5), True).as_images(rows).data_ptr() == rows.data_ptr()


@pytest.mark.parametrize(
    ("shape", "channels_last"),
    [((75,), True), ((3, 5, 5), False), ((5, 5, 3), True)],
)
def test_new_data_may_come_in_each_layout(shape, channels_last):
    fitted = ImageLayout((3, 5, 5), channels_last=True)

    assert layout_of((7, *shape), fitted, owner="Net") == ImageLayout((3, 5, 5), channels_last)


def test_one_channel_may_be_left_out_of_new_data():
    assert layout_of((7, 5, 6), ImageLayout((1, 5, 6)), owner="Net").shape == (1, 5, 6)


@pytest.mark.parametrize("shape", [(5, 5), (3, 5, 6), (6, 5, 3), (5, 3, 5)])
def test_new_data_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"Net was fitted on \(3, 5, 5\)"):
        layout_of((7, *shape), ImageLayout((3, 5, 5)), owner="Net")


def test_an_unclear_channel_axis_is_asked_about():
    with pytest.raises(ValueError, match="Net cannot tell the channel axis"):
        infer_layout((2, 8, 8, 8), None, owner="Net")


@pytest.mark.parametrize("shape", [(2,), (2, 1, 1, 8, 8)])
def test_data_of_another_number_of_axes_are_refused(shape):
    with pytest.raises(ValueError, match="2, 3 or 4 axes"):
        infer_layout(shape, None, owner="Net")


@pytest.mark.parametrize(
    ("data", "image_shape", "told"),
    [
        ((2, 64), (7, 9), r"Did you mean image_shape=\(1, 8, 8\)"),
        ((2, 192), (3, 7, 8), r"Did you mean image_shape=\(3, 8, 8\)"),
        ((2, 8, 8), (4, 16), r"Did you mean image_shape=\(8, 8\)"),
        ((2, 65), (8, 8), "64 numbers an image, but X has 65"),
    ],
)
def test_an_image_shape_that_does_not_fit_suggests_one_that_does(data, image_shape, told):
    with pytest.raises(ValueError, match=rf"Net\.image_shape is .*{told}"):
        infer_layout(data, image_shape, owner="Net")
