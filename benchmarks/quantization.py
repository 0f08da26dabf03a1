"""What quantization keeps of the accuracy, and how small its files are, row by row.

A row trains a dense network, and quantizes copies of it by several schemes. That of LeNet-5 also
trains the dense network for as many epochs in all as the scheme that trains longest, since
training on, and not rounding, may be what gains. Epochs and learning rates were chosen with
`--validate`, which trains on the first 50,000 training images of MNIST (40,000 of CIFAR-10) and
scores on the rest of them; without it the test images are looked at once a seed.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/quantization.py lenet5
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from _record import spread
from _rows import SeedRun, run_rows, timed
from pruning import LENET5, RESIDUAL
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt import CNNClassifier, NeuralClassifier, QuantizedEstimator
from skdeepopt.meta._figures import file_bytes

TRAINING = {"method": "training"}


class NormedMLP(nn.Sequential):
    """Three layers of 1024 rectified units behind batch norm, as in the BinaryConnect paper."""

    def __init__(self, width: int = 1024, dropout: float = 0.2) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = 784
        for _ in range(3):
            layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()]
            layers += [nn.Dropout(dropout)]
            inputs = width
        super().__init__(*layers, nn.Linear(inputs, 10))


@dataclass(frozen=True)
class Row:
    """A network, and the ways in which it is quantized.

    Parameters
    ----------
    data : str
    base : dict
        Parameters of the dense estimator.
    schemes : dict of str to dict
        Parameters of each `QuantizedEstimator`.
    trains_longer : bool, default=False
        Whether the dense network is also trained for as many epochs in all.
    """

    data: str
    base: dict[str, Any]
    schemes: dict[str, dict[str, Any]]
    trains_longer: bool = False

    @property
    def epochs(self) -> int:
        """Passes over the data, of the scheme that trains longest."""
        more = [options.get("finetune_epochs", 0) for options in self.schemes.values()]
        return self.base["max_epochs"] + max(more)


ROWS = {
    "lenet5": Row(
        "mnist",
        LENET5,
        {
            "int8": {"scheme": "int8"},
            "int4": {"scheme": "int4", **TRAINING, "finetune_epochs": 3},
            "ternary": {"scheme": "ternary", **TRAINING, "finetune_epochs": 4},
            "binary": {"scheme": "binary", **TRAINING, "finetune_epochs": 6},
        },
        trains_longer=True,
    ),
    "residual": Row(
        "cifar10",
        {**RESIDUAL, "max_epochs": 6},
        {
            "int8": {"scheme": "int8"},
            "int4": {"scheme": "int4", **TRAINING, "finetune_epochs": 2},
        },
    ),
    # Without augmentation: the order of the pixels is not to be known.
    "binary-mlp": Row(
        "mnist",
        {
            "module": NormedMLP,
            "max_epochs": 8,
            "lr": 0.003,
            "weight_decay": 0.01,
            "label_smoothing": 0.1,
        },
        {"binary": {"scheme": "binary", **TRAINING, "finetune_epochs": 30}},
    ),
}


class QuantizationRun(SeedRun):
    """A dense network, and each scheme's."""

    def run(self) -> dict[str, Any]:
        """Accuracy of the dense network, and figures of each scheme."""
        missing = [name for name in self.row.schemes if name not in self.result]
        if missing or "dense" not in self.result:
            dense, seconds = timed(self._fitted)
            self._keep({"dense": self.data.accuracy(dense), "dense_seconds": seconds})
            for name in missing:
                self._keep({name: self._quantized(dense, self.row.schemes[name])})
        if self.store is not None and self.row.trains_longer and "longer" not in self.result:
            longer = self._fitted(max_epochs=self.row.epochs)
            self._keep({"longer": self.data.accuracy(longer)})
        return self.result

    def _fitted(self, **changes: Any) -> Any:
        options = {**self.row.base, "random_state": self.seed, **changes}
        build = NeuralClassifier if "module" in options else CNNClassifier
        return build(**options).fit(self.data.X, self.data.y)

    def _quantized(self, dense: Any, options: dict[str, Any]) -> dict[str, Any]:
        model = QuantizedEstimator(FrozenEstimator(dense), random_state=self.seed, **options)
        start = time.perf_counter()
        model, seconds = timed(lambda: model.fit(self.data.X, self.data.y))
        return {
            "accuracy": self.data.accuracy(model),
            "seconds": seconds,
            "wall_seconds": time.perf_counter() - start,
            "file_share": file_bytes(model) / file_bytes(dense),
            "file_bytes": file_bytes(model),
            "agreement": agreement(model, self.data.X_scored),
            "engine": model.engine_,
            "layers": [[r.name, r.scheme, r.error] for r in model.quantization_report_.layers],
        }


@torch.inference_mode()
def agreement(model: Any, X: np.ndarray) -> float:
    """Share of the images to which the engine gives the class of the simulated network."""
    images = model._network_inputs(X).float()
    simulated = model.simulated_module_
    expected = torch.cat([simulated(part) for part in images.split(500)]).argmax(1).numpy()
    return float((model.predict(X) == model.classes_[expected]).mean())


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Means over the seeds, and differences seed by seed."""
    runs = list(results.values())
    parts = ("accuracy", "file_share", "agreement", "seconds")
    schemes = {
        name: {
            "loss": spread(run["dense"] - run[name]["accuracy"] for run in runs),
            **{
                part: spread(run[name][part] for run in runs)
                for part in parts
                if part in runs[0][name]
            },
        }
        for name in row.schemes
    }
    dense = {
        name: spread(run[name] for run in runs) for name in ("dense", "longer") if name in runs[0]
    }
    return {**dense, "schemes": schemes}


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    base = {
        key: value if isinstance(value, (int, float, str)) else str(value)
        for key, value in row.base.items()
    }
    return {"data": row.data, "base": base, "schemes": row.schemes}


if __name__ == "__main__":
    run_rows("quantization", ROWS, QuantizationRun, described, summary, doc=__doc__)
