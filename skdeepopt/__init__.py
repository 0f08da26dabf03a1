"""Make a neural network accurate, quick to train, small and fast, with scikit-learn's own verbs."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "CNNClassifier": "skdeepopt.estimators",
    "CNNRegressor": "skdeepopt.estimators",
    "DistilledEstimator": "skdeepopt.meta",
    "ImageAugmenter": "skdeepopt.preprocessing",
    "ImageScaler": "skdeepopt.preprocessing",
    "NeuralClassifier": "skdeepopt.estimators",
    "NeuralRegressor": "skdeepopt.estimators",
    "PackedEstimator": "skdeepopt.meta",
    "PackingDisplay": "skdeepopt.report",
    "PrunedEstimator": "skdeepopt.meta",
    "PruningDisplay": "skdeepopt.report",
    "QuantizationDisplay": "skdeepopt.report",
    "QuantizedEstimator": "skdeepopt.meta",
    "TransferDisplay": "skdeepopt.report",
    "TransferEstimator": "skdeepopt.meta",
    "export": "skdeepopt.formats",
    "load": "skdeepopt.storage",
    "measure": "skdeepopt.measurement",
    "save": "skdeepopt.storage",
}

_PUBLIC_ROOMS = ("datasets", "nets", "pruning", "quantization")

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "DistilledEstimator",
    "ImageAugmenter",
    "ImageScaler",
    "NeuralClassifier",
    "NeuralRegressor",
    "PackedEstimator",
    "PackingDisplay",
    "PrunedEstimator",
    "PruningDisplay",
    "QuantizationDisplay",
    "QuantizedEstimator",
    "TransferDisplay",
    "TransferEstimator",
    "__version__",
    "export",
    "load",
    "measure",
    "save",
]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that importing the package stays cheap."""
    if name in _PUBLIC_ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_PUBLIC_ROOMS})
