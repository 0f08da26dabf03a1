"""Size of LeNet-5's file in every form, against general compressors, and how fast it opens."""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

HARDEST = lzma.PRESET_EXTREME | 9
OPEN = """
import json, sys, time
import numpy as np
import torch, sklearn, skorch, constriction
import skdeepopt.estimators, skdeepopt.meta, skdeepopt.storage
from skdeepopt import load
if sys.argv[3] == "warm":
    import torch._dynamo  # a second or more; torch imports it with the first optimizer
X = np.load(sys.argv[2])
start = time.perf_counter()
model = load(sys.argv[1])
loaded = time.perf_counter()
model.predict(X)
print(json.dumps([1e3 * (loaded - start), 1e3 * (time.perf_counter() - start)]))
"""


def main() -> None:
    """Save every form, open each in fresh processes, and write the record."""
    from benchmarks._record import write_record

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000, help="training images")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder of the record")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        results = _results(Path(folder), arguments)
    config = {
        "samples": arguments.samples,
        "epochs": arguments.epochs,
        "repeats": arguments.repeats,
        "seeds": [0],
    }
    options = {"folder": arguments.out} if arguments.out else {}
    print(write_record("model_file", config, results, **options))
    for name, figures in results.items():
        print(name, json.dumps(figures))


def _results(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from skdeepopt.datasets import load_mnist

    mnist = load_mnist()
    X, y = mnist.X_train[: arguments.samples], mnist.y_train[: arguments.samples]
    np.save(folder / "x.npy", X[:1])
    forms = _forms(X, y, arguments.epochs)
    return {
        name: _figures(model, lossy, folder, arguments.repeats)
        for name, (model, lossy) in forms.items()
    }


def _forms(X: np.ndarray, y: np.ndarray, epochs: int) -> dict[str, tuple[Any, str | None]]:
    """Models, and what may be lost when each is saved."""
    from sklearn.frozen import FrozenEstimator

    from skdeepopt import CNNClassifier, PrunedEstimator, QuantizedEstimator

    dense = CNNClassifier("lenet5", max_epochs=epochs, random_state=0).fit(X, y)
    base = FrozenEstimator(dense)
    pruned = PrunedEstimator(
        base, granularity="weight", pruning_ratio=0.99, finetune_epochs=epochs, random_state=0
    ).fit(X, y)
    codes = {"method": "weight_only", "engine": "torch", "random_state": 0}
    quantized = {
        scheme: QuantizedEstimator(base, scheme=scheme, **codes).fit(X, y)
        for scheme in ("int8", "int4", "binary")
    }
    return {
        "dense": (dense, None),
        "bfloat16": (dense, "bfloat16"),
        "pruned to 1 %": (pruned, None),
        **{scheme: (model, None) for scheme, model in quantized.items()},
    }


def _figures(model: Any, lossy: str | None, folder: Path, repeats: int) -> dict[str, Any]:
    import zstandard

    from skdeepopt import save
    from skdeepopt.storage import byte_map

    path = folder / "model.skdo"
    save_ms = []
    for _ in range(repeats):
        start = time.perf_counter()
        save(model, path, lossy=lossy)
        save_ms.append(1e3 * (time.perf_counter() - start))
    bits: Counter[str] = Counter()
    for span in byte_map(path):
        bits[span.part] += span.bits
    plain = _dense_safetensors(path)
    warm, cold = (
        [_open(path, folder / "x.npy", imports) for _ in range(repeats)]
        for imports in ("warm", "cold")
    )
    return {
        "file_bytes": path.stat().st_size,
        "part_bytes": {part: round(count / 8, 1) for part, count in bits.items()},
        "entropy_bytes": round((bits["positions"] + bits["values"]) / 8, 1),
        "safetensors_bytes": len(plain),
        "lzma_9e_bytes": len(lzma.compress(plain, preset=HARDEST)),
        "zstandard_19_bytes": len(zstandard.ZstdCompressor(level=19).compress(plain)),
        "zstandard_22_bytes": len(zstandard.ZstdCompressor(level=22).compress(plain)),
        "save_ms": statistics.median(save_ms),
        "load_ms": statistics.median(loaded for loaded, _ in warm),
        "load_and_predict_ms": statistics.median(predicted for _, predicted in warm),
        "load_and_predict_with_imports_ms": statistics.median(predicted for _, predicted in cold),
    }


def _dense_safetensors(path: Path) -> bytes:
    """The tensors of a file as other tools would store them: codes as bytes, floats as floats."""
    from safetensors.numpy import save

    from skdeepopt.storage._opening import opened
    from skdeepopt.storage._tensors import to_numpy

    with opened(path) as container:
        tensors = {
            container.names[key]: to_numpy(stored) for key, stored in container.tensors.items()
        }
    return save(tensors)


def _open(path: Path, inputs: Path, imports: str) -> tuple[float, float]:
    """Milliseconds until the file is loaded, and until it has predicted, in a fresh process."""
    command = [sys.executable, "-c", OPEN, str(path), str(inputs), imports]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded, predicted = json.loads(done.stdout.splitlines()[-1])
    return loaded, predicted


if __name__ == "__main__":
    main()
