"""What pruning keeps of the accuracy, beside its controls, row by row.

A row trains a dense network, prunes a copy of it, and trains three controls: the same ratio by
`criterion="random"`, a dense network of the pruned one's size from scratch for as many epochs in
all, and, for channels, the dense network itself for as long in all, and the same cut done
by hand with torch-pruning, fine-tuned as long by the same training. Ratios, epochs and learning
rates were chosen with `--validate`, which trains on the first 50,000 training images of MNIST
(40,000 of CIFAR-10) and scores on the rest of them; without it the test images are looked at once
a seed.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/pruning.py lenet300-5
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from _record import spread
from _rows import Data, SeedRun, in_plain_values, run_rows, timed
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt import CNNClassifier, ImageAugmenter, PackedEstimator, PrunedEstimator
from skdeepopt.layers import layer_costs
from skdeepopt.meta._figures import batch_latencies_ms
from skdeepopt.nets import build_network

DIGITS = ImageAugmenter(shift=0.04, rotation=10, stretch=0.1)
PHOTOS = ImageAugmenter(shift=0.0625, flip=True)
LATENCY_BATCH = 64


@dataclass(frozen=True)
class Row:
    """A network, and how it is pruned.

    Parameters
    ----------
    data : str
    base : dict
        Parameters of the dense `CNNClassifier`.
    stages : tuple of dict
        Parameters of one `PrunedEstimator` after the other; of a `PackedEstimator` where there is
        a "target_bytes".
    kept : float or None
        Share of all parameters, biases too, that is not zero in the end; sets the ratio of the
        last stage.
    small : str
        What the small dense control has as many of: "parameters" or "multiply_adds".
    last : dict
        Parameters of the estimator inside that are others in the last stage, and in the training of
        the small dense control.
    as_long : str
        What the dense control has as many of in all: "epochs", or "seconds" of the processor.
    """

    data: str
    base: dict[str, Any]
    stages: tuple[dict[str, Any], ...]
    kept: float | None = None
    small: str = "parameters"
    last: dict[str, Any] = field(default_factory=dict)
    as_long: str = "epochs"

    @property
    def epochs(self) -> int:
        """Passes over the data in all."""
        return self.base["max_epochs"] + sum(stage["finetune_epochs"] for stage in self.stages)


LENET300 = {"architecture": "lenet300", "max_epochs": 10, "lr": 0.003, "augment": DIGITS}
LENET5 = {"architecture": "lenet5", "max_epochs": 6, "lr": 0.003, "augment": DIGITS}
COMPACT = {"architecture": "compact", "max_epochs": 10, "lr": 0.01, "augment": DIGITS}
RESIDUAL = {"architecture": "residual", "max_epochs": 16, "lr": 0.01, "augment": PHOTOS}
MASKS = {"granularity": "weight", "schedule": "gradual"}
CHANNELS = {"granularity": "channel", "scope": "multiply_adds", "schedule": "gradual"}
BLOCKS = {"granularity": "block", "scope": "multiply_adds", "schedule": "gradual"}
NARROW = {"granularity": "channel", "scope": "bytes", "schedule": "gradual"}
ROWS = {
    "lenet300-5": Row("mnist", LENET300, ({**MASKS, "finetune_epochs": 20},), 0.05),
    "lenet300-2": Row("mnist", LENET300, ({**MASKS, "finetune_epochs": 20},), 0.02),
    # Of a network with fewer channels, a small share of the weights makes better paths.
    "lenet5-1": Row(
        "mnist",
        LENET5,
        (
            {**CHANNELS, "pruning_ratio": 0.7, "finetune_epochs": 2},
            {**NARROW, "criterion": "lamp", "pruning_ratio": 0.7, "finetune_epochs": 3},
            {**MASKS, "criterion": "lamp", "finetune_epochs": 25},
        ),
        0.01,
    ),
    # Training for a short file finds better weights to keep than any score does, and on its coarse
    # grids those that are left generalize better than in float: 1.0 % error against 1.1 %.
    "lenet5-0.36": Row(
        "mnist",
        {**LENET5, "max_epochs": 10},
        (
            {"target_bytes": 1_800, "finetune_epochs": 30},
            {**MASKS, "finetune_epochs": 30},
        ),
        0.0036,
        # So few weights cannot learn to see through much augmentation.
        last={"lr": 0.005, "augment": ImageAugmenter(shift=0.04, rotation=5)},
    ),
    "channels-lenet5": Row(
        "mnist",
        LENET5,
        ({**CHANNELS, "pruning_ratio": 0.75, "finetune_epochs": 8},),
        small="multiply_adds",
    ),
    "channels-compact": Row(
        "mnist",
        COMPACT,
        ({**CHANNELS, "criterion": "batch_norm", "pruning_ratio": 0.75, "finetune_epochs": 20},),
        small="multiply_adds",
    ),
    # Of what costs a third of the multiply-adds, channels one by one would take more accuracy; and
    # what is small after one epoch can train for many more in the same time. Of 0.01, 0.015, 0.02,
    # 0.03 and 0.045 the highest rate is the best one, of the dense control too.
    "channels-residual": Row(
        "cifar10",
        {**RESIDUAL, "max_epochs": 1, "lr": 0.045},
        (
            {**BLOCKS, "schedule": "one_shot", "pruning_ratio": 0.35, "finetune_epochs": 0},
            {**CHANNELS, "schedule": "one_shot", "pruning_ratio": 0.2, "finetune_epochs": 17},
        ),
        small="multiply_adds",
        as_long="seconds",
    ),
}


def pruned(row: Row, base: Any, data: Data, seed: int) -> Any:
    """The base after all stages."""
    n_parameters = base.n_parameters_
    for number, stage in enumerate(row.stages, start=1):
        options = {"random_state": seed, **stage}
        if row.kept is not None and number == len(row.stages):
            options["pruning_ratio"] = ratio_for(base.module_, row.kept * n_parameters)
        if number == len(row.stages):
            base = copy.deepcopy(base)
            innermost(base).set_params(**row.last)
        wrapper = PackedEstimator if _packs(stage) else PrunedEstimator
        base = wrapper(FrozenEstimator(base), **options).fit(data.X, data.y)
    return base


def left_to_chance(row: Row) -> Row:
    """The row with as many epochs and as much cut away, but at random.

    Packing chooses what to keep as well, so in its place the network trains on whole.
    """
    whole = {**MASKS, "pruning_ratio": 0.0}
    stages = [
        {**whole, "finetune_epochs": stage["finetune_epochs"]}
        if _packs(stage)
        else {**stage, "criterion": "random"}
        for stage in row.stages
    ]
    return replace(row, stages=tuple(stages))


def _packs(stage: dict[str, Any]) -> bool:
    return "target_bytes" in stage


def innermost(model: Any) -> Any:
    """Estimator that trains, in all wrappers around it."""
    return model if hasattr(model, "net_") else innermost(model.estimator_)


def ratio_for(module: nn.Module, n_kept: float) -> float:
    """Ratio of the weights to prune for so many parameters to be left, biases among them."""
    sizes = [(parameter.ndim > 1, parameter.numel()) for parameter in module.parameters()]
    weights = sum(size for is_weight, size in sizes if is_weight)
    others = sum(size for is_weight, size in sizes if not is_weight)
    return 1 - int(n_kept - others) / weights


def widths_of(row: Row, size: int, image_shape: Any) -> float:
    """Multiple of the widths at which a dense network is as large as `size`."""
    low, high = 0.01, row.base.get("widths", 1.0)
    for _ in range(20):
        middle = (low + high) / 2
        if width_size(row, middle, image_shape) <= size:
            low = middle
        else:
            high = middle
    return low


def width_size(row: Row, widths: float, image_shape: Any) -> int:
    """Size of the row's architecture at a multiple of its widths."""
    network = build_network(row.base["architecture"], image_shape, 10, widths=widths)
    return size_of(network, row, image_shape)


def size_of(module: nn.Module, row: Row, image_shape: Any, *, nonzero: bool = False) -> int:
    """Multiply-adds a sample, or parameters, as the row counts."""
    if row.small == "multiply_adds":
        return multiply_adds_of(module, image_shape)
    counted = [torch.count_nonzero(p) if nonzero else p.numel() for p in module.parameters()]
    return int(sum(counted))


def multiply_adds_of(module: nn.Module, image_shape: Any) -> int:
    """Multiply-adds a sample."""
    costs = layer_costs(module, torch.zeros(1, *image_shape))
    return sum(cost.multiply_adds for cost in costs.values())


def by_hand(row: Row, base: Any, data: Data, multiply_adds: int) -> Any:
    """The cut of torch-pruning's own pruner, at once, to at most as many multiply-adds."""
    import torch_pruning

    model = copy.deepcopy(base)
    module, example = model.module_, torch.randn(2, *model.image_shape_)
    module.eval()
    pruner = torch_pruning.pruner.BasePruner(
        module,
        example,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        global_pruning=True,
        pruning_ratio=0.95,
        iterative_steps=200,
        ignored_layers=[module.network.head],
    )
    while size_of(module, row, model.image_shape_) > multiply_adds:
        pruner.step()
    epochs = sum(stage["finetune_epochs"] for stage in row.stages)
    return model.finetune(data.X, data.y, epochs=epochs, lr=model.lr)


class PruningRun(SeedRun):
    """A dense network, the pruned one, and the controls."""

    def run(self) -> dict[str, Any]:
        """Accuracy of the dense and the pruned network and of the controls, and what it took."""
        if "pruned" not in self.result:
            self._keep(self._main())
        for name, control in self._controls().items():
            if name not in self.result:
                self._keep({name: self.data.accuracy(control())})
        return self.result

    @cached_property
    def dense(self) -> tuple[Any, float]:
        """The dense network and its seconds; a run that goes on trains the same one anew."""
        return timed(self._fitted)

    def _fitted(self, **changes: Any) -> CNNClassifier:
        options = {**self.row.base, "random_state": self.seed, **changes}
        return CNNClassifier(**options).fit(self.data.X, self.data.y)

    def _main(self) -> dict[str, Any]:
        dense, dense_seconds = self.dense
        model, seconds = timed(lambda: pruned(self.row, dense, self.data, self.seed))
        report, shape = model.pruning_report_, dense.image_shape_
        batch = torch.randn(LATENCY_BATCH, *shape)
        return {
            "dense": self.data.accuracy(dense),
            "pruned": self.data.accuracy(model),
            "dense_seconds": dense_seconds,
            "pruning_seconds": seconds,
            "n_parameters": [dense.n_parameters_, report.after.n_parameters],
            "n_nonzero": report.after.n_nonzero,
            "multiply_adds": [multiply_adds_of(m.module_, shape) for m in (dense, model)],
            "latency_ms": batch_latencies_ms([dense.module_, model.module_], batch),
            "layers": [[layer.name, layer.kept, layer.total] for layer in report.layers],
            "size": size_of(model.module_, self.row, shape, nonzero=True),
            "image_shape": list(shape),
        }

    def _controls(self) -> dict[str, Callable[[], Any]]:
        if self.store is None:
            return {}
        row, data, size = self.row, self.data, self.result["size"]
        widths = widths_of(row, size, self.result["image_shape"])
        controls = {
            "random": lambda: pruned(left_to_chance(row), self.dense[0], data, self.seed),
            "small": lambda: self._fitted(max_epochs=row.epochs, widths=widths, **row.last),
        }
        if row.small == "multiply_adds":
            controls["longer"] = lambda: self._fitted(max_epochs=dense_epochs(row, self.result))
            controls["by_hand"] = lambda: by_hand(row, self.dense[0], data, size)
        return controls


def summary(row: Row, results: dict[int, Any]) -> dict[str, Any]:
    """Means over the seeds, and differences seed by seed."""
    runs = list(results.values())
    names = [n for n in ("dense", "pruned", "random", "small", "longer", "by_hand") if n in runs[0]]
    return {
        "accuracy": {name: spread(run[name] for run in runs) for name in names},
        "loss": {
            name: spread(run[name] - run["pruned"] for run in runs)
            for name in names
            if name != "pruned"
        },
        "latency_share": spread(run["latency_ms"][1] / run["latency_ms"][0] for run in runs),
        "multiply_adds_share": spread(
            run["multiply_adds"][1] / run["multiply_adds"][0] for run in runs
        ),
        "kept_share": spread(run["n_nonzero"] / run["n_parameters"][0] for run in runs),
        "seconds_share": spread(_seconds_share(row, run) for run in runs),
    }


def _seconds_share(row: Row, run: dict[str, Any]) -> float:
    """Of all pruning in the dense network's time; where that is short, both in the control's."""
    first, rest = run["dense_seconds"], run["pruning_seconds"]
    if row.as_long == "epochs":
        return rest / first
    return (first + rest) / (first * dense_epochs(row, run) / row.base["max_epochs"])


def dense_epochs(row: Row, run: dict[str, Any]) -> int:
    """Passes of the dense control over the data, for as long as the base and pruning took."""
    if row.as_long == "epochs":
        return row.epochs
    first, rest = run["dense_seconds"], run["pruning_seconds"]
    return round(row.base["max_epochs"] * (first + rest) / first)


def described(row: Row) -> dict[str, Any]:
    """The row in plain values."""
    base, last = map(in_plain_values, (row.base, row.last))
    described = {"data": row.data, "base": base, "stages": list(row.stages), "kept": row.kept}
    as_long = {} if row.as_long == "epochs" else {"as_long": row.as_long}
    return {**described, **({"last": last} if last else {}), **as_long}


if __name__ == "__main__":
    run_rows("pruning", ROWS, PruningRun, described, summary, doc=__doc__)
