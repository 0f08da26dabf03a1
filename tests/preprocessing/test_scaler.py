from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepopt.preprocessing import _scaler
from skdeepopt.preprocessing._scaler import ImageScaler

COLOUR = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 5), dtype=np.uint8)
# One channel after the other at another brightness, so that a wrong axis shows.
COLOUR[:, 1] //= 2
COLOUR[:, 2] //= 4


@parametrize_with_checks([ImageScaler()])
def test_scikit_learns_own_checks_pass(estimator, check):
    check(estimator)


@given(arrays(np.uint8, st.tuples(*[st.integers(2, 6)] * 3)))
def test_scaling_back_gives_the_pixels_that_came_in(images):
    scaler = ImageScaler().fit(images)

    back = scaler.inverse_transform(scaler.transform(images))

    np.testing.assert_allclose(back, images, atol=1e-3)


@given(arrays(np.float64, (6, 3, 4, 4), elements=st.floats(-1e3, 1e3, width=32)))
def test_each_channel_gets_mean_0_and_deviation_1_or_never_varied(images):
    scaled = ImageScaler().fit_transform(images)

    deviations = scaled.std(axis=(0, 2, 3))
    varied = images.std(axis=(0, 2, 3)) > 1e-6
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(deviations[varied], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "channel_axis"),
    [(COLOUR, 1), (COLOUR.transpose(0, 2, 3, 1), 3), (COLOUR[:, :1], 1)],
)
def test_moments_are_those_of_numpy_over_the_other_axes(images, channel_axis):
    axes = tuple(axis for axis in range(4) if axis != channel_axis)

    scaler = ImageScaler().fit(images)

    np.testing.assert_allclose(scaler.mean_, images.mean(axes))
    np.testing.assert_allclose(scaler.var_, images.var(axes))
    np.testing.assert_allclose(scaler.scale_, images.std(axes))


def test_all_layouts_of_the_same_images_give_the_same_values():
    scaler = ImageScaler().fit(COLOUR)
    expected = scaler.transform(COLOUR)

    last = scaler.transform(COLOUR.transpose(0, 2, 3, 1))
    flat = scaler.transform(COLOUR.reshape(20, -1))

    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), expected)
    np.testing.assert_array_equal(flat.reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("image_shape", "images"),
    [((3, 6, 5), COLOUR), ((6, 5, 3), COLOUR.transpose(0, 2, 3, 1))],
)
def test_flat_rows_are_laid_out_as_image_shape_says(image_shape, images):
    flat = ImageScaler(image_shape).fit_transform(images.reshape(20, -1))

    expected = ImageScaler().fit_transform(images)
    np.testing.assert_array_equal(flat.reshape(images.shape), expected)


def test_parts_of_the_data_teach_what_the_whole_does():
    whole = ImageScaler().fit(COLOUR)

    parts = ImageScaler().partial_fit(COLOUR[:7]).partial_fit(COLOUR[7:])

    np.testing.assert_allclose(parts.mean_, whole.mean_)
    np.testing.assert_allclose(parts.var_, whole.var_)
    assert parts.n_samples_seen_ == whole.n_samples_seen_ == 20


def test_the_size_of_the_chunks_decides_nothing(monkeypatch):
    whole = ImageScaler().fit(COLOUR)
    monkeypatch.setattr(_scaler, "_CHUNK_VALUES", 200)

    chunked = ImageScaler().fit(COLOUR)

    np.testing.assert_allclose(chunked.var_, whole.var_, rtol=1e-12)


def test_a_large_offset_does_not_swallow_a_small_deviation():
    images = 1e6 + np.random.default_rng(0).normal(size=(50, 4, 4))

    scaler = ImageScaler().fit(images)

    assert scaler.scale_[0] == pytest.approx(images.std(), rel=1e-6)


def test_fitting_again_forgets_what_was_learned():
    scaler = ImageScaler().fit(COLOUR)

    scaler.fit(COLOUR[:5])

    np.testing.assert_array_equal(scaler.mean_, ImageScaler().fit(COLOUR[:5]).mean_)


@pytest.mark.parametrize(
    ("given_type", "returned"),
    [
        (np.uint8, np.float32),
        (np.int64, np.float32),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
    ],
)
def test_only_double_precision_comes_out_in_double_precision(given_type, returned):
    scaled = ImageScaler().fit_transform(COLOUR.astype(given_type))

    assert scaled.dtype == returned


def test_a_channel_that_never_varies_becomes_0():
    images = np.full((4, 2, 5, 5), 0.1)
    images[:, 1] = np.random.default_rng(0).normal(size=(4, 5, 5))

    scaler = ImageScaler().fit(images)

    assert scaler.scale_[0] == 1.0
    np.testing.assert_allclose(scaler.transform(images)[:, 0], 0, atol=1e-12)


def test_the_images_are_left_as_they_were():
    before = COLOUR.copy()

    ImageScaler().fit_transform(COLOUR)

    np.testing.assert_array_equal(COLOUR, before)


def test_a_list_of_images_is_read_like_the_array_of_them():
    np.testing.assert_array_equal(
        ImageScaler().fit_transform(list(COLOUR)), ImageScaler().fit_transform(COLOUR)
    )


def test_a_table_keeps_its_names():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(COLOUR.reshape(20, -1)).rename(columns="pixel{}".format)
    scaler = ImageScaler().set_output(transform="pandas")

    scaled = scaler.fit_transform(table)

    assert list(scaled.columns) == list(table.columns) == list(scaler.get_feature_names_out())


def test_a_copy_through_pickle_scales_the_same():
    scaler = ImageScaler((3, 6, 5)).fit(COLOUR)

    copy = pickle.loads(pickle.dumps(scaler))

    np.testing.assert_array_equal(copy.transform(COLOUR), scaler.transform(COLOUR))
    assert clone(scaler).get_params() == {"image_shape": (3, 6, 5)}


def test_it_stands_in_a_pipeline_before_an_estimator_of_rows():
    rows, y = COLOUR.reshape(20, -1), np.arange(20) % 2

    pipeline = make_pipeline(ImageScaler(), LogisticRegression()).fit(rows, y)

    assert pipeline.predict(rows).shape == (20,)


def test_memory_beyond_the_answer_stays_below_a_chunk(monkeypatch):
    images = np.zeros((2000, 50, 50), dtype=np.uint8)
    images[::2] = 1
    monkeypatch.setattr(_scaler, "_CHUNK_VALUES", 100_000)
    scaler = ImageScaler()
    tracemalloc.start()

    scaled = scaler.fit(images).transform(images)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < scaled.nbytes + 4 * 100_000 * 8


def test_another_number_of_channels_is_refused():
    scaler = ImageScaler().fit(COLOUR.reshape(20, 1, 6, 15))

    with pytest.raises(ValueError, match=r"fitted on images of 1 channels, not of 3"):
        scaler.transform(COLOUR)


def test_another_number_of_pixels_is_refused():
    with pytest.raises(ValueError, match="75 features, but ImageScaler is expecting 90"):
        ImageScaler().fit(COLOUR).transform(COLOUR[..., :5, :])


def test_an_unclear_channel_axis_is_refused_with_a_guess():
    with pytest.raises(ValueError, match=r"cannot tell the channel axis.*Did you mean 3-D X"):
        ImageScaler().fit(np.zeros((2, 8, 8, 8)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused(value):
    images = COLOUR.astype(np.float32)
    images[3, 1, 2, 2] = value

    with pytest.raises(ValueError, match=r"NaN|infinity"):
        ImageScaler().fit(images)


@pytest.mark.parametrize(
    ("image_shape", "error", "match"),
    [
        ("3x6x5", TypeError, "image_shape is None"),
        (28, TypeError, "image_shape is None"),
        ((3.0, 6, 5), TypeError, "image_shape is None"),
        ((90,), ValueError, "image_shape is None"),
        ((0, 90), ValueError, "image_shape is None"),
        ((28, 28), ValueError, "784 numbers an image, but X has 90"),
    ],
)
def test_an_impossible_image_shape_is_refused(image_shape, error, match):
    with pytest.raises(error, match=match):
        ImageScaler(image_shape).fit(COLOUR.reshape(20, -1))


def test_a_wrong_image_shape_gets_the_square_that_would_fit():
    with pytest.raises(ValueError, match=r"Did you mean \(3, 8, 8\)"):
        ImageScaler((3, 7, 7)).fit(np.zeros((2, 192)))


def test_no_images_are_refused():
    with pytest.raises(ValueError, match=r"at least one image, not X of shape \(0, 4, 4\)"):
        ImageScaler().fit(np.zeros((0, 4, 4)))
