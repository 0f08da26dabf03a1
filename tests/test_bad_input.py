"""What a user gets wrong, and what the message says about it."""

from __future__ import annotations

import copy
import importlib.util

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    ImageAugmenter,
    ImageScaler,
    NeuralClassifier,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    export,
    load,
    save,
)
from skdeepopt.exceptions import ModelFileError
from skdeepopt.nets import MLP

RANDOM = np.random.default_rng(0)
X = RANDOM.random((40, 64), dtype=np.float32)
Y = np.arange(40) % 3
NUMBERS = RANDOM.random(40)
LARGER = RANDOM.random((40, 256), dtype=np.float32)
SHORT = {"max_epochs": 1, "random_state": 0, "device": "cpu"}
FITTED = CNNClassifier(**SHORT).fit(X, Y)


def with_pixel(value):
    images = X.copy()
    images[3, 5] = value
    return images


def instead(value, where=0):
    return np.where(where == Y, value, 1.0)


def refused(action, parts):
    """The message of the ValueError or TypeError, which has all `parts`."""
    with pytest.raises((ValueError, TypeError)) as caught:
        action()
    message = str(caught.value)
    assert [part for part in parts if part not in message] == [], message
    return message


# Parameter, what it is not, and what the message must tell: what is allowed, or the likely slip.
PARAMETERS = [
    ("architecture", "resnet", "'residual'"),
    ("architecture", "lenet-5", "Did you mean 'lenet5'?"),
    ("architecture", "Compact", "Did you mean 'compact'?"),
    ("architecture", None, "one of 'compact'"),
    ("architecture", 3, "one of 'compact'"),
    ("architecture", nn.Linear, "one of 'compact'"),
    ("widths", (), "positive integers"),
    ("widths", (-1, 2), "positive integers"),
    ("widths", (0,), "positive integers"),
    ("widths", ("a", "b"), "positive integers"),
    ("widths", "16", "positive integers"),
    ("widths", (2.5, 3), "positive integers"),
    ("widths", (True,), "positive integers"),
    ("widths", {1: 2}, "positive integers"),
    ("widths", [[1, 2]], "positive integers"),
    ("widths", 0, "above 0"),
    ("widths", -0.5, "Did you mean 0.5?"),
    ("widths", True, "above 0"),
    ("widths", float("nan"), "above 0"),
    ("widths", float("inf"), "above 0"),
    ("depth", 0, "at least 1"),
    ("depth", -1, "Did you mean 1?"),
    ("depth", 2.0, "Did you mean 2?"),
    ("depth", "2", "an integer"),
    ("depth", True, "an integer"),
    ("image_shape", (8, 9), "Did you mean image_shape=(1, 8, 8)?"),
    ("image_shape", (3, 8, 8), "192 numbers"),
    ("image_shape", (0, 64), "at least 1"),
    ("image_shape", (-8, -8), "at least 1"),
    ("image_shape", (8.0, 8), "integers"),
    ("image_shape", ("8", "8"), "integers"),
    ("image_shape", (True, 64), "integers"),
    ("image_shape", "8x8", "(height, width)"),
    ("image_shape", 64, "(height, width)"),
    ("image_shape", (64,), "(height, width)"),
    ("image_shape", (1, 1, 8, 8), "(height, width)"),
    ("image_shape", [], "(height, width)"),
    ("image_shape", {8: 8}, "(height, width)"),
    ("standardize", "no", "Did you mean False?"),
    ("max_epochs", 0, "at least 1"),
    ("max_epochs", 1.5, "an integer"),
    ("max_epochs", 2.0, "Did you mean 2?"),
    ("max_epochs", True, "an integer"),
    ("max_epochs", "3", "an integer"),
    ("max_epochs", None, "an integer"),
    ("max_epochs", float("nan"), "an integer"),
    ("batch_size", 0, "at least 1"),
    ("batch_size", -1, "Did you mean 1?"),
    ("batch_size", 41, "40 samples"),
    ("batch_size", "Auto", "Did you mean 'auto'?"),
    ("batch_size", "16", "Did you mean 16?"),
    ("batch_size", 32.0, "Did you mean 32?"),
    ("batch_size", None, "an integer"),
    ("batch_size", True, "an integer"),
    ("optimizer", "AdamW", "Did you mean 'adamw'?"),
    ("optimizer", "sgdd", "Did you mean 'sgd'?"),
    ("optimizer", None, "one of 'adamw'"),
    ("optimizer", int, "torch.optim.Optimizer class"),
    ("optimizer", torch.optim.LBFGS, "LBFGS"),
    ("lr", 0, "above 0"),
    ("lr", -1, "Did you mean 1?"),
    ("lr", "0.1", "Did you mean 0.1?"),
    ("lr", float("nan"), "finite"),
    ("lr", float("inf"), "finite"),
    ("lr", True, "finite number"),
    ("lr", None, "finite number"),
    ("lr", [0.1], "finite number"),
    ("weight_decay", -1, "at least 0"),
    ("weight_decay", "a", "finite number"),
    ("weight_decay", float("nan"), "finite number"),
    ("schedule", "one_cycle", "Did you mean 'onecycle'?"),
    ("schedule", None, "one of 'onecycle'"),
    ("dropout", 1, "[0, 1)"),
    ("dropout", 50, "Did you mean 0.5?"),
    ("dropout", -0.1, "[0, 1)"),
    ("dropout", "a", "[0, 1)"),
    ("label_smoothing", 10, "Did you mean 0.1?"),
    ("label_smoothing", None, "[0, 1)"),
    ("augment", "shift", "ImageAugmenter"),
    ("augment", True, "ImageAugmenter"),
    ("augment", ImageAugmenter, "Did you mean ImageAugmenter()?"),
    ("augment", [ImageAugmenter()], "ImageAugmenter"),
    ("class_weight", "auto", "'balanced'"),
    ("class_weight", "Balanced", "Did you mean 'balanced'?"),
    ("class_weight", 3, "'balanced'"),
    ("class_weight", [1, 2, 3], "'balanced'"),
    ("class_weight", {9: 1.0}, "are not in class_weight"),
    ("class_weight", {0: -1.0, 1: 1.0, 2: 1.0}, "at least 0"),
    ("class_weight", {0: float("nan"), 1: 1, 2: 1}, "at least 0"),
    ("class_weight", {0: float("inf"), 1: 1, 2: 1}, "at least 0"),
    ("class_weight", {0: "a"}, "at least 0"),
    ("class_weight", {0: 0, 1: 0, 2: 0}, "above 0 for a class"),
    ("validation_fraction", 1, "[0, 1)"),
    ("validation_fraction", 20, "Did you mean 0.2?"),
    ("validation_fraction", -0.1, "[0, 1)"),
    ("validation_fraction", "a", "[0, 1)"),
    ("validation_fraction", True, "[0, 1)"),
    ("validation_fraction", 0.999, "at least 2 of 40"),
    ("early_stopping", "yes", "Did you mean True?"),
    ("early_stopping", None, "True or False"),
    ("n_iter_no_change", 0, "at least 1"),
    ("n_iter_no_change", 1.5, "an integer"),
    ("precision", "bf16", "Did you mean 'bfloat16'?"),
    ("precision", torch.bfloat16, "Did you mean 'bfloat16'?"),
    ("precision", None, "one of 'auto'"),
    ("device", "gpu", "Did you mean 'cuda'?"),
    ("device", "cuda:99", "'auto' or a torch device"),
    ("device", "cpu:x", "'auto' or a torch device"),
    ("device", "meta", "'auto' or a torch device"),
    ("device", "", "'auto' or a torch device"),
    ("device", None, "'auto' or a torch device"),
    ("device", 3, "'auto' or a torch device"),
    ("warm_start", "yes", "Did you mean True?"),
    ("callbacks", 3, "a list of skorch callbacks"),
    ("callbacks", "x", "a list of skorch callbacks"),
    ("callbacks", [None], "a list of skorch callbacks"),
    ("callbacks", {"a": 1}, "a list of skorch callbacks"),
    ("callbacks", Callback(), "Did you mean a list of it?"),
    ("verbose", "a", "an integer"),
    ("verbose", -1, "at least 0"),
    ("random_state", "a", "an integer in [0, 2**32)"),
    ("random_state", -1, "an integer in [0, 2**32)"),
    ("random_state", 1.5, "an integer in [0, 2**32)"),
    ("random_state", 2**40, "an integer in [0, 2**32)"),
    ("random_state", np.random.default_rng(0), "RandomState"),
]


@pytest.mark.parametrize(("name", "value", "told"), PARAMETERS)
def test_a_parameter_out_of_range_is_named_with_what_is_allowed(name, value, told):
    model = CNNClassifier(**SHORT).set_params(**{name: value})

    refused(lambda: model.fit(X, Y), ["CNNClassifier", name, told])
    assert not model.__sklearn_is_fitted__()


PRUNING = [
    ("pruning_ratio", 1.0, "[0, 1), not 1.0"),
    ("pruning_ratio", 30, "Did you mean 0.3?"),
    ("pruning_ratio", -0.1, "[0, 1)"),
    ("pruning_ratio", float("nan"), "[0, 1)"),
    ("pruning_ratio", "half", "[0, 1)"),
    ("pruning_ratio", None, "[0, 1)"),
    ("pruning_ratio", True, "[0, 1)"),
    ("granularity", "chanel", "Did you mean 'channel'?"),
    ("granularity", "Weight", "Did you mean 'weight'?"),
    ("granularity", "4:2", "Did you mean '2:4'?"),
    ("granularity", "2:0", "1 <= N < M"),
    ("granularity", "a:b", "1 <= N < M"),
    ("granularity", None, "'weight', 'channel', 'block'"),
    ("granularity", (2, 4), "such as '2:4'"),
    ("criterion", "magnitud", "Did you mean 'magnitude'?"),
    ("criterion", None, "'magnitude'"),
    ("criterion", 2, "'magnitude'"),
    ("scope", "flops", "'multiply_adds'"),
    ("scope", "Global", "Did you mean 'global'?"),
    ("schedule", "gradul", "Did you mean 'gradual'?"),
    ("schedule", None, "'one_shot'"),
    ("finetune_epochs", -1, "at least 0"),
    ("finetune_epochs", 2.0, "Did you mean 2?"),
    ("finetune_epochs", None, "an integer"),
    ("max_accuracy_drop", -0.01, "Did you mean 0.01?"),
    ("max_accuracy_drop", 2, "Did you mean 0.02?"),
    ("max_accuracy_drop", float("nan"), "finite"),
    ("max_accuracy_drop", "1 %", "finite number"),
    ("random_state", "zero", "an integer in [0, 2**32)"),
    ("random_state", -1, "an integer in [0, 2**32)"),
]


@pytest.mark.parametrize(("name", "value", "told"), PRUNING)
def test_a_parameter_of_pruning_out_of_range_is_named_before_any_training(name, value, told):
    model = PrunedEstimator(NeverFitted(), **{name: value})

    refused(lambda: model.fit(X, Y), [name, told])


class NeverFitted(CNNClassifier):
    def _fit_hooked(self, *_):
        raise AssertionError


PRUNING_TOGETHER = {
    "blocks layer by layer": (
        {"granularity": "block", "scope": "layer"},
        "not 'layer'. Did you mean 'global'?",
    ),
    "rigl on channels": ({"schedule": "rigl"}, "granularity 'weight', not 'channel'"),
    "variational on a pattern": (
        {"schedule": "variational", "granularity": "2:4"}, "granularity 'weight', not '2:4'",
    ),
    "rigl in a budget": (
        {"schedule": "rigl", "granularity": "weight", "max_accuracy_drop": 0.1},
        "trains no dense network",
    ),
    "rigl of a wrapper": (
        {"schedule": "rigl", "granularity": "weight", "estimator": PrunedEstimator(FITTED)},
        "unfitted estimator of this package, not PrunedEstimator",
    ),
    "rigl of a frozen base": (
        {"schedule": "rigl", "granularity": "weight", "estimator": FrozenEstimator(FITTED)},
        "unfitted estimator",
    ),
    "a pattern in a budget": (
        {"granularity": "2:4", "max_accuracy_drop": 0.1}, "a ratio of its own",
    ),
    "the norm of weights": (
        {"granularity": "weight", "criterion": "batch_norm"}, "Did you mean 'magnitude'?",
    ),
    "gradients without a training": (
        {"criterion": "taylor", "finetune_epochs": 0}, "at least 1 for criterion 'taylor'",
    ),
    "blocks of a network without": (
        {"granularity": "block", "estimator": FrozenEstimator(FITTED)}, "block",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRUNING_TOGETHER)
def test_parameters_of_pruning_that_do_not_go_together_are_refused(name):
    parameters, told = PRUNING_TOGETHER[name]
    model = PrunedEstimator(**{"estimator": NeverFitted()} | parameters)

    refused(lambda: model.fit(X, Y), [told])


BASES = {
    "another estimator": (LogisticRegression(), "CNNClassifier()"),
    "a class": (CNNClassifier, "Did you mean CNNClassifier()?"),
    "a class of nets": (NeuralNetClassifier, "Did you mean NeuralNetClassifier()?"),
    "a pipeline": (
        make_pipeline(ImageScaler(), CNNClassifier()),
        "Did you mean PrunedEstimator as the last step of the pipeline?",
    ),
    "a module": (MLP(4, 2), "Did you mean NeuralClassifier(module)?"),
    "a frozen one that is not fitted": (FrozenEstimator(CNNClassifier()), "has to be fitted"),
    "a frozen net that is not": (FrozenEstimator(NeuralNetClassifier(Ellipsis)), "to be fitted"),
    "another frozen one": (FrozenEstimator(LogisticRegression()), "CNNClassifier()"),
    "None": (None, "CNNClassifier()"),
    "a word": ("compact", "CNNClassifier()"),
}


@pytest.mark.parametrize("wrapper", [PackedEstimator, PrunedEstimator, QuantizedEstimator])
@pytest.mark.parametrize("name", BASES)
def test_what_cannot_be_compressed_is_refused(name, wrapper):
    base, told = BASES[name]

    with pytest.raises((TypeError, NotFittedError)) as caught:
        wrapper(base).fit(X, Y)

    assert f"{wrapper.__name__}.estimator is" in str(caught.value)
    assert told.replace("PrunedEstimator", wrapper.__name__) in str(caught.value)


OTHER_DATA = {
    "other classes": ((X, Y + 5), "[0, 1, 2], but y also has [5, 6, 7]"),
    "words for numbers": ((X, np.full(40, "a")), "but y also has ['a']"),
    "other features": ((X[:, :63], Y), "63 features, but CNNClassifier is expecting 64"),
    "NaN": ((with_pixel(np.nan), Y), "NaN"),
    "targets": ((X, NUMBERS), "CNNClassifier takes class labels"),
    "too few labels": ((X, Y[:30]), "[40, 30]"),
    "negative weights": ((X, Y, -np.ones(40)), "Negative values"),
}


@pytest.mark.parametrize("options", [{}, {"pruning_ratio": 0}, {"max_accuracy_drop": 0.1}], ids=str)
@pytest.mark.parametrize("name", OTHER_DATA)
def test_data_that_do_not_match_the_frozen_base_are_refused(name, options):
    data, told = OTHER_DATA[name]
    model = PrunedEstimator(FrozenEstimator(FITTED), **options)

    refused(lambda: model.fit(*data), [told])
    assert not model.__sklearn_is_fitted__()


QUANTIZATION = [
    ("scheme", "int16", "Did you mean 'int8'?"),
    ("scheme", "int1", "Did you mean 'binary'?"),
    ("scheme", "INT8", "Did you mean 'int8'?"),
    ("scheme", 8, "Did you mean 'int8'?"),
    ("scheme", "codebook9", "Did you mean 'codebook8'?"),
    ("scheme", None, "'ternary'"),
    ("method", "statik", "Did you mean 'static'?"),
    ("method", "qat", "'training'"),
    ("calibration", "max", "'minmax'"),
    ("calibration", None, "'percentile'"),
    ("calibration_samples", 0, "at least 1"),
    ("calibration_samples", 2.5, "an integer"),
    ("finetune_epochs", -1, "at least 0"),
    ("engine", "onnx", "Did you mean 'onnxruntime'?"),
    ("engine", None, "'openvino'"),
    ("max_accuracy_drop", 2, "Did you mean 0.02?"),
    ("max_accuracy_drop", float("nan"), "finite"),
    ("fallback", "yes", "Did you mean True?"),
    ("random_state", -1, "an integer in [0, 2**32)"),
]


@pytest.mark.parametrize(("name", "value", "told"), QUANTIZATION)
def test_a_parameter_of_quantization_out_of_range_is_named_before_any_training(name, value, told):
    model = QuantizedEstimator(NeverFitted(), **{name: value})

    refused(lambda: model.fit(X, Y), [name, told])


@pytest.mark.skipif(importlib.util.find_spec("openvino") is not None, reason="it is installed")
def test_an_engine_that_is_not_installed_is_named_with_what_installs_it():
    with pytest.raises(ImportError, match=r'pip install "skdeepopt\[openvino\]"'):
        QuantizedEstimator(NeverFitted(), engine="openvino").fit(X, Y)


@pytest.mark.parametrize("options", [{}, {"scheme": "int4"}, {"method": "training"}], ids=str)
@pytest.mark.parametrize("name", OTHER_DATA)
def test_data_that_do_not_match_the_frozen_base_are_not_calibrated_on(name, options):
    data, told = OTHER_DATA[name]
    model = QuantizedEstimator(FrozenEstimator(FITTED), **options)

    refused(lambda: model.fit(*data), [told])
    assert not model.__sklearn_is_fitted__()


@pytest.mark.parametrize("value", [0, 3])
def test_constant_images_are_calibrated_on(value):
    images = np.full_like(X, value)

    model = QuantizedEstimator(FrozenEstimator(FITTED), random_state=0).fit(images, Y)

    assert np.isfinite(model.predict_proba(images)).all()


def test_weights_that_are_not_finite_are_not_quantized():
    broken = copy.deepcopy(FITTED)
    with torch.no_grad():
        broken.module_.network.head.weight[0, 0] = torch.nan
    model = QuantizedEstimator(FrozenEstimator(broken))

    refused(lambda: model.fit(X, Y), ["QuantizedEstimator", "'network.head'", "NaN"])


def test_a_quantized_file_changed_by_a_byte_is_refused_or_answers_the_same(tmp_path):
    model = QuantizedEstimator(FrozenEstimator(FITTED), random_state=0).fit(X, Y)
    path = save(model, tmp_path / "model")
    whole, expected = bytearray(path.read_bytes()), model.predict_proba(X)

    for place in np.random.default_rng(0).integers(0, len(whole), 40):
        changed = whole.copy()
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            answers = load(path).predict_proba(X)
        except ModelFileError:
            continue
        np.testing.assert_array_equal(answers, expected)


def test_an_operation_that_cannot_be_exported_is_named_with_its_layer(tmp_path):
    model = NeuralClassifier(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GroupNorm(2, 8), nn.Linear(8, 3)), **SHORT
    ).fit(X, Y)

    refused(lambda: export(model, tmp_path / "model.onnx"), ["GroupNorm", "'2'"])
    assert not list(tmp_path.iterdir())


PACKING = [
    ("target_bytes", 0, "at least 1"),
    ("target_bytes", -1, "Did you mean 1?"),
    ("target_bytes", "x", "an integer"),
    ("target_bytes", "3000", "an integer"),
    ("target_bytes", 1.5, "an integer"),
    ("target_bytes", 3000.0, "Did you mean 3000?"),
    ("target_bytes", True, "an integer"),
    ("target_bytes", float("nan"), "an integer"),
    ("max_accuracy_drop", -0.01, "Did you mean 0.01?"),
    ("max_accuracy_drop", 2, "Did you mean 0.02?"),
    ("max_accuracy_drop", float("nan"), "finite"),
    ("max_accuracy_drop", "1 %", "finite number"),
    ("finetune_epochs", 0, "at least 1"),
    ("finetune_epochs", 2.0, "Did you mean 2?"),
    ("finetune_epochs", None, "an integer"),
    ("distillation", 2, "a share, in [0, 1]"),
    ("distillation", -0.5, "Did you mean 0.5?"),
    ("distillation", "half", "finite number"),
    ("random_state", "zero", "an integer in [0, 2**32)"),
    ("random_state", -1, "an integer in [0, 2**32)"),
]


@pytest.mark.parametrize(("name", "value", "told"), PACKING)
def test_a_parameter_of_packing_out_of_range_is_named_before_any_training(name, value, told):
    model = PackedEstimator(NeverTrained(), **{name: value})

    refused(lambda: model.fit(X, Y), ["PackedEstimator", name, told])


class NeverTrained(CNNClassifier):
    def fit(self, *_):
        raise AssertionError


@pytest.mark.parametrize("options", [{"target_bytes": 300}, {"max_accuracy_drop": 0.1}], ids=str)
@pytest.mark.parametrize("name", OTHER_DATA)
def test_data_that_do_not_match_the_frozen_base_are_not_packed_for(name, options):
    data, told = OTHER_DATA[name]
    model = PackedEstimator(FrozenEstimator(FITTED), **options)

    refused(lambda: model.fit(*data), [told])
    assert not model.__sklearn_is_fitted__()


@pytest.mark.parametrize("options", [{}, {"max_accuracy_drop": 0.1}], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name",
    ["network.head.weight", "network.head.bias", "network.features.1.weight",
     "network.features.1.running_var"],
)  # fmt: skip
def test_numbers_that_are_not_finite_are_not_packed(name, value, options):
    broken = copy.deepcopy(FITTED)
    broken.module_.state_dict()[name].view(-1)[0] = value
    model = PackedEstimator(FrozenEstimator(broken), **options)

    refused(lambda: model.fit(X, Y), ["PackedEstimator", f"'{name}'", "NaN", "lr"])


def test_a_target_that_is_too_small_is_told_with_what_was_reached():
    model = PackedEstimator(
        FrozenEstimator(FITTED), target_bytes=10, finetune_epochs=1, random_state=0
    )

    with pytest.warns(UserWarning, match="target_bytes is 10, and the smallest file") as caught:
        model.fit(X, Y)

    reached = model.packing_report_.after.size_bytes
    assert f"takes {reached:,}. Did you mean a base of fewer layers" in str(caught[0].message)
    assert model.size_bytes_ == reached


AUGMENTERS = [
    ("shift", 2, "Did you mean 0.02?"),
    ("shift", "a", "ratio"),
    ("rotation", -3, "Did you mean 3?"),
    ("rotation", float("nan"), "finite"),
    ("stretch", 1, "[0, 1)"),
    ("flip", "yes", "Did you mean True?"),
    ("cutout", 1, "[0, 1)"),
]


@pytest.mark.parametrize(("name", "value", "told"), AUGMENTERS)
def test_a_parameter_of_the_augmenter_out_of_range_is_named(name, value, told):
    model = CNNClassifier(augment=ImageAugmenter(**{name: value}), **SHORT)

    refused(lambda: model.fit(X, Y), ["ImageAugmenter", name, told])


@pytest.mark.parametrize(
    "augment",
    [
        lambda batch, generator: None,
        lambda batch, generator: batch[:1],
        lambda batch, generator: batch.double(),
        lambda batch, generator: batch.numpy(),
    ],
)
def test_an_augmentation_that_returns_no_such_batch_is_refused(augment):
    model = CNNClassifier(augment=augment, **SHORT)

    refused(lambda: model.fit(X, Y), ["augment returns a float32 batch", "(16, 1, 8, 8), not"])


IMAGES = {
    "NaN": (with_pixel(np.nan), "NaN"),
    "NaN in images": (with_pixel(np.nan).reshape(40, 8, 8), "NaN"),
    "infinite": (with_pixel(np.inf), "infinity"),
    "too large for float32": (X.astype(float) * 1e300, "too large for dtype('float32')"),
    "no samples": (X[:0], "0 sample(s)"),
    "no images": (X[:0].reshape(0, 8, 8), "at least one image"),
    "an empty list": ([], "Expected 2D array"),
    "one axis": (X[0], "Expected 2D array"),
    "a number": (3.0, "Expected 2D array"),
    "five axes": (X.reshape(40, 1, 1, 8, 8), "(40, 1, 1, 8, 8)"),
    "no features": (X[:, :0], "0 feature(s)"),
    "images without rows": (np.zeros((40, 0, 8)), "0 feature(s)"),
    "images without channels": (np.zeros((40, 0, 8, 8)), "0 feature(s)"),
    "rows of several lengths": ([[1, 2], [3]] * 20, "inhomogeneous"),
    "images of several sizes": ([np.zeros((8, 8)), np.zeros((7, 8))] * 20, "Did you forget"),
    "images of ragged rows": ([[[1, 2], [3]]] * 40, "rows are of one length"),
    "no channel axis": (np.zeros((40, 8, 8, 8)), "Did you mean 3-D X"),
    "sparse": (scipy.sparse.csr_matrix(X), "Sparse data"),
    "sparse tensor": (torch.tensor(X).to_sparse(), "to_dense"),
    "complex": (X.astype(complex), "Complex data"),
    "complex images": (X.reshape(40, 8, 8) * 1j, "Complex data"),
    "words": (np.full((40, 64), "a"), "could not convert string to float"),
    "objects": (np.full((40, 64), object()), "float() argument"),
    "None": (None, "Expected 2D array"),
    "a string": ("images", "could not convert string to float"),
    "a dict": ({"X": X}, "float() argument"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_that_cannot_be_trained_on_are_refused(name):
    images, told = IMAGES[name]

    refused(lambda: CNNClassifier(**SHORT).fit(images, Y), ["CNNClassifier", told])


LABELS = {
    "one class": (Y * 0, "at least 2 classes in y, not one class, [0]"),
    "continuous": (NUMBERS, "Did you mean CNNRegressor?"),
    "NaN": (np.where(Y == 0, np.nan, Y), "y contains NaN"),
    "infinite": (np.where(Y == 0, np.inf, Y), "y contains infinity"),
    "too few": (Y[:30], "[40, 30]"),
    "too many": (np.tile(Y, 2), "[40, 80]"),
    "one-hot": (np.eye(3, dtype=int)[Y], "1d array, got an array of shape (40, 3)"),
    "None": (None, "requires y to be passed"),
    "numbers and words": (np.array([1, "a"] * 20, dtype=object), "y.astype(str)"),
    "None among words": (np.array([None, "a"] * 20, dtype=object), "y.astype(str)"),
    "a word": ("abc", "1d array"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_none_are_refused(name):
    labels, told = LABELS[name]

    refused(lambda: CNNClassifier(**SHORT).fit(X, labels), ["CNNClassifier", told])


TARGETS = {
    "NaN": (np.where(Y == 0, np.nan, NUMBERS), "y contains NaN"),
    "infinite": (np.where(Y == 0, np.inf, NUMBERS), "y contains infinity"),
    "too large to square": (NUMBERS * 1e300, "Did you mean their logarithm?"),
    "words": (np.full(40, "a"), "could not convert string to float"),
    "complex": (NUMBERS * 1j, "Complex data"),
    "three axes": (np.zeros((40, 2, 2)), "dim"),
    "no columns": (np.zeros((40, 0)), "0 feature(s)"),
    "too few": (NUMBERS[:30], "[40, 30]"),
    "None": (None, "requires y to be passed"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_numbers_that_cannot_be_learned_are_refused(name):
    targets, told = TARGETS[name]

    refused(lambda: CNNRegressor(**SHORT).fit(X, targets), ["CNNRegressor", told])


WEIGHTS = {
    "negative": (instead(-1.0), "Negative values"),
    "NaN": (instead(np.nan), "sample_weight contains NaN"),
    "infinite": (instead(np.inf), "sample_weight contains infinity"),
    "all zero": (np.zeros(40), "at least one non-zero"),
    "one class left": ((Y == 0).astype(float), "not one class, [0]"),
    "too few": (np.ones(30), "expected (40,)"),
    "two axes": (np.ones((40, 2)), "1D array"),
    "a word": ("balanced", "could not convert string to float"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_none_are_refused(name):
    weight, told = WEIGHTS[name]

    refused(lambda: CNNClassifier(**SHORT).fit(X, Y, sample_weight=weight), ["CNNClassifier", told])


@pytest.mark.parametrize("weight", [np.full(40, 1e308), np.full(40, 1e-320), instead(1e200)])
def test_weights_at_the_ends_of_the_number_range_are_taken(weight):
    model = CNNClassifier(**SHORT).fit(X, Y, sample_weight=weight)

    assert np.isfinite(model.history_[0]["train_loss"])


COMBINATIONS = {
    "LeNet-5 on 8 x 8": (
        {"architecture": "lenet5"}, X, "at least 16 x 16 pixels, not 8 x 8. Did you mean",
    ),
    "LeNet-5 of two widths": (
        {"architecture": "lenet5", "widths": (1, 2)}, LARGER, "3 positive integers, not (1, 2)",
    ),
    "LeNet-5 with depth": (
        {"architecture": "lenet5", "depth": 2}, LARGER, "Did you mean depth=None?",
    ),
    "a network beyond memory": ({"widths": 1e9}, X, "cannot be built"),
    "an image shape for other images": (
        {"image_shape": (4, 16)}, X.reshape(40, 8, 8), "Did you mean image_shape=(8, 8)?",
    ),
    "early stopping without validation": (
        {"early_stopping": True, "validation_fraction": 0.0}, X, "validation_fraction is a ratio",
    ),
    "a batch of more than is left to train on": (
        {"batch_size": 33, "validation_fraction": 0.2}, X, "32 samples to train on, not 33",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMBINATIONS)
def test_parameters_that_do_not_go_together_are_refused(name):
    parameters, images, told = COMBINATIONS[name]
    model = CNNClassifier(**{**SHORT, **parameters})

    refused(lambda: model.fit(images, Y), ["CNNClassifier", told])


ASKED = {
    "other features": (X[:, :63], "63 features, but CNNClassifier is expecting 64"),
    "other sides": (X.reshape(40, 4, 16), "(4, 16), but CNNClassifier was fitted on (1, 8, 8)"),
    "NaN": (with_pixel(np.nan), "NaN"),
    "infinite": (with_pixel(np.inf), "infinity"),
    "no samples": (X[:0], "0 sample(s)"),
    "no images": (X[:0].reshape(0, 8, 8), "at least one image"),
    "one image without the axis of samples": (X[0].reshape(8, 8), "expecting 64"),
    "one axis": (X[0], "Expected 2D array"),
    "five axes": (X.reshape(40, 1, 1, 8, 8), "(40, 1, 1, 8, 8)"),
    "sparse": (scipy.sparse.csr_matrix(X), "Sparse data"),
    "words": (np.full((40, 64), "a"), "could not convert string to float"),
    "values that overflow on the way": (X * np.float32(3e38), "outputs are not numbers"),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("name", ASKED)
def test_images_that_cannot_be_answered_are_refused(name, method):
    images, told = ASKED[name]

    refused(lambda: getattr(FITTED, method)(images), ["CNNClassifier", told])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_nothing_is_answered_before_fit(method):
    with pytest.raises(NotFittedError, match="CNNClassifier"):
        getattr(CNNClassifier(), method)(X)


def test_nothing_is_finetuned_before_fit():
    with pytest.raises(NotFittedError, match="CNNClassifier"):
        CNNClassifier().finetune(X, Y, epochs=1)


FINETUNED = {
    "a new label": ({"y": Y + 1}, "[0, 1, 2], but y also has [3]"),
    "words for numbers": ({"y": np.full(40, "a")}, "but y also has ['a']"),
    "other features": ({"X": X[:, :9]}, "expecting 64"),
    "negative weights": ({"sample_weight": -np.ones(40)}, "Negative values"),
    "negative epochs": ({"epochs": -1}, "finetune.epochs is an integer of at least 0"),
    "half an epoch": ({"epochs": 0.5}, "finetune.epochs is an integer"),
    "a true epoch": ({"epochs": True}, "finetune.epochs is an integer"),
    "no rate": ({"lr": 0}, "finetune.lr is a finite number above 0"),
    "a rate in words": ({"lr": "0.1"}, "Did you mean 0.1?"),
}


@pytest.mark.parametrize("name", FINETUNED)
def test_finetune_refuses_what_fit_refuses(name):
    arguments, told = FINETUNED[name]

    refused(
        lambda: FITTED.finetune(**{"X": X, "y": Y, "epochs": 1} | arguments),
        ["CNNClassifier", told],
    )


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", "x"), ("callbacks", 3), ("schedule", "x"), ("lr", "x")]
)
def test_finetune_checks_parameters_that_were_set_since(name, value):
    model = CNNClassifier(**SHORT).fit(X, Y).set_params(**{name: value})

    refused(lambda: model.finetune(X, Y), [f"CNNClassifier.{name}"])


CHUNKS = {
    "a label that was not announced": (Y + 1, None, "but y also has [3]. Did you mean partial_fit"),
    "other classes": (Y, [0, 1, 2, 3], "the same classes each time, [0, 1, 2], not [0, 1, 2, 3]"),
    "words for numbers": (np.full(40, "a"), None, "but y also has ['a']"),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_a_later_chunk_brings_nothing_new(name):
    labels, classes, told = CHUNKS[name]
    model = CNNClassifier(**SHORT).partial_fit(X, Y)

    refused(lambda: model.partial_fit(X, labels, classes=classes), ["CNNClassifier", told])


@pytest.mark.parametrize(
    ("classes", "told"),
    [([0, 1], "also has [2]"), ([0, 1, 2.5], "CNNRegressor"), ("abc", "class labels"), ([0], "2")],
)
def test_announced_classes_that_do_not_fit_are_refused(classes, told):
    labels = Y * 0 if classes == [0] else Y
    model = CNNClassifier(**SHORT)

    refused(lambda: model.partial_fit(X, labels, classes=classes), ["CNNClassifier", told])


def test_a_regressor_keeps_its_number_of_targets():
    model = CNNRegressor(**SHORT).partial_fit(X, NUMBERS)

    refused(
        lambda: model.partial_fit(X, np.stack([NUMBERS, NUMBERS], 1)),
        ["CNNRegressor was fitted on 1 target columns, but y has 2"],
    )


class Net(nn.Module):
    """Linear layer whose answer a subclass spoils."""

    def __init__(self, n_outputs=3, hidden=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, hidden), nn.Linear(hidden, n_outputs))

    def forward(self, inputs):
        return self.spoiled(self.layers(inputs))

    def spoiled(self, outputs):
        return outputs


class Raises(Net):
    def spoiled(self, outputs):
        raise KeyError("layer")


class Several(Net):
    def spoiled(self, outputs):
        return outputs, 1


class Whole(Net):
    def spoiled(self, outputs):
        return outputs.long()


class Constant(nn.Module):
    def forward(self, inputs):
        return torch.zeros(len(inputs), 3)


MODULES = {
    "None": (None, {}, "a torch.nn.Module class, a factory or an instance, not None"),
    "a word": ("mlp", {}, "a torch.nn.Module class, a factory or an instance, not 'mlp'"),
    "a factory of numbers": (lambda: 3, {}, "makes a torch.nn.Module, not a int"),
    "a factory of more arguments": (lambda depth: Net(), {}, "given as module__name"),
    "an unknown argument": (Net, {"module__foo": 1}, "unexpected keyword argument 'foo'"),
    "a wrong argument": (Net, {"module__hidden": "a"}, "cannot be built with"),
    "a negative size": (Net, {"module__hidden": -3}, "cannot be built"),
    "arguments for an instance": (Net(), {"module__hidden": 3}, "Did you mean its class?"),
    "too many outputs": (Net(5), {}, "shape (2, 3), not (2, 5)"),
    "several outputs": (Several, {}, "not a tuple"),
    "whole numbers": (Whole, {}, "not (2, 3) of torch.int64"),
    "an error of its own": (Raises, {}, "cannot take inputs of shape (2, 64): KeyError: 'layer'"),
    "another kind of layer": (nn.Conv2d(1, 3, 3), {}, "cannot take inputs of shape (2, 64)"),
    "no forward": (nn.Module, {}, "cannot take inputs of shape"),
    "nothing to train": (Constant, {}, "optimizer got an empty parameter list"),
    "a misspelled parameter": (Net, {"max_epoch": 1}, "Did you mean 'max_epochs'?"),
    "an argument without prefix": (Net, {"hidden": 1}, "Did you mean module__hidden?"),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_cannot_be_trained_is_refused(name):
    module, arguments, told = MODULES[name]
    model = NeuralClassifier(module, **SHORT, **arguments)

    refused(lambda: model.fit(X, Y), ["NeuralClassifier", told])


def test_inputs_that_the_module_cannot_take_are_named_by_shape():
    model = NeuralClassifier(Net, **SHORT)

    refused(lambda: model.fit(X[:, :9], Y), ["Net cannot take inputs of shape (2, 9)"])


def test_setting_an_unknown_parameter_lists_the_known_ones():
    refused(lambda: NeuralClassifier().set_params(foo=1), ["foo", "max_epochs"])


@pytest.mark.parametrize("method", ["fit", "partial_fit", "finetune"])
def test_what_was_refused_leaves_the_earlier_fit(method):
    model = CNNClassifier(**SHORT).fit(X, Y)
    before = model.predict_proba(X)

    with pytest.raises(ValueError, match="NaN"):
        getattr(model, method)(with_pixel(np.nan), Y)

    assert model.predict_proba(X).tobytes() == before.tobytes()
