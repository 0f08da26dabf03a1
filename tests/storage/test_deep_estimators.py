"""The files of this package's own estimators."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    ImageAugmenter,
    ImageScaler,
    NeuralClassifier,
    NeuralRegressor,
)
from skdeepopt.exceptions import ModelFileError
from skdeepopt.pruning._shapes import resize_to
from skdeepopt.storage._files import load, save

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 17, (60, 64)).astype(np.uint8)
Y = RANDOM.integers(0, 3, 60)
SHORT = {"max_epochs": 1, "random_state": 0, "device": "cpu"}


class MyNet(nn.Module):
    def __init__(self, n_hidden=6):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 3)
        )

    def forward(self, images):
        return self.layers(images)


class GainedNet(MyNet):
    """As :class:`MyNet`, and a part more than when the file was written."""

    def __init__(self, n_hidden=6):
        super().__init__(n_hidden)
        self.gained = nn.Linear(3, 3)

    def forward(self, images):
        return self.gained(super().forward(images))


def make_net(n_hidden=4):
    return MyNet(n_hidden)


CLASSIFIERS = {
    "compact": CNNClassifier(**SHORT),
    "widths": CNNClassifier(widths=(4, 8), depth=2, dropout=0.1, **SHORT),
    "residual": CNNClassifier("residual", widths=0.25, **SHORT),
    "augmented": CNNClassifier(augment=ImageAugmenter(shift=0.1), **SHORT),
    "MLP": NeuralClassifier(module__widths=(8,), **SHORT),
    "pipeline": make_pipeline(ImageScaler(), CNNClassifier("mlp", **SHORT)),
}


@pytest.fixture
def reload(tmp_path):
    return lambda estimator, **rest: load(save(estimator, tmp_path / "model"), **rest)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_as_before_to_the_last_bit(reload, name):
    labels = np.array(["cat", "dog", "owl"], dtype=object)[Y]
    fitted = clone(CLASSIFIERS[name]).fit(X, labels)

    found = reload(fitted)

    assert repr(found.get_params()) == repr(fitted.get_params())
    assert found.predict(X).dtype == fitted.predict(X).dtype
    assert (found.predict(X) == fitted.predict(X)).all()
    assert found.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()


@pytest.mark.parametrize("targets", [Y.astype(float), np.stack([Y, -Y], axis=1).astype(float)])
@pytest.mark.parametrize("regressor", [CNNRegressor(**SHORT), NeuralRegressor(**SHORT)])
def test_a_regressor_answers_as_before_to_the_last_bit(reload, regressor, targets):
    fitted = clone(regressor).fit(X, targets)

    assert reload(fitted).predict(X).tobytes() == fitted.predict(X).tobytes()


@pytest.mark.parametrize("estimator", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_an_unfitted_estimator_comes_back(reload, estimator):
    assert repr(reload(estimator).get_params()) == repr(estimator.get_params())


@pytest.mark.parametrize("module", [MyNet, make_net])
def test_a_module_of_the_user_has_to_be_passed(tmp_path, module):
    fitted = NeuralClassifier(module, module__n_hidden=5, **SHORT).fit(X, Y)
    path = save(fitted, tmp_path / "model")

    with pytest.raises(ModelFileError, match=rf"modules=\[{module.__name__}\]"):
        load(path)
    found = load(path, modules=[module])

    assert found.get_params() == fitted.get_params()
    assert found.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()


@pytest.mark.parametrize("supplied", [MyNet(5), [MyNet(5)]])
def test_a_module_instance_takes_the_weights_of_the_file(tmp_path, supplied):
    fitted = NeuralClassifier(MyNet(5), **SHORT).fit(X, Y)
    path = save(fitted, tmp_path / "model")
    modules = supplied if isinstance(supplied, list) else {"MyNet": supplied}

    found = load(path, modules=modules)

    assert found.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()


@pytest.mark.parametrize("kept", [0.0, 0.004, 0.05, 0.5])
def test_the_file_shrinks_with_the_weights_and_answers_to_the_last_bit(tmp_path, kept):
    fitted = NeuralClassifier(module__widths=(600,), **SHORT).fit(X, Y)
    whole = save(fitted, tmp_path / "whole").stat().st_size
    with torch.no_grad():
        weight = next(fitted.module_.parameters())
        weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(0)) >= kept] = 0

    path = save(fitted, tmp_path / "model")

    assert path.stat().st_size < (1.3 * kept + 0.1) * whole
    assert load(path).predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()


@pytest.fixture
def smaller():
    """Fitted classifier that has lost 3 of its 6 hidden units."""
    fitted = NeuralClassifier(module__widths=(6,), **SHORT).fit(X, Y)
    half = NeuralClassifier(module__widths=(3,), **SHORT).fit(X, Y)
    resize_to(fitted.module_, half.module_.state_dict())
    fitted.module_.load_state_dict(half.module_.state_dict())
    fitted.net_.initialize_optimizer()
    return fitted


def test_a_smaller_network_comes_back_small(tmp_path, smaller):
    path = save(smaller, tmp_path / "model")
    found = load(path)

    assert found.predict_proba(X).tobytes() == smaller.predict_proba(X).tobytes()
    assert repr(found.module_) == repr(smaller.module_)
    assert path.stat().st_size < save(clone(smaller).fit(X, Y), tmp_path / "whole").stat().st_size


def test_a_loaded_smaller_network_learns_in_all_its_weights(reload, smaller):
    found = reload(smaller)
    before = [weight.detach().clone() for weight in found.module_.parameters()]

    found.finetune(X, Y, epochs=1)

    assert not any(map(torch.equal, before, found.module_.parameters()))


@pytest.fixture
def residual():
    """Fitted classifier that has lost a residual block."""
    fitted = CNNClassifier("residual", widths=0.25, **SHORT).fit(X, Y)
    fitted.module_.network.blocks[0] = nn.Identity()
    return fitted


def test_a_network_without_a_block_comes_back_without_it(reload, residual):
    found = reload(residual)

    assert isinstance(found.module_.network.blocks[0], nn.Identity)
    assert found.predict_proba(X).tobytes() == residual.predict_proba(X).tobytes()


def test_a_network_that_has_gained_a_part_since_is_refused_by_the_parts_name(tmp_path):
    path = save(NeuralClassifier(MyNet, **SHORT).fit(X, Y), tmp_path / "model")

    with pytest.raises(ModelFileError, match="none of 'gained'"):
        load(path, modules={"MyNet": GainedNet})


def test_a_file_names_the_parts_that_are_identities_and_only_where_there_are_any(residual):
    plain = NeuralClassifier(module__widths=(8,), **SHORT).fit(X, Y)

    assert "network.blocks.0" in residual._fitted_state()["removed"]
    assert "removed" not in plain._fitted_state()


def test_names_of_removed_parts_that_are_none_are_refused(tmp_path, reseal, residual):
    path = save(residual, tmp_path / "model")
    reseal(path, lambda document: document["model"]["state"].update(removed=3))

    with pytest.raises(ModelFileError, match="does not fit the installed"):
        load(path)


def test_a_network_larger_than_its_parameters_build_is_refused(tmp_path, reseal, smaller):
    path = save(smaller, tmp_path / "model")
    widths = {"module__widths": {"tuple": [2]}}
    reseal(path, lambda document: document["model"]["params"].update(widths))

    with pytest.raises(ModelFileError, match="ValueError: resize_to"):
        load(path)


def test_a_network_with_too_few_answers_is_refused(tmp_path, smaller):
    head = list(smaller.module_.modules())[-1]
    head.weight, head.bias = nn.Parameter(head.weight[:2]), nn.Parameter(head.bias[:2])
    path = save(smaller, tmp_path / "model")

    with pytest.raises(ModelFileError, match=r"of shape \(2, 3\), not \(2, 2\)"):
        load(path)


def test_weights_that_diverged_come_back_as_they_are(reload):
    fitted = NeuralClassifier(module__widths=(600,), **SHORT).fit(X, Y)
    with torch.no_grad():
        weight = next(fitted.module_.parameters())
        weight.zero_()
        weight[0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0])

    found = next(reload(fitted).module_.parameters())

    assert found.detach().numpy().tobytes() == weight.detach().numpy().tobytes()


def test_a_loaded_estimator_goes_on_learning(reload):
    found = reload(CNNClassifier(**SHORT).fit(X, Y))

    found.finetune(X, Y, epochs=1)

    assert len(found.history_) == 2


def test_loading_leaves_the_global_random_state(tmp_path):
    path = save(CNNClassifier(**SHORT).fit(X, Y), tmp_path / "model")
    torch.manual_seed(0)
    before = torch.get_rng_state()

    load(path)

    assert torch.get_rng_state().equal(before)


def test_a_search_is_refused_and_its_best_estimator_saved(tmp_path):
    search = GridSearchCV(CNNClassifier(**SHORT), {"lr": [0.01]}, cv=2).fit(X, Y)

    with pytest.raises(
        TypeError, match=r"GridSearchCV is a sklearn.* Did you mean GridSearchCV\.best_estimator_"
    ):
        save(search, tmp_path / "model")
    save(search.best_estimator_, tmp_path / "model")


HOSTILE = [
    {"widths": {"tuple": [10**7, 10**7]}},
    {"widths": 1e9},
    {"widths": {"tuple": [1, 2**62]}},
    {"depth": 10**12},
    {"architecture": "os.system"},
    {"architecture": "mlp"},
    {"dropout": 7},
]


@pytest.mark.parametrize("params", HOSTILE, ids=str)
def test_a_network_that_the_file_does_not_account_for_is_refused(tmp_path, reseal, params):
    path = save(CNNClassifier(**SHORT).fit(X, Y), tmp_path / "model")
    reseal(path, lambda document: document["model"]["params"].update(params))
    start = time.perf_counter()

    with pytest.raises(ModelFileError, match="does not fit the installed"):
        load(path)

    assert time.perf_counter() - start < 1


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_answer(tmp_path):
    fitted = make_pipeline(ImageScaler(), CNNClassifier(**SHORT)).fit(X, Y)
    save(fitted, tmp_path / "model")
    np.save(tmp_path / "x.npy", X)
    script = (
        "import sys, numpy; from skdeepopt import load\n"
        "answer = load(sys.argv[1] + '/model').predict_proba(numpy.load(sys.argv[1] + '/x.npy'))\n"
        "sys.stdout.write(answer.tobytes().hex())"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip

    assert done.stdout == fitted.predict_proba(X).tobytes().hex()
