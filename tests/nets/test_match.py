from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from skdeepopt.nets import MatchInput

SIDES = st.integers(1, 40)
WIDE = st.integers(2, 40)
"""To one column, torch 2.13 resizes the rows wrongly."""
CHANNELS = st.sampled_from([(1, 1), (1, 3), (3, 3), (3, 1), (1, 2), (4, 4)])


def resized(images, shape):
    return interpolate(images, shape[1:], mode="bilinear", antialias=True, align_corners=False)


def grey(images):
    red, green, blue = images.split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


@settings(max_examples=60, deadline=None)
@given(channels=CHANNELS, sides=st.tuples(SIDES, SIDES, SIDES, WIDE), seed=st.integers(0, 99))
def test_images_come_out_as_channels_then_torchs_resize_then_scale_and_shift(channels, sides, seed):
    generator = torch.Generator().manual_seed(seed)
    (given_channels, wanted), (height, width, *to) = channels, sides
    match = MatchInput((given_channels, height, width), (wanted, *to))
    match.scale.copy_(torch.rand(match.scale.shape, generator=generator) + 0.5)
    match.shift.copy_(torch.randn(match.shift.shape, generator=generator))
    images = torch.rand(3, given_channels, height, width, generator=generator)

    matched = match(images)

    colours = grey(images) if channels == (3, 1) else images
    expected = resized(colours, (wanted, *to)).expand(-1, wanted, -1, -1)
    assert matched.shape == (3, wanted, *to)
    torch.testing.assert_close(matched, expected * match.scale + match.shift, rtol=0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(sides=st.tuples(SIDES, SIDES, SIDES, SIDES), seed=st.integers(0, 99))
def test_rows_and_columns_are_resized_apart_and_alike(sides, seed):
    height, width, down, across = sides
    images = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(seed))

    at_once = MatchInput((1, height, width), (1, down, across))(images)

    rows_first = MatchInput((1, height, width), (1, down, width))(images)
    apart = MatchInput((1, down, width), (1, down, across))(rows_first)
    mirrored = MatchInput((1, width, height), (1, across, down))(images.mT).mT
    torch.testing.assert_close(at_once, apart, rtol=0, atol=1e-6)
    torch.testing.assert_close(at_once, mirrored, rtol=0, atol=1e-6)


@given(shape=st.tuples(st.integers(1, 4), SIDES, SIDES))
@settings(max_examples=20, deadline=None)
def test_images_of_the_same_shape_stay_as_they_are_to_the_last_bit(shape):
    images = torch.rand(2, *shape)

    assert torch.equal(MatchInput(shape, shape)(images), images)


@given(sides=st.tuples(SIDES, SIDES, SIDES, SIDES), level=st.floats(-1, 1, width=32))
@settings(max_examples=30, deadline=None)
def test_an_image_of_one_colour_keeps_it(sides, level):
    height, width, *to = sides

    matched = MatchInput((1, height, width), (3, *to))(torch.full((1, 1, height, width), level))

    torch.testing.assert_close(matched, torch.full((1, 3, *to), level), rtol=0, atol=1e-5)


def test_memory_order_changes_no_number():
    match, images = MatchInput((3, 32, 32), (3, 28, 28)), torch.rand(4, 3, 32, 32)

    as_they_lie = match(images.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(as_they_lie, match(images), rtol=0, atol=1e-6)


def test_autocast_rounds_no_pixel():
    match, images = MatchInput((1, 8, 8), (1, 28, 28)), 255 * torch.rand(4, 1, 8, 8)

    with torch.autocast("cpu", torch.bfloat16):
        matched = match(images)

    assert matched.dtype == torch.float32
    assert torch.equal(matched, match(images))


def test_whole_numbers_and_half_precision_come_out_in_float32():
    match, images = MatchInput((1, 8, 8), (1, 4, 4)), torch.randint(0, 256, (2, 1, 8, 8))

    expected = match(images.float())

    assert torch.equal(match(images.to(torch.uint8)), expected)
    assert torch.equal(match(images.to(torch.bfloat16)), expected)


def test_a_state_holds_scale_and_shift_alone():
    match = MatchInput((3, 32, 32), (1, 28, 28))

    assert list(match.state_dict()) == ["scale", "shift"]
    assert list(match.parameters()) == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_matches_alike(copied):
    match, images = MatchInput((3, 32, 32), (1, 28, 28)), torch.rand(2, 3, 32, 32)

    assert torch.equal(copied(match)(images), match(images))


@pytest.mark.parametrize(
    ("image_shape", "source_shape"),
    [((2, 8, 8), (1, 8, 8)), ((3, 8, 8), (4, 8, 8)), ((4, 8, 8), (3, 8, 8))],
)
def test_channels_that_cannot_be_matched_are_named_on_both_sides(image_shape, source_shape):
    with pytest.raises(ValueError, match="MatchInput takes images") as caught:
        MatchInput(image_shape, source_shape)

    assert str(image_shape) in str(caught.value)
    assert str(source_shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 0, 8), (1, 8, 8, 1), (1, 8.0, 8)])
def test_what_is_no_shape_of_images_is_refused_by_name(shape):
    with pytest.raises(ValueError, match=r"MatchInput.image_shape is \(channels, height, width\)"):
        MatchInput(shape, (1, 8, 8))
    with pytest.raises(ValueError, match=r"MatchInput.source_shape is"):
        MatchInput((1, 8, 8), shape)


@pytest.mark.parametrize("shape", [8, "188", None])
def test_what_is_no_sequence_is_a_type_error(shape):
    with pytest.raises(TypeError, match=r"MatchInput\.image_shape is"):
        MatchInput(shape, (1, 8, 8))
