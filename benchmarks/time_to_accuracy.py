"""Seconds of training until an accuracy on MNIST: `CNNClassifier` against the usual tutorial.

The tutorial is torch's own MNIST example: convolutions of 32 and 64, 3x3, dropout, a hidden
layer of 128, Adadelta at rate 1 that decays by 0.7 an epoch, batches of 64, float32. To make it
as strong as it can be without changing it, its batches are cut from tensors in memory, and its
layout is the faster one, channels last. It stops at the first epoch that reaches the accuracy;
ours trains a number of epochs fixed beforehand, chosen with the first 50,000 training images and
validated on the other 10,000. Everything runs in one process, in turns, on one thread.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/time_to_accuracy.py
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from _record import SeedStore, spread, write_record
from _rows import in_plain_values
from torch import nn

from skdeepopt import CNNClassifier, ImageAugmenter
from skdeepopt.datasets import load_mnist

SHARED = {"optimizer": "sgd", "lr": 0.3, "label_smoothing": 0.1}
RECIPES: dict[str, dict[str, Any]] = {
    "99.0": {
        **SHARED,
        "widths": (16, 64, 128),
        "batch_size": 96,
        "weight_decay": 1e-3,
        "max_epochs": 1,
    },
    "99.4": {
        **SHARED,
        "widths": (32, 64, 128),
        "batch_size": 128,
        "weight_decay": 5e-4,
        "max_epochs": 6,
        "augment": ImageAugmenter(shift=0.04, rotation=10, stretch=0.1),
    },
}
MOST_TUTORIAL_EPOCHS = 8


class TutorialNet(nn.Sequential):
    """The network of torch's MNIST example."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Linear(128, 10)),
        )


def tutorial(data: Any, seed: int) -> list[dict[str, float]]:
    """Training seconds and test accuracy of each epoch, until 99.4 % or the last epoch."""
    torch.manual_seed(seed)
    inputs, labels = _normalized(data.X_train), torch.from_numpy(data.y_train).long()
    net = TutorialNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    epochs: list[dict[str, float]] = []
    while len(epochs) < MOST_TUTORIAL_EPOCHS and not (epochs and epochs[-1]["accuracy"] >= 0.994):
        start = time.perf_counter()
        net.train()
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            batch = inputs[rows].contiguous(memory_format=torch.channels_last)
            nn.functional.cross_entropy(net(batch), labels[rows]).backward()
            optimizer.step()
        schedule.step()
        seconds = time.perf_counter() - start
        epochs.append({"seconds": seconds, "accuracy": _accuracy(net, data)})
        print(f"  tutorial epoch {len(epochs)}: {epochs[-1]}", flush=True)
    return epochs


@torch.inference_mode()
def _accuracy(net: nn.Module, data: Any) -> float:
    net.eval()
    parts = [net(part).argmax(1) for part in _normalized(data.X_test).split(1000)]
    return (torch.cat(parts) == torch.from_numpy(data.y_test).long()).float().mean().item()


def _normalized(images: Any) -> torch.Tensor:
    return (torch.from_numpy(images).unsqueeze(1).float() / 255 - 0.1307) / 0.3081


def ours(data: Any, seed: int, recipe: str) -> dict[str, float]:
    """Seconds of ``fit`` and test accuracy."""
    model = CNNClassifier(random_state=seed, **RECIPES[recipe])
    start = time.perf_counter()
    model.fit(data.X_train, data.y_train)
    seconds = time.perf_counter() - start
    result = {"seconds": seconds, "accuracy": model.score(data.X_test, data.y_test)}
    print(f"  ours to {recipe}: {result}", flush=True)
    return result


def run_seed(data: Any, seed: int) -> dict[str, Any]:
    """Ours, the tutorial, and ours again with the same seed: in turns."""
    print(f"seed {seed}", flush=True)
    before = {recipe: ours(data, seed, recipe) for recipe in RECIPES}
    epochs = tutorial(data, seed)
    after = {recipe: ours(data, seed, recipe) for recipe in RECIPES}
    return {"tutorial": epochs, "before": before, "after": after}


def summary(results: dict[int, Any], recipe: str) -> dict[str, Any]:
    """Ratio of the clocks, ours as the mean of before and after the tutorial."""
    goal = float(recipe) / 100
    runs = list(results.values())
    seconds = [(r["before"][recipe]["seconds"] + r["after"][recipe]["seconds"]) / 2 for r in runs]
    peer = [_seconds_until(r["tutorial"], goal) for r in runs]
    ratios = [theirs["seconds"] / mine for theirs, mine in zip(peer, seconds, strict=True)]
    return {
        "accuracy": spread(r["before"][recipe]["accuracy"] for r in runs),
        "seconds": spread(seconds),
        "tutorial_seconds": spread(p["seconds"] for p in peer),
        "tutorial_epochs": [p["epochs"] for p in peer],
        "tutorial_reached": sum(p["reached"] for p in peer),
        "tutorial_best_accuracy": spread(max(e["accuracy"] for e in r["tutorial"]) for r in runs),
        "ratio": {**spread(ratios), "median": statistics.median(ratios)},
        "ratio_is_a_lower_bound": not all(p["reached"] for p in peer),
    }


def _seconds_until(epochs: list[dict[str, float]], goal: float) -> dict[str, Any]:
    total = 0.0
    for number, epoch in enumerate(epochs, start=1):
        total += epoch["seconds"]
        if epoch["accuracy"] >= goal:
            return {"seconds": total, "epochs": number, "reached": True}
    return {"seconds": total, "epochs": len(epochs), "reached": False}


def main() -> None:
    """Run the seeds that are missing, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = list(range(parser.parse_args().seeds))
    torch.set_num_threads(1)
    data = load_mnist()
    ours(data, 0, "99.0")  # Warm-up: imports and allocations of a first fit.
    described = {name: in_plain_values(recipe) for name, recipe in RECIPES.items()}
    config = {"recipes": described, "tutorial_epochs_at_most": MOST_TUTORIAL_EPOCHS, "threads": 1}
    results = SeedStore("time_to_accuracy", config).run(seeds, lambda seed: run_seed(data, seed))
    figures = {recipe: summary(results, recipe) for recipe in RECIPES}
    path = write_record(
        "time_to_accuracy", {**config, "seeds": seeds}, {"figures": figures, "runs": results}
    )
    print(path.name, figures)


if __name__ == "__main__":
    main()
