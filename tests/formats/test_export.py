from __future__ import annotations

import copy
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdeepopt.engines import OnnxRuntimeEngine
from skdeepopt.estimators import CNNClassifier, NeuralClassifier
from skdeepopt.formats import export
from skdeepopt.formats._export import _FORMATS
from skdeepopt.layers._trace import folded, traced
from skdeepopt.lowering import to_onnx
from skdeepopt.meta import PrunedEstimator


def needs(name):
    missing = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")


FORMATS = [
    "onnx",
    "torchscript",
    pytest.param("openvino", marks=needs("openvino")),
    pytest.param("torch", marks=pytest.mark.slow),
    pytest.param("executorch", marks=[pytest.mark.slow, needs("executorch")]),
]

each_format = pytest.mark.parametrize("form", FORMATS)


def exported(tmp_path, estimator, form, **options):
    return export(estimator, tmp_path / f"model{_FORMATS[form].suffix}", form, **options)


def answers(path, form, inputs):
    return _FORMATS[form].run(path, inputs)


@each_format
def test_a_classifiers_file_answers_as_it_does(form, tmp_path, classifier, images):
    path = exported(tmp_path, classifier, form)

    given = answers(path, form, images[:7, None])

    assert np.array_equal(given["label"], classifier.predict(images[:7]))
    np.testing.assert_allclose(
        given["probabilities"], classifier.predict_proba(images[:7]), atol=1e-5
    )


@each_format
def test_a_regressors_file_answers_in_the_units_of_the_targets(form, tmp_path, regressor, images):
    path = exported(tmp_path, regressor, form)

    given = answers(path, form, images[:7, None])

    np.testing.assert_allclose(given["prediction"], regressor.predict(images[:7]), rtol=1e-5)


@each_format
def test_a_pipelines_file_takes_raw_rows(form, tmp_path, pipeline, X):
    path = exported(tmp_path, pipeline, form)
    raw = X[:7] * 1.5 - 3  # Some of it beyond the bounds of the fit.

    given = answers(path, form, raw)

    assert np.array_equal(given["label"], pipeline.predict(raw))
    np.testing.assert_allclose(given["probabilities"], pipeline.predict_proba(raw), atol=1e-5)


@each_format
def test_a_pipeline_of_images_and_two_targets_is_one_graph(form, tmp_path, image_pipeline, images):
    path = exported(tmp_path, image_pipeline, form, X=images)

    given = answers(path, form, images[:7])

    expected = image_pipeline.predict(images[:7])
    np.testing.assert_allclose(given["prediction"], expected, rtol=1e-4, atol=1e-4)


@each_format
def test_string_labels_come_back_or_their_places_do(form, tmp_path, named, images):
    path = exported(tmp_path, named, form)

    label = answers(path, form, images[:7, None])["label"]

    expected = named.predict(images[:7])
    given = label if form == "onnx" else named.classes_[label]
    assert np.array_equal(given, expected)


@pytest.mark.parametrize(
    "labels", [np.array([3, -5, 9]), np.array([0.0, 4.0, -1.0]), np.array([7, 1, 2], np.uint8)]
)
def test_labels_of_any_number_type_come_back(labels, tmp_path, images, y):
    model = CNNClassifier(max_epochs=1, random_state=0).fit(images, labels[y])
    path = export(model, tmp_path / "model.onnx")

    assert np.array_equal(
        answers(path, "onnx", images[:7, None])["label"], model.predict(images[:7])
    )


def test_boolean_labels_come_back(tmp_path, images, y):
    model = CNNClassifier(max_epochs=1, random_state=0).fit(images, y == 1)
    path = export(model, tmp_path / "model.onnx")

    label = answers(path, "onnx", images[:7, None])["label"]

    assert label.dtype == bool
    assert np.array_equal(label, model.predict(images[:7]))


@pytest.mark.parametrize(
    "seen",
    [
        lambda images: images,
        lambda images: images[:, None],
        lambda images: images[..., None],
        lambda images: images.reshape(60, 64),
        lambda images: images.astype(np.uint8),
        lambda images: images.astype(np.float64),
        lambda images: torch.from_numpy(images.copy()),
    ],
)
def test_the_file_takes_samples_in_the_shape_that_x_has(seen, tmp_path, classifier, images):
    X = seen(images)
    path = export(classifier, tmp_path / "model.onnx", X=X)
    session = onnxruntime.InferenceSession(path)
    kind = np.uint8 if X.dtype == np.uint8 else np.float32

    (label, _) = session.run(None, {"inputs": np.asarray(X).astype(kind)})

    assert session.get_inputs()[0].shape == ["N", *X.shape[1:]]
    assert np.array_equal(label, classifier.predict(X))


def test_colour_images_with_channels_last_in_rows_are_laid_out_as_in_fit(tmp_path, y):
    drawn = np.random.default_rng(0).random((60, 8 * 8 * 3), np.float32)
    model = CNNClassifier(max_epochs=1, random_state=0, image_shape=(8, 8, 3)).fit(drawn, y)
    path = export(model, tmp_path / "model.onnx", X=drawn)

    given = answers(path, "onnx", drawn)

    np.testing.assert_allclose(given["probabilities"], model.predict_proba(drawn), atol=1e-5)


def test_a_table_makes_a_file_that_takes_rows(tmp_path, y):
    table = np.random.default_rng(0).normal(size=(60, 5))
    model = NeuralClassifier(max_epochs=1, random_state=0).fit(table, y)

    path = export(model, tmp_path / "model.onnx")

    assert onnxruntime.InferenceSession(path).get_inputs()[0].shape == ["N", 5]


def test_any_number_of_samples_and_none_are_answered(tmp_path, classifier, images):
    path = export(classifier, tmp_path / "model.onnx")
    run = onnxruntime.InferenceSession(path).run

    sizes = [
        len(run(None, {"inputs": np.repeat(images[:1, None], n, axis=0)})[0]) for n in (1, 2, 500)
    ]

    assert sizes == [1, 2, 500]


@pytest.fixture
def halved(classifier):
    """Answers through an engine, with half of the logits that its module gives."""
    graph = folded(traced(nn.Sequential(classifier.module_, Halved()), owner="test"))
    model = copy.deepcopy(classifier)
    model._answer_through(OnnxRuntimeEngine(to_onnx(graph, (1, 8, 8)), threads=1))
    return model


class Halved(nn.Module):
    def forward(self, inputs):
        return inputs / 2


def test_the_file_holds_the_model_that_answers_in_the_modules_place(tmp_path, halved, images):
    path = export(halved, tmp_path / "model.onnx")

    scores = answers(path, "onnx", images[:, None])["probabilities"]

    np.testing.assert_allclose(scores, halved.predict_proba(images), atol=1e-5)


def test_an_estimators_own_model_goes_before_its_engines(
    tmp_path, halved, classifier, images, monkeypatch
):
    own = to_onnx(folded(traced(classifier.module_, owner="test")), (1, 8, 8))
    monkeypatch.setattr(halved, "_onnx_bytes", lambda: own, raising=False)
    halved.net_.engine_ = None

    path = export(halved, tmp_path / "model.onnx")

    scores = answers(path, "onnx", images[:, None])["probabilities"]
    np.testing.assert_allclose(scores, classifier.predict_proba(images), atol=1e-5)


def test_a_pruned_estimator_is_exported(tmp_path, classifier, images, y):
    model = PrunedEstimator(FrozenEstimator(classifier), random_state=0, finetune_epochs=0)
    model.fit(images, y)

    path = export(model, tmp_path / "model.onnx")

    label = answers(path, "onnx", images[:, None])["label"]
    assert np.array_equal(label, model.predict(images))


def test_the_estimator_is_left_as_it_was(tmp_path, classifier, images):
    before = classifier.predict_proba(images)
    state = {name: value.clone() for name, value in classifier.module_.state_dict().items()}
    modes = [part.training for part in classifier.module_.modules()]

    export(classifier, tmp_path / "model.onnx")

    assert np.array_equal(classifier.predict_proba(images), before)
    assert all(torch.equal(state[n], value) for n, value in classifier.module_.state_dict().items())
    assert [part.training for part in classifier.module_.modules()] == modes


def test_two_exports_are_the_same_bytes(tmp_path, pipeline):
    first = export(pipeline, tmp_path / "first.onnx").read_bytes()

    assert export(pipeline, tmp_path / "second.onnx").read_bytes() == first


def test_the_cards_own_lines_run_without_skdeepopt(tmp_path, named):
    path = export(named, tmp_path / "model.onnx")
    card = Path(f"{path}.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0]
    check = (
        "\nimport sys\n"
        "assert not {'skdeepopt', 'torch', 'onnx', 'sklearn'} & set(sys.modules)\n"
        "print(ascii(label[0]), probabilities.shape)"
    )

    ran = subprocess.run(
        [sys.executable, "-I", "-c", code + check],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    expected = named.predict(np.zeros((1, 1, 8, 8), np.float32))[0]
    assert ran.stdout.split("\n")[0] == f"{str(expected)!a} (1, 3)"


def test_answers_beyond_the_tolerance_leave_no_file(tmp_path, classifier, monkeypatch):
    present = tmp_path / "model.onnx"
    present.write_text("what stood there")
    monkeypatch.setattr(
        type(classifier), "predict_proba", lambda self, X: np.full((len(X), 3), 1 / 3)
    )

    with pytest.raises(
        ValueError, match=r"export\.tolerance 0\.001 .* apart.* Nothing was written"
    ):
        export(classifier, present)

    assert present.read_text() == "what stood there"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_a_larger_tolerance_lets_them_pass(tmp_path, classifier, monkeypatch):
    shifted = type(classifier).predict_proba
    monkeypatch.setattr(type(classifier), "predict_proba", lambda self, X: shifted(self, X) + 0.01)

    assert export(classifier, tmp_path / "model.onnx", tolerance=0.02).exists()


def test_an_unknown_format_is_recognized(tmp_path, classifier):
    with pytest.raises(ValueError, match=r"export\.format .* Did you mean 'openvino'\?"):
        export(classifier, tmp_path / "model.onnx", "open-vino")


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("openvino", r'pip install "skdeepopt\[openvino\]"'),
        ("executorch", "pip install executorch"),
    ],
)
def test_what_is_not_installed_comes_with_the_line_that_installs_it(
    form, line, tmp_path, classifier, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ImportError, match=line):
        exported(tmp_path, classifier, form)


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), ("0.1", TypeError)])
def test_a_tolerance_is_a_number_of_at_least_zero(value, error, tmp_path, classifier):
    with pytest.raises(error, match=r"export\.tolerance is None or a number of at least 0"):
        export(classifier, tmp_path / "model.onnx", tolerance=value)


@pytest.mark.parametrize("X", [np.zeros(64), np.zeros((0, 64)), np.array([["a"], ["b"]])])
def test_samples_that_are_none_are_refused(X, tmp_path, classifier):
    with pytest.raises(ValueError, match=r"export\.X is one sample or more, of numbers"):
        export(classifier, tmp_path / "model.onnx", X=X)


def test_an_estimator_that_is_not_fitted_is_said_to_be(tmp_path):
    with pytest.raises(NotFittedError):
        export(CNNClassifier(), tmp_path / "model.onnx")


def test_a_search_is_recognized(tmp_path, images, y):
    search = GridSearchCV(CNNClassifier(random_state=0), {"max_epochs": [1]}, cv=2)
    search.fit(images, y)

    with pytest.raises(TypeError, match=r"not GridSearchCV\. Did you mean its best_estimator_\?"):
        export(search, tmp_path / "model.onnx")
