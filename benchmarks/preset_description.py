"""Write the text that the compressor of model descriptions has seen before.

A file names the text it needs by its schema, so a text that has been released never changes. Until
then, run this after a change of what estimators keep, or of what they are called.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LONGEST = 2**15 - 512
"""DEFLATE looks back so far at most, less what it reads ahead."""


def main() -> None:
    """Write the text of this version's schema."""
    from skdeepopt.storage._document import SCHEMA

    target = ROOT / "skdeepopt" / "storage" / f"description-{SCHEMA}.txt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = "\n".join(descriptions())
    # What is likeliest comes last, where references to it are shortest.
    target.write_text(text[-LONGEST:], encoding="ascii", newline="\n")
    print(f"{target}: {min(len(text), LONGEST):,} of {len(text):,} characters")


def descriptions() -> Iterator[str]:
    """Descriptions of all estimators, from the rarest to the likeliest."""
    from skdeepopt.storage._document import write_description
    from skdeepopt.storage._encode import Encoder
    from skdeepopt.storage._estimators import estimator_node
    from skdeepopt.storage._lossy import check_lossy
    from skdeepopt.storage._trail import Trail

    for estimator in _transformers():
        yield _node_of(estimator)
    for estimator in (*_networks(), *_wrappers()):
        encoder = Encoder(estimator_node, check_lossy("history"))
        yield write_description(encoder.encode(estimator, Trail("model")))
    encoder = Encoder(estimator_node)
    yield write_description(encoder.encode(_lenet5(), Trail("model")))


def _node_of(estimator: Any) -> str:
    from skdeepopt.storage._encode import Encoder
    from skdeepopt.storage._estimators import estimator_node
    from skdeepopt.storage._strict_json import write_json
    from skdeepopt.storage._trail import Trail

    return write_json(Encoder(estimator_node).encode(estimator, Trail("model")))


def _transformers() -> Iterator[Any]:
    """What needs no arguments, fitted where numbers suffice."""
    from skdeepopt.storage._registry import ESTIMATORS, resolve_estimator

    X, y = np.random.default_rng(0).random((12, 3)), np.arange(12) % 2
    for room in sorted(ESTIMATORS, reverse=True):
        for name in ESTIMATORS[room]:
            if room == "skdeepopt" and name not in ("ImageAugmenter", "ImageScaler"):
                continue
            try:
                yield resolve_estimator(f"{room}.{name}")().fit(X, y)
            except Exception as error:  # arguments, targets or more samples are needed
                print(f"{name} is left out: {str(error).splitlines()[0]}")


def _networks() -> Iterator[Any]:
    from skdeepopt import CNNClassifier, CNNRegressor, NeuralClassifier, NeuralRegressor
    from skdeepopt.nets import ARCHITECTURES

    X, y = _images(8)
    yield NeuralRegressor().fit(X, y)
    yield NeuralClassifier().fit(X, y)
    yield CNNRegressor().fit(X, y)
    for architecture in sorted(ARCHITECTURES):
        if architecture != "lenet5":
            yield CNNClassifier(architecture, max_epochs=1, random_state=0).fit(*_images(28))


def _wrappers() -> Iterator[Any]:
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skdeepopt import CNNClassifier, PackedEstimator, PrunedEstimator, QuantizedEstimator

    X, y = _images(28)
    network = CNNClassifier("lenet5", random_state=0)
    yield make_pipeline(StandardScaler(), network).fit(X, y)
    base = FrozenEstimator(network.fit(X, y))
    options: dict[str, Any] = {"engine": "onnxruntime", "random_state": 0}
    yield QuantizedEstimator(base, **options).fit(X, y)
    yield PrunedEstimator(base, granularity="weight", random_state=0).fit(X, y)
    yield PackedEstimator(base, finetune_epochs=1, random_state=0).fit(X, y)


def _lenet5() -> Any:
    from skdeepopt import CNNClassifier

    return CNNClassifier("lenet5", random_state=0).fit(*_images(28))


def _images(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in ten classes, a flat row for each image."""
    X = np.random.default_rng(0).random((40, side * side), dtype=np.float32)
    return X, np.arange(40) % 10


if __name__ == "__main__":
    main()
