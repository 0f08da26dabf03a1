from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skdeepopt import CNNClassifier, CNNRegressor
from skdeepopt.nets import CompactCNN, LeNet300, ResidualCNN

SHORT = {"widths": (4, 8), "max_epochs": 2, "random_state": 0, "device": "cpu"}
COLOUR = np.random.default_rng(0).integers(0, 256, (40, 3, 9, 7)).astype(np.float32)
KINDS = np.arange(40) % 3


def bits(model, X):
    return model.predict_proba(X).tobytes()


GREY = {
    "flat": lambda images: images.reshape(60, 64),
    "channels first": lambda images: images[:, None],
    "channels last": lambda images: images[..., None],
    "DataFrame": lambda images: pd.DataFrame(images.reshape(60, 64)),
    "list of arrays": list,
    "list of nested lists": lambda images: images.tolist(),
    "list of tensors": lambda images: [torch.tensor(image) for image in images],
    "tensor": torch.tensor,
    "tensor with gradient": lambda images: torch.tensor(images, requires_grad=True),
    "bfloat16 tensor": lambda images: torch.tensor(images).bfloat16(),
    "float64": lambda images: images.astype(np.float64),
    "float16": lambda images: images.astype(np.float16),
    "int64": lambda images: images.astype(np.int64),
    "objects": lambda images: images.reshape(60, 64).astype(object),
    "Fortran order": np.asfortranarray,
    "backwards in memory": lambda images: images[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
}


@pytest.mark.parametrize("kind", GREY)
def test_the_same_images_in_any_form_give_the_same_answers(images, y, kind):
    expected = CNNClassifier(**SHORT).fit(images, y)
    given = GREY[kind](images)

    model = CNNClassifier(**SHORT).fit(given, y)

    assert bits(model, given) == bits(expected, images)
    assert bits(expected, GREY[kind](images)) == bits(expected, images)


def test_colour_channels_first_or_last_are_the_same_images():
    first = CNNClassifier(**SHORT).fit(COLOUR, KINDS)

    last = CNNClassifier(**SHORT, image_shape=(3, 9, 7)).fit(COLOUR.reshape(40, -1), KINDS)

    assert first.image_shape_ == last.image_shape_ == (3, 9, 7)
    assert bits(first, COLOUR) == bits(last, COLOUR)
    assert bits(first, COLOUR.transpose(0, 2, 3, 1)) == bits(first, COLOUR)


def test_training_on_channels_last_sees_the_same_pixels():
    first = CNNClassifier(**SHORT).fit(COLOUR, KINDS)

    last = CNNClassifier(**SHORT).fit(COLOUR.transpose(0, 2, 3, 1), KINDS)

    assert last.image_shape_ == (3, 9, 7)
    # The order of the samples depends on how their numbers lie in memory.
    torch.testing.assert_close(first.module_.standardize.mean, last.module_.standardize.mean)


@pytest.mark.parametrize(
    ("image_shape", "seen"),
    [(None, (1, 8, 8)), ((4, 16), (1, 4, 16)), ((1, 8, 8), (1, 8, 8)), ((4, 4, 4), (4, 4, 4))],
)
def test_flat_rows_become_images_of_the_shape_asked_for(X, y, image_shape, seen):
    model = CNNClassifier(**SHORT, image_shape=image_shape).fit(X, y)

    assert model.image_shape_ == seen


@pytest.mark.parametrize(("features", "seen"), [(36, (1, 6, 6)), (35, (1, 1, 35)), (1, (1, 1, 1))])
def test_flat_rows_are_squares_where_that_is_possible(X, y, features, seen):
    model = CNNClassifier(**SHORT).fit(X[:, :features], y)

    assert model.image_shape_ == seen


@pytest.mark.parametrize("architecture", ["compact", "residual", "mlp"])
def test_bytes_and_floats_of_the_same_values_give_the_same_answers(images, y, architecture):
    floats = CNNClassifier(architecture, **SHORT).fit(images, y)

    whole = CNNClassifier(architecture, **SHORT).fit(images.astype(np.uint8), y)

    expected = floats.decision_function(images)
    np.testing.assert_allclose(floats.decision_function(images.astype(np.uint8)), expected)
    # Bytes are hashed to another order of the samples, which is another draw of batches.
    assert whole.score(images, y) == whole.score(images.astype(np.uint8), y)
    torch.testing.assert_close(whole.module_.standardize.mean, floats.module_.standardize.mean)


def test_bytes_stay_bytes_in_memory(images, y):
    whole = images.astype(np.uint8)
    model = CNNClassifier(**SHORT).fit(whole, y)

    data = model._read_training(whole, y, None, reset=False)

    assert data.inputs.dtype == torch.uint8
    assert np.shares_memory(data.inputs.numpy(), whole)


@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize("architecture", ["compact", "lenet5", "lenet300", "mlp", "residual"])
def test_each_architecture_trains_on_colour(estimator, architecture):
    images = np.tile(COLOUR, (1, 1, 2, 3))

    model = estimator(architecture, max_epochs=1, random_state=0).fit(images, KINDS)

    assert model.predict(images).shape == (40,)


def test_the_network_standardizes_its_input(images, y):
    model = CNNClassifier(**SHORT).fit(images, y)

    standardized = model.module_.standardize(torch.tensor(images)[:, None])

    assert standardized.mean().item() == pytest.approx(0, abs=1e-5)
    assert standardized.std(correction=0).item() == pytest.approx(1, rel=1e-5)


def test_without_standardization_the_network_stands_alone(images, y):
    model = CNNClassifier(**SHORT, standardize=False).fit(images, y)

    assert isinstance(model.module_, CompactCNN)


def test_the_module_takes_raw_pixels_and_emits_logits(images, y):
    model = CNNClassifier(**SHORT).fit(images, y)

    with torch.inference_mode():
        logits = model.module_.eval()(torch.tensor(images)[:, None])

    np.testing.assert_allclose(logits, model.decision_function(images), rtol=1e-4, atol=1e-5)


def test_a_constant_image_is_no_division_by_zero(y):
    model = CNNClassifier(**SHORT).fit(np.full((60, 8, 8), 7, dtype=np.uint8), y)

    assert np.isfinite(model.decision_function(np.zeros((2, 8, 8)))).all()


def test_a_large_offset_does_not_matter(images, y):
    model = CNNClassifier(**{**SHORT, "max_epochs": 12}).fit(images + 1e5, y)

    assert model.score(images + 1e5, y) == 1


def test_widths_and_depth_reach_the_network(images, y):
    shallow = CNNClassifier(widths=(4,), max_epochs=1).fit(images, y)
    deep = CNNClassifier(widths=(4,), depth=3, max_epochs=1).fit(images, y)
    half = CNNClassifier("lenet300", widths=0.5, max_epochs=1).fit(images, y)
    residual = CNNClassifier("residual", widths=[4, 4], depth=2, max_epochs=1).fit(images, y)

    assert count(shallow, nn.Conv2d) == 1
    assert count(deep, nn.Conv2d) == 3
    assert isinstance(half.module_.network, LeNet300)
    assert [m.out_features for m in half.module_.modules() if isinstance(m, nn.Linear)] == [
        150, 50, 3,
    ]  # fmt: skip
    assert isinstance(residual.module_.network, ResidualCNN)
    assert len(residual.module_.network.blocks) == 4


def count(model, kind):
    return sum(isinstance(module, kind) for module in model.module_.modules())


def test_dropout_reaches_the_network_and_sleeps_at_predict(images, y):
    model = CNNClassifier(**SHORT, dropout=0.5).fit(images, y)

    assert [m.p for m in model.module_.modules() if isinstance(m, nn.Dropout)] == [0.5]
    assert bits(model, images) == bits(model, images)
