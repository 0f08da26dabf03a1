from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from skdeepopt.formats._scaling import scaling_of
from skdeepopt.preprocessing import ImageScaler

STEPS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-2, 3)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
]


def scaled(scaling, inputs):
    outputs = (inputs - scaling.shift) / scaling.scale
    return outputs if scaling.bounds is None else outputs.clip(*scaling.bounds)


@pytest.mark.parametrize("step", STEPS, ids=repr)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_rows_are_scaled_as_the_step_scales_them(step, seed):
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(20, 4)) * [1, 10, 0.1, 0] + [0, 5, -1, 2]
    new = draw.normal(size=(5, 4)).astype(np.float32) * 7
    step.fit(rows)

    answers = scaled(scaling_of("scale", step, (4,)), new)

    np.testing.assert_allclose(answers, step.transform(new), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 8, 6), (8, 6, 3), (48,)])
def test_images_are_scaled_as_the_step_scales_them(shape):
    images = np.random.default_rng(0).random((9, *shape)).astype(np.float32)
    step = ImageScaler().fit(images)

    answers = scaled(scaling_of("scale", step, shape), images)

    np.testing.assert_allclose(answers, step.transform(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("image_shape", [(3, 8, 6), (8, 6, 3)])
def test_rows_of_an_image_are_scaled_channel_by_channel(image_shape):
    rows = np.random.default_rng(0).random((9, 144)).astype(np.float32)
    step = ImageScaler(image_shape).fit(rows)

    answers = scaled(scaling_of("scale", step, (144,)), rows)

    np.testing.assert_allclose(answers, step.transform(rows), rtol=1e-5, atol=1e-5)


def test_a_channel_is_one_number_and_not_a_number_a_pixel():
    step = ImageScaler().fit(np.random.default_rng(0).random((9, 3, 8, 8)))

    assert scaling_of("scale", step, (3, 8, 8)).shift.shape == (3, 1, 1)


def test_the_inverse_undoes_it():
    step = StandardScaler().fit(np.random.default_rng(0).normal(3, 2, (20, 4)))
    scaling = scaling_of("scale", step, (4,))
    rows = np.random.default_rng(1).normal(size=(5, 4))

    np.testing.assert_allclose(scaled(scaling, scaling.inverse(rows)), rows, atol=1e-5)


def test_a_step_that_cannot_be_written_is_named():
    step = RobustScaler().fit(np.zeros((3, 4)))

    with pytest.raises(ValueError, match=r"step 'robust' is a RobustScaler\. Did you mean"):
        scaling_of("robust", step, (4,))


def test_a_step_that_changes_a_known_one_is_not_taken_for_it():
    class Squared(StandardScaler):
        def transform(self, X, copy=None):
            return super().transform(X) ** 2

    with pytest.raises(ValueError, match="is a Squared"):
        scaling_of("squared", Squared().fit(np.zeros((3, 4))), (4,))
