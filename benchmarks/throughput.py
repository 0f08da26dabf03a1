"""Samples a second of training: `CNNClassifier` against skorch with the same net.

All train the same module (with the layer that standardizes), on the same float32 array, for one
epoch, with batches of 128 and AdamW, on one thread, and the whole call of ``fit`` is timed, in
turns. skorch comes three times:

- ``skorch_defaults``: its defaults, but silent and without a validation split, which ours has not;
- ``skorch_literal``: the same with its default ``ValidSplit(5)``, which trains on four fifths and
  scores the rest; all samples count as trained on;
- ``skorch_fast``: what a user who knows skorch well would set: channels last, no callbacks, fused
  AdamW, and batches cut from tensors in memory in place of the loader. Still float32.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/throughput.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from _record import spread, write_record
from _timing import interleaved, paired_ratios
from skorch import NeuralNetClassifier
from torch import nn

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_mnist
from skdeepopt.nets import ARCHITECTURES, Standardize

BATCH, RATE, DECAY = 128, 1e-3, 0.01
NETS = ("lenet5", "compact")


class MemoryBatches:
    """Stands in for a DataLoader: shuffled batches cut from the tensors of a skorch data set."""

    def __init__(self, dataset: Any, *, batch_size: int) -> None:
        self.inputs, self.labels = dataset.X, dataset.y
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for rows in torch.randperm(len(self.inputs)).split(self.batch_size):
            batch = self.inputs[rows].contiguous(memory_format=torch.channels_last)
            yield batch, self.labels[rows]


def contenders(net: str, X: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], object]]:
    """A call of ``fit`` for each contender, from new weights every time."""
    mean, deviation = torch.tensor([X.mean()]), torch.tensor([X.std()])
    tensors = torch.from_numpy(X), torch.from_numpy(y)

    def module() -> nn.Module:
        return nn.Sequential(Standardize(mean, deviation), ARCHITECTURES[net](X.shape[1:], 10))

    def channels_last() -> nn.Module:
        return module().to(memory_format=torch.channels_last)

    def skorch(build: Callable[[], nn.Module], **settings: Any) -> NeuralNetClassifier:
        return NeuralNetClassifier(
            build,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=DECAY,
            lr=RATE,
            batch_size=BATCH,
            max_epochs=1,
            verbose=0,
            **settings,
        )

    fast = {
        "train_split": None,
        "callbacks": "disable",
        "iterator_train": MemoryBatches,
        "optimizer__fused": True,
    }
    recipe = {"lr": RATE, "weight_decay": DECAY, "batch_size": BATCH, "max_epochs": 1}
    return {
        "ours": lambda: CNNClassifier(net, random_state=0, **recipe).fit(X, y),
        "skorch_defaults": lambda: skorch(module, train_split=None).fit(X, y),
        "skorch_literal": lambda: skorch(module).fit(X, y),
        "skorch_fast": lambda: skorch(channels_last, **fast).fit(*tensors),
    }


def measured(net: str, X: np.ndarray, y: np.ndarray, rounds: int) -> dict[str, Any]:
    """Rates of each contender, and how many times faster ours is than each other one."""
    seconds = interleaved(contenders(net, X, y), rounds=rounds)
    result = {
        "samples_per_second": {k: spread(len(X) / s for s in v) for k, v in seconds.items()},
        "ratio_to": {k: paired_ratios(v, seconds["ours"]) for k, v in seconds.items()},
        "seconds": seconds,
    }
    for label, rate in result["samples_per_second"].items():
        ratio = result["ratio_to"][label]
        print(f"{net} {label}: {rate['mean']:,.0f} samples/s, ours {ratio['median']:.2f} times")
    return result


def main() -> None:
    """Time both nets, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="1,000 samples, no record")
    arguments = parser.parse_args()
    samples, rounds = (1000, 2) if arguments.quick else (arguments.samples, arguments.rounds)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = load_mnist()
    X, y = data.X_train[:samples, None].astype(np.float32), data.y_train[:samples]
    results = {net: measured(net, X, y, rounds) for net in NETS}
    config = {"samples": samples, "epochs": 1, "batch_size": BATCH, "optimizer": "AdamW"}
    config |= {"lr": RATE, "weight_decay": DECAY, "rounds": rounds, "threads": 1, "seeds": [0]}
    if not arguments.quick:
        print(write_record("throughput", config, results).name)


if __name__ == "__main__":
    main()
