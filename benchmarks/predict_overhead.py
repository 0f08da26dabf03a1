"""Seconds of ``predict_proba`` against the bare module in one batch loop.

Both answer the same uint8 images with the same weights in float32, on one thread, in turns. The
loop runs the module in inference mode over batches of the size that the estimator uses itself,
each converted to float with its channels last, then the softmax; it checks nothing.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/predict_overhead.py
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from _record import spread, write_record
from _timing import interleaved, paired_ratios
from torch import nn

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_mnist
from skdeepopt.training._net import _INFERENCE_BATCH

NETS = ("lenet5", "compact")
TRAINED_ON = 2000


@torch.inference_mode()
def by_hand(module: nn.Module, X: np.ndarray) -> np.ndarray:
    """Probabilities from the bare module."""
    parts = [
        module(part.float().contiguous(memory_format=torch.channels_last))
        for part in torch.from_numpy(X).unsqueeze(1).split(_INFERENCE_BATCH)
    ]
    return torch.softmax(torch.cat(parts), 1).numpy()


def measured(net: str, data: Any, samples: int, rounds: int) -> dict[str, Any]:
    """Time of ours as a multiple of the loop's, after both gave the same answers."""
    recipe: dict[str, Any] = {"max_epochs": 1, "lr": 1e-3, "random_state": 0}
    model = CNNClassifier(net, **recipe).fit(data.X_train[:TRAINED_ON], data.y_train[:TRAINED_ON])
    X, module = data.X_test[:samples], model.module_.eval()
    difference = float(np.abs(model.predict_proba(X) - by_hand(module, X)).max())
    if difference > 1e-5:
        raise AssertionError(f"The loop of {net} gives other answers, by up to {difference:.2g}.")
    seconds = interleaved(
        {"ours": lambda: model.predict_proba(X), "by_hand": lambda: by_hand(module, X)},
        rounds=rounds,
        warmup=2,
    )
    result = {
        "ratio": paired_ratios(seconds["ours"], seconds["by_hand"]),
        "seconds": {label: spread(times) for label, times in seconds.items()},
        "largest_difference": difference,
        "rounds": seconds,
    }
    print(net, result["ratio"], result["seconds"], f"difference {difference:.1g}")
    return result


def main() -> None:
    """Time both nets, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="2,000 samples, no record")
    arguments = parser.parse_args()
    samples, rounds = (2000, 5) if arguments.quick else (arguments.samples, arguments.rounds)
    torch.set_num_threads(1)
    data = load_mnist()
    results = {net: measured(net, data, samples, rounds) for net in NETS}
    config = {"samples": samples, "trained_on": TRAINED_ON, "batch_size": _INFERENCE_BATCH}
    config |= {"rounds": rounds, "threads": 1, "seeds": [0]}
    if not arguments.quick:
        print(write_record("predict_overhead", config, results).name)


if __name__ == "__main__":
    main()
