"""A deep estimator small enough to see through, and files that lie but are sealed."""

from __future__ import annotations

import copy
import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from skdeepopt.coding._range_coder import read_varint, write_varint
from skdeepopt.storage._decode import Decoder
from skdeepopt.storage._description import compress, decompress
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node, estimator_value
from skdeepopt.storage._files import save
from skdeepopt.storage._registry import ESTIMATORS
from skdeepopt.storage._strict_json import parse_json, write_json
from skdeepopt.storage._supplied import Supplied
from skdeepopt.storage._trail import Trail


class FakeDeep(ClassifierMixin, BaseEstimator):
    """Answers with the class whose mean image is nearest; keeps its state as networks do."""

    def __init__(self, module=None, *, augment=None, callbacks=None, random_state=None):
        self.module = module
        self.augment = augment
        self.callbacks = callbacks
        self.random_state = random_state

    def fit(self, X, y):
        X = np.asarray(X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        self.means_ = np.stack([X[codes == code].mean(axis=0) for code in range(codes.max() + 1)])
        return self

    def predict(self, X):
        gaps = ((np.asarray(X)[:, None] - self.means_) ** 2).sum(axis=2)
        return self.classes_[gaps.argmin(axis=1)]

    def _fitted_state(self) -> dict[str, Any]:
        import torch

        return {
            "classes": self.classes_,
            "module": {"means.weight": torch.from_numpy(self.means_)},
            "history": [{"epoch": 1, "loss": 0.5}],
        }

    def _restore_state(self, state: dict[str, Any]) -> None:
        self.classes_ = state["classes"]
        self.means_ = state["module"]["means.weight"].numpy()
        self.n_features_in_ = self.means_.shape[1]


class FakeCompressor(MetaEstimatorMixin, BaseEstimator):
    """Keeps a copy of its base, fitted, as compressors do."""

    _base_is_dropped = True
    _data_is_dropped = ("samples",)

    def __init__(self, estimator, samples=None):
        self.estimator = estimator
        self.samples = samples

    def fit(self, X, y):
        is_frozen = isinstance(self.estimator, FrozenEstimator)
        self.estimator_ = (
            copy.deepcopy(self.estimator.estimator)
            if is_frozen
            else clone(self.estimator).fit(X, y)
        )
        self.report_ = {"layers": [("means", 3, None)], "ratio": 0.5}
        return self

    def predict(self, X):
        return self.estimator_.predict(X)

    def _fitted_state(self) -> dict[str, Any]:
        return {"estimator": self.estimator_, "report": self.report_}

    def _restore_state(self, state: dict[str, Any]) -> None:
        self.estimator_, self.report_ = state["estimator"], state["report"]


@pytest.fixture
def fakes(monkeypatch):
    """Module ``fakes``, whose classes storage knows."""
    module = types.ModuleType("fakes")
    monkeypatch.setitem(sys.modules, "fakes", module)
    for cls in (FakeDeep, FakeCompressor):
        setattr(module, cls.__name__, cls)
        monkeypatch.setattr(cls, "__module__", "fakes")
    monkeypatch.setitem(ESTIMATORS, "fakes", ("FakeDeep", "FakeCompressor"))
    return module


@pytest.fixture
def fake_deep(fakes):
    return fakes.FakeDeep


@pytest.fixture
def through_json():
    """Function that sends a value through the tree and back."""

    def send(value: Any) -> Any:
        encoder = Encoder(estimator_node)
        node = encoder.encode(value, Trail("value"))
        text = write_json(node).encode()
        decoder = Decoder(dict(enumerate(encoder.tensors)), Supplied(None), estimator_value)
        found = decoder.decode(parse_json(text), Trail("value"))
        decoder.check_all_used()
        return found

    return send


@pytest.fixture
def read_back():
    """Function that reads a tree which `save` may never write."""

    def read(node: Any, tensors: dict[str, Any] | None = None, modules: Any = None) -> Any:
        decoder = Decoder(tensors or {}, Supplied(modules), estimator_value)
        return decoder.decode(node, Trail("value"))

    return read


@pytest.fixture
def scaler_file(tmp_path) -> Path:
    scaler = StandardScaler().fit(np.arange(12.0).reshape(4, 3))
    return save(scaler, tmp_path / "scaler.skdo")


@pytest.fixture
def parts(scaler_file) -> dict[str, Any]:
    """Number of tensors, compressed description and stream of a good file."""
    return opened_parts(scaler_file.read_bytes())


@pytest.fixture
def forge(scaler_file, parts):
    """Function that rewrites the parts of a good file and seals it again, as an attacker can."""

    def rewrite(**changed: Any) -> Path:
        scaler_file.write_bytes(sealed(**{**parts, **changed}))
        return scaler_file

    return rewrite


@pytest.fixture
def forge_document(reseal, scaler_file):
    """The same for the description, which a function changes or replaces by a text."""

    def rewrite(change) -> Path:
        reseal(scaler_file, change)
        return scaler_file

    return rewrite


@pytest.fixture
def reseal():
    """The same for the description of any file, in place."""

    def rewrite(path: Path, change) -> None:
        parts = opened_parts(path.read_bytes())
        document = json.loads(decompress(parts["text"]))
        new = change(document) or document
        text = compress(new if isinstance(new, str) else write_json(new))
        path.write_bytes(sealed(**{**parts, "text": text}))

    return rewrite


def opened_parts(blob: bytes) -> dict[str, Any]:
    _, at = read_varint(blob, 22)
    n_tensors, at = read_varint(blob, at)
    length, at = read_varint(blob, at)
    return {"n_tensors": n_tensors, "text": blob[at : at + length], "stream": blob[at + length :]}


def sealed(*, n_tensors: int, text: bytes, stream: bytes, opening: bytes = b"\x8bskdo\3") -> bytes:
    """File of these parts whose checksum holds."""
    inner = write_varint(n_tensors) + write_varint(len(text)) + text + stream
    body = write_varint(len(inner)) + inner
    return opening + hashlib.sha256(opening + body).digest()[:16] + body
