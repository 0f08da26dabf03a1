from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from skorch import NeuralNetClassifier
from torch import nn

from skdeepopt import CNNClassifier, ImageScaler, save
from skdeepopt.sources import resolve_source


def resolved(source):
    return resolve_source(source, owner="Owner")


def test_an_estimator_its_file_and_its_frozen_form_are_one_source(trained, tmp_path):
    estimator = trained["compact"]
    path = save(estimator, tmp_path / "model.skdo")

    digests = {
        resolved(given).digest
        for given in (estimator, FrozenEstimator(estimator), path, str(path), Path(path))
    }

    assert len(digests) == 1


def test_a_module_its_class_and_a_factory_are_taken(net):
    names = [resolved(given).name for given in (net, type(net), lambda: net)]

    assert names == ["Net"] * 3


def test_a_pair_of_a_file_and_a_module_is_taken(net, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(net.state_dict(), path)

    pairs = [(path, net), (str(path), type(net))]

    assert len({resolved(pair).digest for pair in pairs}) == 1
    assert resolved(pairs[0]).digest == resolved(net).digest


def test_a_skorch_net_is_taken(X, y):
    module = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    net = NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, verbose=0, max_epochs=1)
    net.fit(X.copy(), y)

    assert resolved(net).digest == resolved(FrozenEstimator(net)).digest


def test_a_source_can_be_pickled():
    source = resolved("mnist-compact")

    assert pickle.loads(pickle.dumps(source)).digest == source.digest


PIPELINE = make_pipeline(ImageScaler(), CNNClassifier())
REFUSED = [
    ("mnist-compcat", ValueError, ["Owner.source", "'mnist-compact'", "Did you mean"]),
    ("cifar", ValueError, ["'mnist-compact'", "'cifar'"]),
    ("models/none.skdo", FileNotFoundError, ["'mnist-compact'", "models/none.skdo"]),
    (Path("none"), FileNotFoundError, ["'none'"]),
    (5, TypeError, ["Owner.source is the name of a source", "not 5"]),
    (None, TypeError, ["not None"]),
    (SVC(), TypeError, ["a fitted deep estimator", "SVC()"]),
    (CNNClassifier, TypeError, ["Did you mean FrozenEstimator(CNNClassifier().fit(X, y))?"]),
    (PIPELINE, TypeError, ["Did you mean FrozenEstimator(pipeline[-1]), its last step?"]),
    (CNNClassifier(), NotFittedError, ["FrozenEstimator(CNNClassifier(...).fit(X, y))"]),
    (FrozenEstimator(CNNClassifier()), NotFittedError, ["set_params(source=...)"]),
    (("weights.safetensors",), TypeError, ["a .safetensors file and a torch module", "(str)"]),
    ((1, nn.Linear(1, 1)), TypeError, ["(int, Linear)"]),
    (("weights.safetensors", CNNClassifier()), TypeError, ["(str, CNNClassifier)"]),
    (("none.safetensors", nn.Linear(1, 1)), FileNotFoundError, ["none.safetensors"]),
]


@pytest.mark.parametrize(("source", "error", "parts"), REFUSED)
def test_what_cannot_be_a_source_is_refused_with_a_reason(source, error, parts):
    with pytest.raises(error) as caught:
        resolved(source)

    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


def test_a_search_points_to_its_best_estimator(X, y):
    search = GridSearchCV(SVC(), {"C": [1.0]}, cv=2).fit(X, y)

    with pytest.raises(TypeError, match=r"FrozenEstimator\(search.best_estimator_\)"):
        resolved(search)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = save(PIPELINE, tmp_path / "pipeline.skdo")

    with pytest.raises(TypeError, match=r"pipeline.skdo holds a Pipeline.*its last step"):
        resolved(path)


def test_weights_without_their_module_are_refused(net, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(net.state_dict(), path)

    with pytest.raises(ValueError, match=r"Did you mean \('.*weights.safetensors', module\)\?"):
        resolved(str(path))


def test_no_global_generator_is_touched(net):
    before = torch.get_rng_state()

    resolved(type(net)), resolved("mnist-compact")

    assert torch.equal(torch.get_rng_state(), before)
