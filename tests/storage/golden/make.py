"""Write the golden file of the newest schema and what it predicts; older ones stay as they are.

Files of schemas 1 and 2 were written by the code of their time. Run this once for a new schema.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))


def main() -> None:
    from skdeepopt import PrunedEstimator, load, save

    expected = dict(np.load(HERE / "expected.npz"))
    rows = expected["rows"]
    network = load(HERE / "network.safetensors")
    quantized = load(HERE / "quantized.safetensors")
    X, y = np.tile(rows, (6, 1)), np.arange(60) % 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruned = PrunedEstimator(
            FrozenEstimator(network), granularity="weight", finetune_epochs=1, random_state=0
        ).fit(X, y)
    for name, model in {"packed": pruned, "packed_quantized": quantized}.items():
        save(model, HERE / f"{name}.skdo")
        expected[name] = model.predict_proba(rows)
    np.savez_compressed(HERE / "expected.npz", **expected)


if __name__ == "__main__":
    main()
