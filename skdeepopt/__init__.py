"""Make a neural network accurate, quick to train, small and fast, with scikit-learn's own verbs."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "AutoOptimizer": "skdeepopt.auto",
    "BayesSearchCV": "skdeepopt.search",
    "CNNClassifier": "skdeepopt.estimators",
    "CNNRegressor": "skdeepopt.estimators",
    "DistilledEstimator": "skdeepopt.meta",
    "HyperbandSearchCV": "skdeepopt.search",
    "ImageAugmenter": "skdeepopt.preprocessing",
    "ImageScaler": "skdeepopt.preprocessing",
    "NeuralClassifier": "skdeepopt.estimators",
    "NeuralRegressor": "skdeepopt.estimators",
    "PackedEstimator": "skdeepopt.meta",
    "PackingDisplay": "skdeepopt.report",
    "ParetoDisplay": "skdeepopt.report",
    "PrunedEstimator": "skdeepopt.meta",
    "PruningDisplay": "skdeepopt.report",
    "QuantizationDisplay": "skdeepopt.report",
    "QuantizedEstimator": "skdeepopt.meta",
    "TransferDisplay": "skdeepopt.report",
    "TransferEstimator": "skdeepopt.meta",
    "export": "skdeepopt.formats",
    "fastest_within": "skdeepopt.search",
    "load": "skdeepopt.storage",
    "measure": "skdeepopt.measurement",
    "save": "skdeepopt.storage",
    "search_space": "skdeepopt.space",
    "smallest_within": "skdeepopt.search",
}

_PUBLIC_ROOMS = ("datasets", "nets", "pruning", "quantization")

__all__ = [
    "AutoOptimizer",
    "BayesSearchCV",
    "CNNClassifier",
    "CNNRegressor",
    "DistilledEstimator",
    "HyperbandSearchCV",
    "ImageAugmenter",
    "ImageScaler",
    "NeuralClassifier",
    "NeuralRegressor",
    "PackedEstimator",
    "PackingDisplay",
    "ParetoDisplay",
    "PrunedEstimator",
    "PruningDisplay",
    "QuantizationDisplay",
    "QuantizedEstimator",
    "TransferDisplay",
    "TransferEstimator",
    "__version__",
    "export",
    "fastest_within",
    "load",
    "measure",
    "save",
    "search_space",
    "smallest_within",
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
