from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    NeuralClassifier,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    load,
    save,
)
from skdeepopt.engines import installed_engines
from skdeepopt.meta import _packing_engine
from skdeepopt.meta._packing_engine import packed_engine
from skdeepopt.meta._packing_plan import PackingPlan

SHORT = {"max_epochs": 1, "random_state": 0, "device": "cpu"}
ENGINES = [name for name in installed_engines() if name != "torch"]

FRESH = """
import json, sys
import numpy as np
import skdeepopt
model = skdeepopt.load(sys.argv[1])
logits = model.decision_function(np.load(sys.argv[2]))
sys.stdout.write(json.dumps([model.engine_, logits.tolist()]))
"""


class Branching(nn.Module):
    """What it does depends on the numbers, so that no graph can follow it."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(64, 8), nn.Linear(8, 3)

    def forward(self, images):
        hidden = self.first(images.flatten(1))
        return self.head(hidden.relu() if hidden.sum() > 0 else hidden)


def packed(base, X, y, **options):
    options = {"random_state": 0, "finetune_epochs": 1, "target_bytes": 900, **options}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*smallest file that was")
        return PackedEstimator(FrozenEstimator(base), **options).fit(X, y)


def torch_answers(model, X):
    """Logits of the module itself."""
    with torch.inference_mode():
        return model.module_.eval()(model._network_inputs(X).float()).numpy()


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(widths=(4, 8), **SHORT).fit(X, y)


@pytest.fixture(scope="module", name="model")
def answered_by_onnxruntime(base, X, y):
    """Only to be looked at."""
    return packed(base, X, y, engine="onnxruntime")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_answers_as_the_module_does(base, X, y, engine):
    model = packed(base, X, y, engine=engine)

    assert model.engine_ == model._engine.name == engine
    np.testing.assert_allclose(model.decision_function(X), torch_answers(model, X), atol=1e-4)


def test_without_an_engine_torch_answers(base, X, y):
    model = packed(base, X, y)

    assert model._engine is None
    assert model.engine_ == "torch"


def test_auto_keeps_one_of_those_installed_and_the_file_knows_which(base, X, y, tmp_path):
    model = packed(base, X, y, engine="auto")
    again = load(save(model, tmp_path / "model"))

    assert model.engine_ in ENGINES
    assert again.engine_ == model.engine_
    assert model.packing_report_.after.size_bytes == (tmp_path / "model").stat().st_size


NETWORKS = {
    "compact": (CNNClassifier("compact", widths=(5, 9), **SHORT), (8, 8)),
    "lenet5": (CNNClassifier("lenet5", widths=0.3, **SHORT), (28, 28)),
    "mlp": (CNNClassifier("mlp", widths=(16,), **SHORT), (8, 8)),
    "residual": (CNNClassifier("residual", widths=0.25, **SHORT), (16, 16)),
    "regressor": (CNNRegressor(widths=(5, 9), **SHORT), (8, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sample_alone_gets_from_an_engine_what_it_gets_among_others(name):
    base, shape = NETWORKS[name]
    images = np.random.default_rng(0).random((70, *shape), dtype=np.float32)
    model = packed(
        base.fit(images, np.arange(70) % 3), images, np.arange(70) % 3,
        engine="onnxruntime", target_bytes=4000,
    )  # fmt: skip
    ask = model.predict if name == "regressor" else model.decision_function

    together = ask(images)
    alone = np.concatenate([ask(images[i : i + 1]) for i in range(0, 70, 7)])
    threes = np.concatenate([ask(images[i : i + 3]) for i in range(0, 69, 3)])

    np.testing.assert_array_equal(alone, together[::7])
    np.testing.assert_array_equal(threes, together[:69])


def test_the_name_of_an_engine_takes_a_few_bytes_of_the_file(model, tmp_path):
    plain = copy.deepcopy(model).set_params(engine=None)

    with_name = save(model, tmp_path / "with").stat().st_size
    without = save(plain, tmp_path / "without").stat().st_size

    assert with_name <= without + 16
    assert model.size_bytes_ == model.packing_report_.after.size_bytes == with_name


def test_that_there_is_no_engine_takes_no_bytes(model, tmp_path, monkeypatch):
    plain = copy.deepcopy(model).set_params(engine=None)

    silent = save(plain, tmp_path / "silent").stat().st_size
    monkeypatch.setattr(PackedEstimator, "_unsaid_when_none", ())
    said = save(plain, tmp_path / "said").stat().st_size

    assert silent < said
    assert load(tmp_path / "silent").engine is None


def test_a_fresh_process_answers_by_the_engine_too(model, X, tmp_path):
    path = save(model, tmp_path / "model")
    np.save(tmp_path / "X.npy", X)

    command = [sys.executable, "-c", FRESH, str(path), str(tmp_path / "X.npy")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    engine, logits = json.loads(done.stdout)
    assert engine == "onnxruntime"
    np.testing.assert_array_equal(np.float32(logits), model.decision_function(X))


def test_a_copy_and_a_pickle_answer_by_the_engine(model, X):
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.engine_ == "onnxruntime"
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("epochs", [0, 1])
def test_after_further_training_the_engine_answers_for_the_new_network(model, X, y, epochs):
    model = copy.deepcopy(model)

    model.finetune(X, y, epochs=epochs, lr=0.01)

    assert model.engine_ == "onnxruntime"
    np.testing.assert_allclose(model.decision_function(X), torch_answers(model, X), atol=1e-4)


def test_after_a_training_that_failed_the_engine_answers_as_before(model, X, y):
    model = copy.deepcopy(model)
    before = model.predict_proba(X)

    with pytest.raises(ValueError, match="features"):
        model.finetune(X[:, :9], y)

    assert model.engine_ == "onnxruntime"
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_network_that_another_wrapper_makes_smaller_is_answered_by_the_engine(X, y):
    inner = PackedEstimator(
        CNNClassifier(widths=(8, 16), **SHORT), finetune_epochs=1, engine="onnxruntime"
    )

    model = PrunedEstimator(inner, finetune_epochs=0, random_state=0).fit(X, y)

    assert model.estimator_.engine_ == "onnxruntime"
    np.testing.assert_allclose(model.decision_function(X), torch_answers(model, X), atol=1e-4)


def test_integers_of_a_quantized_base_go_on_answering(X, y):
    base = QuantizedEstimator(CNNClassifier(widths=(4, 8), **SHORT), random_state=0).fit(X, y)

    model = packed(base, X, y, engine="onnxruntime", target_bytes=5000)

    assert model._engine is model.estimator_._engine
    assert model.estimator_.quantization_report_.scheme == "int8"


def test_a_network_that_an_engine_cannot_follow_is_refused_before_it_is_packed(X, y, monkeypatch):
    base = NeuralClassifier(Branching, **SHORT).fit(X, y)
    monkeypatch.setattr(PackingPlan, "pack", None)

    with pytest.raises(ValueError, match="PackedEstimator"):
        packed(base, X, y, engine="onnxruntime")


def test_auto_leaves_such_a_network_to_torch_and_says_so(X, y):
    base = NeuralClassifier(Branching, **SHORT).fit(X, y)

    with pytest.warns(UserWarning, match="PackedEstimator: torch answers"):
        model = packed(base, X, y, engine="auto")

    assert model.engine_ == "torch"


def test_an_engine_that_answers_otherwise_is_refused(base, X, monkeypatch):
    monkeypatch.setattr(_packing_engine, "_TOLERANCE", -1.0)

    with pytest.raises(ValueError, match=r"engine 'onnxruntime' answers as the module does"):
        packed_engine(base, "onnxruntime", owner="PackedEstimator", X=X)


def test_a_file_whose_engine_is_missing_is_answered_by_another(model, X, tmp_path, monkeypatch):
    path = save(model, tmp_path / "model")
    monkeypatch.setattr(_packing_engine, "installed_engines", lambda: ("openvino", "torch"))

    with pytest.warns(UserWarning, match="fitted with the engine 'onnxruntime', which is not"):
        again = load(path)

    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    ("engine", "error", "message"),
    [
        ("onnx", ValueError, "PackedEstimator.engine is one of .* Did you mean 'onnxruntime'"),
        (3, TypeError, "PackedEstimator.engine is one of"),
    ],
)
def test_an_unknown_engine_is_refused(base, X, y, engine, error, message):
    with pytest.raises(error, match=message):
        packed(base, X, y, engine=engine)
