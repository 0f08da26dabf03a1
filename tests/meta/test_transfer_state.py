from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepopt import (
    CNNClassifier,
    TransferEstimator,
    load,
    save,
)

ROOT = Path(__file__).parents[2]
SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(144, 5)

    def forward(self, images):
        return self.head(torch.relu(self.norm(self.conv(images))).flatten(1))


@pytest.fixture(scope="module")
def base(images, y):
    return CNNClassifier(widths=(4, 8), **SHORT).fit(images, y)


@pytest.fixture(scope="module")
def model(images, y):
    """Only to be looked at."""
    return TransferEstimator(**SHORT).fit(images, y)


@pytest.fixture(scope="module")
def taught(images, y):
    """With unlabelled images; only to be looked at."""
    return TransferEstimator(unlabelled=images, batch_size=10, **SHORT).fit(images[:30], y[:30])


SOURCES = {
    "name": lambda base, path: "mnist-compact",
    "estimator": lambda base, path: FrozenEstimator(base),
    "file": lambda base, path: str(save(base, path / "source.skdo")),
    "module": lambda base, path: Net(),
    "class": lambda base, path: Net,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_stored_transfer_answers_the_same_without_its_source(base, images, y, kind, tmp_path):
    model = TransferEstimator(SOURCES[kind](base, tmp_path), **SHORT).fit(images, y)
    path = save(model, tmp_path / "model.skdo")
    (tmp_path / "source.skdo").unlink(missing_ok=True)

    again = load(path, modules=[Net])

    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))
    np.testing.assert_array_equal(again.transform(images), model.transform(images))
    assert again.source_digest_ == model.source_digest_
    again.finetune(images, y, epochs=1)


def test_a_stored_head_answers_the_same(images, y, tmp_path):
    head = make_pipeline(StandardScaler(), LogisticRegression())
    model = TransferEstimator(strategy="features", head=head).fit(images, y)

    again = load(save(model, tmp_path / "model.skdo"))

    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))


def test_a_stored_transfer_says_what_a_new_fit_lacks(base, images, y, tmp_path):
    model = TransferEstimator(FrozenEstimator(base), **SHORT).fit(images, y)
    again = load(save(model, tmp_path / "model.skdo"))
    before = again.predict_proba(images)

    with pytest.raises(NotFittedError, match=r"loaded files.*set_params\(source=\.\.\.\)"):
        again.fit(images, y)

    np.testing.assert_array_equal(again.predict_proba(images), before)


def test_unlabelled_images_are_no_part_of_the_model_file(taught, images, y, tmp_path):
    plain = TransferEstimator(batch_size=10, **SHORT).fit(images[:30], y[:30])
    sizes = [save(m, tmp_path / name).stat().st_size for name, m in (("1", plain), ("2", taught))]

    again = load(tmp_path / "2")

    assert sizes[1] < sizes[0] + 2000
    np.testing.assert_array_equal(again.predict_proba(images), taught.predict_proba(images))
    with pytest.warns(UserWarning, match=r"unlabelled was left out.*set_params\(unlabelled"):
        again.fit(images[:30], y[:30])


def test_a_network_that_cannot_be_built_anew_is_not_stored(images, y, tmp_path):
    inside = TransferEstimator(Net(), **SHORT).fit(images, y)
    model = TransferEstimator(FrozenEstimator(inside), **SHORT).fit(images, y)

    with pytest.raises(TypeError, match=r"TransferEstimator is stored where its network can be"):
        save(model, tmp_path / "model.skdo")


def test_the_file_holds_the_network_once(base, images, y, tmp_path):
    model = TransferEstimator(FrozenEstimator(base), **SHORT).fit(images, y)

    sizes = [save(m, tmp_path / "file").stat().st_size for m in (base, model)]

    assert sizes[1] < 1.25 * sizes[0]


@pytest.mark.slow
def test_a_fresh_process_answers_the_same(model, images, tmp_path):
    path = save(model, tmp_path / "model.skdo")
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np; from skdeepopt import load\n"
        f"model = load({str(path)!r}); images = np.load({str(tmp_path / 'images.npy')!r})\n"
        "sys.stdout.write(model.predict_proba(images).tobytes().hex())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert done.stdout == model.predict_proba(images).tobytes().hex()


def test_a_pickle_holds_no_features_of_others(model):
    assert len(pickle.dumps(model)) < 600_000
