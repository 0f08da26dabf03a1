"""Batch-64 latency of networks cut to a quarter of their multiply-adds, over the dense ones'.

The shapes are those that `pruning.py` recorded; latency depends on them and not on the weights. In
turns, on one thread, a round of ten calls each: in torch, every network in the faster of its two
memory layouts (with few channels, channels last is the slower one), and in ONNX Runtime, as
`QuantizedEstimator(model, scheme="float32")` answers.

    taskset -c 1 python benchmarks/pruning_latency.py
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from _record import load_record, write_record
from _timing import interleaved, paired_ratios
from torch import nn

from skdeepopt.engines import OnnxRuntimeEngine
from skdeepopt.layers._trace import folded, traced
from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._pixel_groups import pixels_grouped
from skdeepopt.nets import build_network

NETS = ("lenet5", "compact")
IMAGE, BATCH = (1, 28, 28), 64
Call = Callable[[], Any]


def widths_of(net: str) -> list[list[int]]:
    """Channels of the pruned network's layers but the last, of each seed that was recorded."""
    runs = load_record(f"pruning-channels-{net}")["results"]["runs"]
    return [[kept for _, kept, _ in run["layers"][:-1]] for run in runs.values()]


def in_torch(module: nn.Module, layout: torch.memory_format) -> Call:
    """Call of the network on one batch in torch."""
    laid = copy.deepcopy(module).to(memory_format=layout)  # type: ignore[call-overload]
    return partial(laid, images().contiguous(memory_format=layout))


def in_onnx_runtime(module: nn.Module) -> Call:
    """The same in ONNX Runtime."""
    graph = folded(traced(module, owner="pruning_latency"))
    engine = OnnxRuntimeEngine(to_onnx(pixels_grouped(graph, IMAGE), IMAGE), threads=1)
    return partial(engine.run, images().numpy())


def images() -> torch.Tensor:
    """One batch."""
    return torch.rand(BATCH, *IMAGE, generator=torch.Generator().manual_seed(0))


def ten_times(call: Call) -> Call:
    """So many calls in one."""
    return lambda: [call() for _ in range(10)]


@torch.inference_mode()
def measured(net: str, rounds: int) -> dict[str, Any]:
    """Ratios for a network, over all shapes that its seeds came to."""
    shapes = {"x".join(map(str, widths)): widths for widths in widths_of(net)}
    modules = {"dense": build_network(net, IMAGE, 10).eval()}
    for name, widths in shapes.items():
        modules[name] = build_network(net, IMAGE, 10, widths=widths).eval()
    forms: dict[str, Callable[[nn.Module], Call]] = {
        "channels last": partial(in_torch, layout=torch.channels_last),
        "contiguous": partial(in_torch, layout=torch.contiguous_format),
        "onnxruntime": in_onnx_runtime,
    }
    seconds = {
        form: interleaved(
            {name: ten_times(call_for(module)) for name, module in modules.items()},
            rounds=rounds,
            warmup=5,
        )
        for form, call_for in forms.items()
    }
    in_torch_of = {
        name: min((seconds[layout][name] for layout in list(forms)[:2]), key=median)
        for name in modules
    }
    engine = seconds["onnxruntime"]
    return {
        "shares": {
            name: {
                "torch": median(in_torch_of[name]) / median(in_torch_of["dense"]),
                "onnxruntime": paired_ratios(engine[name], engine["dense"]),
            }
            for name in shapes
        },
        "median_ms": {
            form: {name: 1e2 * median(taken) for name, taken in of.items()}
            for form, of in seconds.items()
        },
    }


def main() -> None:
    """Time both networks, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    results = {net: measured(net, rounds) for net in NETS}
    print(results)
    write_record("pruning_latency", {"rounds": rounds, "batch": BATCH, "threads": 1}, results)


if __name__ == "__main__":
    main()
