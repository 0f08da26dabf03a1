from __future__ import annotations

import copy
import pickle
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    NeuralClassifier,
    PrunedEstimator,
    QuantizedEstimator,
    load,
    save,
)
from skdeepopt.layers import weight_layers
from skdeepopt.meta import _quantization_run

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
SCHEMES = ["int8", "int4", "int2", "ternary", "binary", "codebook3"]


class Branching(nn.Module):
    """What it does depends on the numbers, so that no graph can follow it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        hidden = self.first(images.flatten(1))
        return self.head(hidden.relu() if hidden.sum() > 0 else hidden)


@pytest.fixture(scope="module", name="base")
def trained(X, y):
    return CNNClassifier(widths=(16, 12), **SHORT).fit(X, y)


@pytest.fixture(scope="module", name="wide")
def trained_wide(X, y):
    return CNNClassifier("mlp", widths=(96, 64), **SHORT).fit(X, y)


@pytest.fixture(scope="module", name="branching")
def trained_branching(X, y):
    return NeuralClassifier(Branching, **SHORT).fit(X, y)


def quantized(base, X, y, **options):
    options = {"random_state": 0, "finetune_epochs": 1, **options}
    return QuantizedEstimator(FrozenEstimator(base), **options).fit(X, y)


def simulated_logits(model, X):
    images = torch.tensor(X, dtype=torch.float32).reshape(-1, *model.image_shape_)
    with torch.no_grad():
        return model.simulated_module_(images).numpy()


def most_values(model):
    """Most distinct values in a channel of any layer."""
    return max(
        len(channel.unique())
        for layer in weight_layers(model.module_).values()
        for channel in layer.weight.detach().flatten(1)
    )


def zeros(model):
    return {n: layer.weight.detach() == 0 for n, layer in weight_layers(model.module_).items()}


@pytest.mark.parametrize("method", ["static", "training", "weight_only"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_engine_answers_as_the_simulated_network(base, X, y, scheme, method):
    model = quantized(base, X, y, scheme=scheme, method=method)

    assert model.engine_ == "onnxruntime"
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(model, X), atol=2e-3)
    assert model.quantization_report_.agreement == 1.0


@pytest.mark.parametrize("method", ["static", "training"])
@pytest.mark.parametrize(
    ("scheme", "most"), [("int4", 15), ("int2", 3), ("ternary", 3), ("binary", 2)]
)
def test_a_channel_has_as_few_weights_as_its_bits_allow(base, X, y, scheme, most, method):
    model = quantized(base, X, y, scheme=scheme, method=method)

    assert most_values(model) <= most


@pytest.mark.parametrize("scheme", ["int8", "binary"])
def test_further_training_stays_on_the_grid(base, X, y, scheme):
    model = quantized(base, X, y, scheme=scheme)
    before = model.predict_proba(X)

    model.finetune(X, y, epochs=1, lr=0.01)

    assert most_values(model) <= 2 ** (8 if scheme == "int8" else 1)
    assert np.abs(model.predict_proba(X) - before).max() > 1e-4
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(model, X), atol=2e-3)


def test_nothing_is_quantized_in_float32(base, X, y):
    model = quantized(base, X, y, scheme="float32")

    np.testing.assert_allclose(model.predict_proba(X), base.predict_proba(X), atol=1e-6)
    assert model.engine_ == "onnxruntime"


def test_int8_hardly_changes_an_answer(base, X, y):
    model = quantized(base, X, y)

    assert np.abs(model.predict_proba(X) - base.predict_proba(X)).max() < 0.05


@pytest.mark.parametrize("method", ["static", "training"])
def test_the_base_is_left_as_it_was(base, X, y, method):
    before = copy.deepcopy(base.module_.state_dict()), base.predict_proba(X)

    quantized(base, X, y, scheme="int4", method=method)

    assert all(torch.equal(base.module_.state_dict()[n], t) for n, t in before[0].items())
    np.testing.assert_array_equal(base.predict_proba(X), before[1])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_keeps_every_bit_of_the_answers(base, X, y, scheme, tmp_path):
    model = quantized(base, X, y, scheme=scheme, method="training")

    again = load(save(model, tmp_path / "model"))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert repr(again.quantization_report_) == repr(model.quantization_report_)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_keeps_every_code(base, X, y, scheme, tmp_path):
    model = quantized(base, X, y, scheme=scheme)

    again = load(save(model, tmp_path / "model"))

    assert again._weights.keys() == model._weights.keys()
    for name, weight in again._weights.items():
        assert torch.equal(weight.codes, model._weights[name].codes)
        assert torch.equal(weight.scale, model._weights[name].scale)


def test_codes_without_a_scheme_are_refused(base, X, y):
    model = quantized(base, X, y, scheme="int4")
    state = model._fitted_state()
    state["schemes"].popitem()

    with pytest.raises(ValueError, match="layers with codes"):
        QuantizedEstimator(base)._restore_state(state)


@pytest.mark.parametrize("scheme", ["int8", "int4", "ternary", "binary"])
def test_dynamic_ranges_give_the_answers_of_the_simulated_network(wide, X, y, scheme):
    model = quantized(wide, X, y, scheme=scheme, method="dynamic")

    np.testing.assert_allclose(model.decision_function(X), simulated_logits(model, X), atol=2e-3)
    assert model.quantization_report_.agreement == 1.0
    assert len(list(model.simulated_module_.dynamic_quantizers.children())) == 2


def test_with_dynamic_ranges_a_sample_alone_gets_the_answer_that_it_gets_among_others(X):
    targets = np.random.default_rng(0).normal(size=(len(X), 64))  # So many that all is rounded.
    base = CNNRegressor("mlp", widths=(64,), **SHORT).fit(X, targets)
    model = quantized(base, X, targets, method="dynamic")

    among = model.predict(np.concatenate([X, 1000 * X]))[: len(X)]

    alone = np.concatenate([model.predict(row[None]) for row in X])
    np.testing.assert_array_equal(alone, among)


def test_dynamic_ranges_need_no_calibration(wide, X, y):
    models = [
        quantized(wide, X, y, method="dynamic", calibration=calibration, calibration_samples=size)
        for calibration, size in (("minmax", 1), ("entropy", 60))
    ]

    np.testing.assert_array_equal(*(model.decision_function(X) for model in models))
    assert np.abs(models[0].predict_proba(X) - wide.predict_proba(X)).max() < 0.02


def test_a_file_keeps_dynamic_ranges(wide, X, y, tmp_path):
    model = quantized(wide, X, y, method="dynamic")

    again = load(save(model, tmp_path / "model"))

    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert hasattr(again.simulated_module_, "dynamic_quantizers")


@pytest.mark.parametrize("scheme", ["int8", "ternary"])
def test_further_training_keeps_dynamic_ranges(wide, X, y, scheme):
    model = quantized(wide, X, y, scheme=scheme, method="dynamic")
    before = model.predict_proba(X)

    model.finetune(X, y, epochs=1, lr=0.01)

    assert most_values(model) <= (255 if scheme == "int8" else 3)
    assert np.abs(model.predict_proba(X) - before).max() > 1e-4
    assert hasattr(model.simulated_module_, "dynamic_quantizers")
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(model, X), atol=2e-3)


@pytest.mark.parametrize("scheme", ["codebook3", "float32"])
def test_dynamic_ranges_are_for_weights_that_are_integers(wide, X, y, scheme):
    dynamic, plain = (
        quantized(wide, X, y, scheme=scheme, method=method) for method in ("dynamic", "weight_only")
    )

    np.testing.assert_array_equal(dynamic.decision_function(X), plain.decision_function(X))


def test_torch_answers_with_dynamic_ranges_as_the_reference(wide, X, y):
    model = quantized(wide, X, y, method="dynamic", engine="torch")

    np.testing.assert_array_equal(
        model.decision_function(X).astype(np.float32), simulated_logits(model, X)
    )
    assert np.abs(model.decision_function(X) - wide.decision_function(X)).max() > 1e-5


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_answers_with_dynamic_ranges(wide, X, y):
    model = quantized(wide, X, y, method="dynamic", engine="openvino")

    assert model.engine_ == "openvino"
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(model, X), atol=2e-3)


def test_a_pruned_network_with_dynamic_ranges_keeps_them(X, y):
    inner = QuantizedEstimator(CNNClassifier("mlp", **SHORT), method="dynamic")
    model = PrunedEstimator(
        inner, granularity="channel", pruning_ratio=0.3, finetune_epochs=1, random_state=0
    ).fit(X, y)

    held = model.estimator_
    assert hasattr(held.simulated_module_, "dynamic_quantizers")
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(held, X), atol=2e-3)


def test_files_shrink_with_the_bits(X, y, tmp_path):
    base = CNNClassifier("lenet300", **{**SHORT, "max_epochs": 1}).fit(X, y)
    dense = save(base, tmp_path / "dense").stat().st_size

    shares = [
        save(quantized(base, X, y, scheme=scheme), tmp_path / scheme).stat().st_size / dense
        for scheme in ("int8", "int4", "ternary", "binary")
    ]

    # The description of a network as small as this one weighs as much as a twentieth of it.
    assert all(s < limit for s, limit in zip(shares, (0.32, 0.2, 0.13, 0.1), strict=True))
    assert shares == sorted(shares, reverse=True)


def test_the_report_knows_the_size_of_the_file(base, X, y, tmp_path):
    model = quantized(base, X, y)

    size = save(model, tmp_path / "model").stat().st_size
    assert abs(model.quantization_report_.after.size_bytes - size) < 32


@pytest.mark.parametrize("method", ["static", "training"])
@pytest.mark.parametrize("scheme", ["int8", "int4", "ternary"])
def test_a_pruned_network_stays_pruned(X, y, scheme, method):
    pruned = PrunedEstimator(
        CNNClassifier(widths=(6, 12), **SHORT), granularity="weight", finetune_epochs=1
    ).fit(X, y)
    before = zeros(pruned)

    after = zeros(quantized(pruned, X, y, scheme=scheme, method=method))

    assert all((after[name] | ~before[name]).all() for name in before)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("method", ["static", "training"])
def test_a_quantized_network_can_be_pruned_and_stays_quantized(X, y, granularity, method):
    inner = QuantizedEstimator(
        CNNClassifier(widths=(8, 16), **SHORT), scheme="int4", method=method, finetune_epochs=1
    )
    model = PrunedEstimator(
        inner, granularity=granularity, pruning_ratio=0.5, finetune_epochs=1, random_state=0
    ).fit(X, y)

    assert most_values(model) <= 15
    held = model.estimator_
    np.testing.assert_allclose(model.decision_function(X), simulated_logits(held, X), atol=2e-3)
    if granularity == "weight":
        assert np.mean([z.float().mean() for z in zeros(model).values()]) > 0.3
    else:
        assert len(weight_layers(model.module_)["network.head"].weight[0]) < 64


def test_a_quantized_network_can_be_quantized_to_fewer_bits(base, X, y):
    model = quantized(quantized(base, X, y), X, y, scheme="int3")

    assert most_values(model) <= 7


def test_a_budget_that_nothing_breaks_leaves_nothing_in_float(base, X, y):
    model = quantized(base, X, y, max_accuracy_drop=1.0)

    assert [row.scheme for row in model.quantization_report_.layers] == ["int8"] * 3
    assert model.quantization_report_.scored_on == "validation data"


def test_a_budget_that_everything_breaks_leaves_all_in_float(base, X, y, monkeypatch):
    monkeypatch.setattr(
        _quantization_run.QuantizationRun, "_quantized", _spoiled(_quantization_run)
    )
    with pytest.warns(UserWarning, match="All layers stayed in float.*Did you mean"):
        model = quantized(base, X, y, max_accuracy_drop=0.0)

    assert [row.scheme for row in model.quantization_report_.layers] == ["float32"] * 3
    assert len(model.quantization_report_.trials) > 1


def _spoiled(module):
    """Quantization that ruins the network as long as a layer is left to quantize."""
    whole = module.QuantizationRun._quantized

    def spoil(self, in_float=()):
        found = whole(self, in_float)
        if len(in_float) < 3:
            found.estimator._answer_through(_Wrong())
        return found

    return spoil


class _Wrong:
    name = "wrong"

    def run(self, inputs):
        answers = np.zeros((len(inputs), 3), np.float32)
        answers[:, 0] = 1
        return answers


def test_integers_that_are_slower_are_given_up_with_a_warning(base, X, y, monkeypatch):
    monkeypatch.setattr(_quantization_run, "_SLOWER", 0.0)
    monkeypatch.setattr(_quantization_run, "_WORTH_MS", -1e9)

    with pytest.warns(UserWarning, match=r"Only the weights are rounded: \d+ samples took"):
        model = quantized(base, X, y)

    assert all(row.output_range is None for row in model.quantization_report_.layers)
    assert most_values(model) <= 255
    kept = quantized(base, X, y, fallback=False)
    assert kept.quantization_report_.layers[0].output_range is not None


def test_a_network_that_cannot_be_followed_gets_rounded_weights(branching, X, y, tmp_path):
    with pytest.warns(UserWarning, match="torch answers.*Branching"):
        model = quantized(branching, X, y, scheme="int4")

    assert model.engine_ == "torch"
    assert most_values(model) <= 15
    assert model.score(X, y) > 0


def test_a_network_that_cannot_be_followed_is_refused_where_asked(branching, X, y):
    with pytest.raises(ValueError, match="Branching"):
        quantized(branching, X, y, fallback=False)


def test_torch_answers_as_the_reference(base, X, y):
    model = quantized(base, X, y, engine="torch")

    np.testing.assert_array_equal(
        model.decision_function(X).astype(np.float32), simulated_logits(model, X)
    )


def test_a_raw_net_is_taken(X, y):
    images, codes = X.astype(np.float32), np.unique(y, return_inverse=True)[1]
    net = NeuralNetClassifier(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3)),
        criterion=nn.CrossEntropyLoss,
        max_epochs=2,
        verbose=0,
        train_split=None,
    )

    model = QuantizedEstimator(net, random_state=0).fit(images, codes)

    assert model.engine_ == "onnxruntime"
    np.testing.assert_allclose(model.predict_proba(images).sum(1), 1, atol=1e-5)
    assert model.predict(images).tolist() == model.predict_proba(images).argmax(1).tolist()


def test_a_raw_regression_net_is_taken(X, numbers):
    images = X.astype(np.float32)
    net = NeuralNetRegressor(nn.Sequential(nn.Linear(64, 1)), max_epochs=1, lr=1e-6, verbose=0)

    model = QuantizedEstimator(net, random_state=0).fit(images, numbers)

    assert model.predict(images).shape == numbers.shape


def test_a_regressor_answers_in_its_own_units(X, numbers):
    base = CNNRegressor(widths=(6, 12), **SHORT).fit(X, numbers)

    model = quantized(base, X, numbers)

    assert np.abs(model.predict(X) - base.predict(X)).max() < 0.1 * numbers.std()


def test_a_search_trains_a_frozen_base_once(base, X, y):
    search = GridSearchCV(
        QuantizedEstimator(FrozenEstimator(base), random_state=0),
        {"scheme": ["int8", "int4"]},
        cv=2,
    ).fit(X, y)

    assert search.best_estimator_.estimator.estimator is base


def test_pickles_answer_through_their_engine(base, X, y):
    model = quantized(base, X, y)

    again = pickle.loads(pickle.dumps(model))

    assert again._engine.name == "onnxruntime"
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_an_interrupted_training_leaves_the_quantized_network_whole(base, X, y, monkeypatch):
    model = quantized(base, X, y, scheme="int4")
    before = copy.deepcopy(model.module_.state_dict())

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdeepopt.quantization._training.QuantizedTraining.after_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.finetune(X, y, epochs=1)

    assert all(torch.equal(model.module_.state_dict()[name], t) for name, t in before.items())
    model.predict(X)


def test_the_report_reads_as_a_table(base, X, y):
    report = quantized(base, X, y).quantization_report_

    assert list(report.to_frame().index) == [
        "network.features.0",
        "network.features.3",
        "network.head",
    ]
    assert "latency of 1, ms" in repr(report)
    assert type(report).from_plain(report.to_plain()) == report


def test_a_file_of_an_engine_that_is_missing_is_answered_by_another(
    base, X, y, tmp_path, monkeypatch
):
    model = quantized(base, X, y)
    path = save(model, tmp_path / "model")
    monkeypatch.setattr("skdeepopt.meta._quantized.installed_engines", lambda: ("torch",))

    with pytest.warns(UserWarning, match=r"'onnxruntime', which is not installed.*pip install"):
        again = load(path)

    np.testing.assert_array_equal(again.predict(X), model.predict(X))
