"""Seconds of ``CNNClassifier.fit`` against a loop written by hand with the same tricks.

The loop has tensors in memory, the pixels' mean and deviation from 8,192 images, bfloat16 where
the processor has it, channels last, fused AdamW with decay groups, the OneCycle rate, and keeps
freed memory; it checks, reports and remembers nothing. Both train the compact net for one epoch
of MNIST in batches of 128, on one thread, in turns; the ratio is taken round by round.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/fit_overhead.py
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from _record import spread, write_record
from _timing import interleaved, paired_ratios
from torch import nn

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_mnist
from skdeepopt.nets import CompactCNN, Standardize
from skdeepopt.training._allocator import keep_freed_memory
from skdeepopt.training._device import training_dtype
from skdeepopt.training._schedule import rate_factor

BATCH, RATE, DECAY = 128, 0.01, 0.01
STATISTICS_SAMPLES = 8192


def ours(X: np.ndarray, y: np.ndarray) -> CNNClassifier:
    """The estimator, fitted."""
    recipe: dict[str, Any] = {"batch_size": BATCH, "lr": RATE, "weight_decay": DECAY}
    return CNNClassifier(random_state=0, max_epochs=1, **recipe).fit(X, y)


def by_hand(X: np.ndarray, y: np.ndarray) -> nn.Module:
    """The same net, trained by a bare loop."""
    with keep_freed_memory():
        torch.manual_seed(0)
        inputs, labels = torch.from_numpy(X).unsqueeze(1), torch.from_numpy(y).long()
        net = _network(inputs)
        decayed = [p for p in net.parameters() if p.ndim > 1]
        others = [p for p in net.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": DECAY},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
        dtype = training_dtype("auto", torch.device("cpu"), pixels=BATCH * inputs[0].numel())
        batches = torch.randperm(len(inputs)).split(BATCH)
        for step, rows in enumerate(batches):
            batch = inputs[rows].float().contiguous(memory_format=torch.channels_last)
            for group in optimizer.param_groups:
                group["lr"] = RATE * rate_factor("onecycle", step / len(batches))
            with torch.autocast("cpu", dtype) if dtype else nullcontext():
                outputs = net(batch)
            loss = nn.functional.cross_entropy(outputs.float(), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return net


def _network(inputs: torch.Tensor) -> nn.Module:
    variance, mean = torch.var_mean(inputs[:STATISTICS_SAMPLES].float(), (0, 2, 3))
    net = nn.Sequential(Standardize(mean, variance.sqrt()), CompactCNN(tuple(inputs.shape[1:]), 10))
    return net.to(memory_format=torch.channels_last).train()


def main() -> None:
    """Time both in turns, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--quick", action="store_true", help="4,000 samples, no record")
    arguments = parser.parse_args()
    samples, rounds = (4000, 3) if arguments.quick else (arguments.samples, arguments.rounds)
    torch.set_num_threads(1)
    data = load_mnist()
    X, y = data.X_train[:samples], data.y_train[:samples]
    seconds = interleaved(
        {"ours": lambda: ours(X, y), "by_hand": lambda: by_hand(X, y)}, rounds=rounds
    )
    results = {
        "ratio": paired_ratios(seconds["ours"], seconds["by_hand"]),
        "seconds": {label: spread(times) for label, times in seconds.items()},
        "rounds": seconds,
    }
    print(results["ratio"], results["seconds"])
    config = {"samples": samples, "epochs": 1, "batch_size": BATCH, "lr": RATE}
    config |= {"weight_decay": DECAY, "rounds": rounds, "threads": 1, "seeds": [0]}
    if not arguments.quick:
        print(write_record("fit_overhead", config, results).name)


if __name__ == "__main__":
    main()
