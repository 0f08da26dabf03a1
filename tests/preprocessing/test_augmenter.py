from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skdeepopt.preprocessing._augmenter import ImageAugmenter

IMAGES = torch.rand(200, 2, 12, 10, generator=torch.Generator().manual_seed(0)) + 0.5
FULL = ImageAugmenter(rotation=20, shift=0.2, stretch=0.1, flip=True, cutout=0.3)
SHARES = st.floats(0, 0.9)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def centres(images):
    """Place of the one bright pixel of each image, (n_samples, 2)."""
    return (
        images[:, 0].flatten(1).argmax(1).unsqueeze(1)
        // torch.tensor([images.shape[3], 1])
        % (torch.tensor(images.shape[2:]))
    )


def test_no_change_is_the_identity():
    assert ImageAugmenter()(IMAGES, seeded()) is IMAGES


@given(st.floats(0, 90), SHARES, SHARES, st.booleans(), SHARES)
@settings(max_examples=30, deadline=None)
def test_shape_type_and_input_are_kept(rotation, shift, stretch, flip, cutout):
    augmenter = ImageAugmenter(
        rotation=rotation, shift=shift, stretch=stretch, flip=flip, cutout=cutout
    )
    before = IMAGES.clone()

    changed = augmenter.check()(IMAGES, seeded())

    assert changed.shape == IMAGES.shape
    assert changed.dtype == IMAGES.dtype
    assert torch.isfinite(changed).all()
    assert torch.equal(IMAGES, before)


def test_the_same_generator_gives_the_same_images():
    assert torch.equal(FULL(IMAGES, seeded(3)), FULL(IMAGES, seeded(3)))
    assert not torch.equal(FULL(IMAGES, seeded(3)), FULL(IMAGES, seeded(4)))


def test_the_global_generator_is_not_used():
    before = torch.get_rng_state()

    FULL(IMAGES, seeded())

    assert torch.get_rng_state().equal(before)


def test_each_image_gets_its_own_change():
    same = IMAGES[:1].repeat(50, 1, 1, 1)

    changed = FULL(same, seeded())

    assert len(changed.flatten(1).unique(dim=0)) > 40


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.5])
def test_a_shift_moves_a_pixel_by_at_most_the_share(shift):
    images = torch.zeros(500, 1, 13, 11)
    images[:, 0, 6, 5] = 1

    moved = ImageAugmenter(shift=shift)(images, seeded())

    seen = centres(moved[moved.amax((1, 2, 3)) > 0]) - torch.tensor([6, 5])
    most = torch.tensor([int(shift * 13), int(shift * 11)])
    assert (seen.abs() <= most).all()
    assert (seen.abs().amax(0) == most).all()
    assert (moved.sum((1, 2, 3)) == 1).all()


def test_a_shift_brings_in_zeros():
    moved = ImageAugmenter(shift=0.3)(IMAGES, seeded())

    assert (moved == 0).any()
    assert set(moved[moved > 0].tolist()) <= set(IMAGES.flatten().tolist())


def test_a_shift_below_one_pixel_is_none():
    assert torch.equal(ImageAugmenter(shift=0.05)(IMAGES, seeded()), IMAGES)


@pytest.mark.parametrize("other", [{}, {"stretch": 1e-9}])
def test_a_flip_mirrors_about_half_of_the_images(other):
    flipped = ImageAugmenter(flip=True, **other)(IMAGES, seeded())

    kept = (flipped - IMAGES).abs().amax((1, 2, 3)) < 1e-4
    mirrored = (flipped - IMAGES.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    assert (kept ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_flipping_the_flipped_is_a_flip():
    twice = ImageAugmenter(flip=True)(ImageAugmenter(flip=True)(IMAGES, seeded(1)), seeded(2))

    same = (twice == IMAGES).flatten(1).all(1)
    mirrored = (twice == IMAGES.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cutout_blanks_at_most_its_square(share):
    cut = ImageAugmenter(cutout=share)(IMAGES, seeded())

    blank = cut == 0
    rows, columns = blank.any(3).sum(2).amax(1), blank.any(2).sum(2).amax(1)
    assert torch.equal(blank[:, 0], blank[:, 1])
    assert rows.max() <= np.ceil(share * 12)
    assert columns.max() <= np.ceil(share * 10)
    assert torch.equal(blank[:, 0].sum((1, 2)), rows * columns)
    assert torch.equal(cut[~blank], IMAGES[~blank])


def test_without_turning_a_rotation_of_nearly_zero_is_the_identity():
    turned = ImageAugmenter(rotation=1e-6)(IMAGES, seeded())

    torch.testing.assert_close(turned, IMAGES, atol=1e-4, rtol=0)


def test_a_rotation_keeps_distances_on_oblong_images():
    images = torch.zeros(300, 1, 41, 21)
    images[:, 0, 20 - 8, 10] = 1

    turned = ImageAugmenter(rotation=90)(images, seeded())

    distance = (centres(turned) - torch.tensor([20, 10])).float().norm(dim=1)
    assert ((distance - 8).abs() < 1.5).all()
    assert centres(turned)[:, 1].max() > 15


def test_a_stretch_moves_pixels_in_proportion_to_their_distance():
    images = torch.zeros(300, 1, 41, 41)
    images[:, 0, 20, 30] = 1

    stretched = ImageAugmenter(stretch=0.3)(images, seeded())

    across = (centres(stretched)[:, 1] - 20).float()
    assert (centres(stretched)[:, 0] - 20).abs().max() <= 1
    assert across.min() >= 10 / 1.3 - 1
    assert across.max() <= 10 / 0.7 + 1
    assert across.max() - across.min() > 4


def test_parameters_are_those_of_a_scikit_learn_estimator():
    assert clone(FULL).get_params() == FULL.get_params()
    assert FULL.check() is FULL
    assert ImageAugmenter().set_params(shift=0.2).shift == 0.2
    assert repr(ImageAugmenter(shift=0.1)) == "ImageAugmenter(shift=0.1)"
