"""Seconds of ``CNNClassifier.fit`` against a loop written by hand with the same tricks.

The loop has tensors in memory, the pixels' mean and deviation from 8,192 images, bfloat16 where
the processor has it, channels last, AdamW with decay groups straight to the fused kernel, the
OneCycle rate, the chain of layers in place of autograd, and keeps freed memory; it checks,
reports and remembers nothing. A second loop, ``by_hand_autograd``, is what a user would write
without this package's chain and optimizer. All train the compact net for one epoch of MNIST in
batches of 128, on one thread, in turns; the ratios are taken round by round.

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
from skdeepopt.training._chain import Chain
from skdeepopt.training._device import training_dtype
from skdeepopt.training._fused_steps import DirectAdamW
from skdeepopt.training._schedule import rate_factor

BATCH, RATE, DECAY = 128, 0.01, 0.01
STATISTICS_SAMPLES = 8192


def ours(X: np.ndarray, y: np.ndarray) -> CNNClassifier:
    """The estimator, fitted."""
    recipe: dict[str, Any] = {"batch_size": BATCH, "lr": RATE, "weight_decay": DECAY}
    return CNNClassifier(random_state=0, max_epochs=1, **recipe).fit(X, y)


def by_hand(X: np.ndarray, y: np.ndarray, *, chained: bool = True) -> nn.Module:
    """The same net, trained by a bare loop."""
    with keep_freed_memory():
        torch.manual_seed(0)
        inputs, labels = torch.from_numpy(X).unsqueeze(1), torch.from_numpy(y).long()
        net = _network(inputs)
        groups = [
            {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": DECAY},
            {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = (DirectAdamW if chained else torch.optim.AdamW)(groups, lr=RATE, fused=True)
        dtype = training_dtype("auto", torch.device("cpu"), pixels=BATCH * inputs[0].numel())
        chain = Chain.of(net) if chained else None
        batches = torch.randperm(len(inputs)).split(BATCH)
        for step, rows in enumerate(batches):
            batch = inputs.index_select(0, rows).float()
            for group in optimizer.param_groups:
                group["lr"] = RATE * rate_factor("onecycle", step / len(batches))
            _pass(net, chain, batch, labels.index_select(0, rows), dtype)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return net


def _pass(
    net: nn.Module,
    chain: Chain | None,
    batch: torch.Tensor,
    labels: torch.Tensor,
    dtype: torch.dtype | None,
) -> None:
    """Forward and backward."""
    if chain is None:
        with torch.autocast("cpu", dtype) if dtype else nullcontext():
            outputs = net(batch.contiguous(memory_format=torch.channels_last)).float()
        nn.functional.cross_entropy(outputs, labels).backward()
        return
    outputs = chain.forward(batch, dtype or torch.float32).requires_grad_()
    nn.functional.cross_entropy(outputs, labels).backward()
    chain.backward(outputs.grad)


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
    contenders = {
        "ours": lambda: ours(X, y),
        "by_hand": lambda: by_hand(X, y),
        "by_hand_autograd": lambda: by_hand(X, y, chained=False),
    }
    seconds = interleaved(contenders, rounds=rounds)
    results = {
        "ratio": paired_ratios(seconds["ours"], seconds["by_hand"]),
        "ratio_to_autograd": paired_ratios(seconds["ours"], seconds["by_hand_autograd"]),
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
