"""Latency of integer models, beside eager torch, float32 in the same engine, and the peers.

All contenders answer the same images with the weights of one trained network, on one thread, in
turns. A peer that is not installed is left out, and named in the record. Also measured: what
`predict_proba` takes over the bare call of the engine, and the seconds that quantizing takes.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/quantization_speed.py lenet5
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import spread, write_record
from _timing import interleaved, paired_ratios
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt import CNNClassifier, QuantizedEstimator
from skdeepopt.datasets import load_cifar10, load_mnist
from skdeepopt.engines import OnnxRuntimeEngine, OpenVINOEngine
from skdeepopt.layers._trace import folded, traced
from skdeepopt.lowering import to_onnx

NETS = {
    "lenet5": ({"architecture": "lenet5", "max_epochs": 1, "lr": 0.003}, load_mnist),
    "residual": ({"architecture": "residual", "max_epochs": 1}, load_cifar10),
}
ROUNDS = {1: 100, 64: 60, 1024: 12}
CALLS = {1: 20, 64: 1, 1024: 1}
"""Of each contender in a round: one call of a small batch finds its caches cold."""
TRAINED_ON = 10_000
CALIBRATED_ON = 512
PEERS = ("openvino", "nncf", "torchao")

Contender = Callable[[np.ndarray], np.ndarray]


def eager(module: nn.Module, *, channels_last: bool, dtype: torch.dtype) -> Contender:
    """The module in inference mode."""
    module = copy.deepcopy(module).eval()
    options = {"memory_format": torch.channels_last} if channels_last else {}
    module = module.to(**options)

    @torch.inference_mode()
    def run(images: np.ndarray) -> np.ndarray:
        inputs = torch.from_numpy(images)
        if channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return module(inputs).float().numpy()

    return run


def onnxruntimes_own(onnx: bytes, images: np.ndarray) -> Contender:
    """ONNX Runtime's `quantize_static` with its best settings for this processor."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.array_split(images, max(1, len(images) // 64)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"inputs": batch}

    with tempfile.TemporaryDirectory() as folder:
        given, prepared, made = (Path(folder) / f"{name}.onnx" for name in "abc")
        given.write_bytes(onnx)
        quant_pre_process(str(given), str(prepared))
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return OnnxRuntimeEngine(made.read_bytes(), threads=1).run


def nncfs(onnx: bytes, images: np.ndarray) -> Contender:
    """NNCF's `quantize`, run by OpenVINO."""
    import nncf
    import openvino

    model = openvino.Core().read_model(onnx)
    data = nncf.Dataset([images[i : i + 64] for i in range(0, len(images), 64)])
    quantized = nncf.quantize(model, data)
    config = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.compile_model(quantized, "CPU", config).create_infer_request()
    return lambda batch: request.infer([batch])[0].copy()


def torchaos(module: nn.Module) -> Contender:
    """Torchao's eager int8, which quantizes linear layers."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    module = copy.deepcopy(module).eval()
    quantize_(module, Int8DynamicActivationInt8WeightConfig())
    return eager(module, channels_last=True, dtype=torch.float32)


def contenders(base: Any, model: Any, images: np.ndarray) -> tuple[dict[str, Contender], list[str]]:
    """What answers, by name, and what could not take part and why."""
    module = base.module_
    onnx = to_onnx(folded(traced(module, owner="benchmark")), tuple(base.image_shape_))
    found: dict[str, Contender] = {
        "eager": eager(module, channels_last=False, dtype=torch.float32),
        "eager, channels_last": eager(module, channels_last=True, dtype=torch.float32),
        "eager, bfloat16": eager(module, channels_last=True, dtype=torch.bfloat16),
        "onnxruntime, float32": OnnxRuntimeEngine(onnx, threads=1).run,
        "onnxruntime, int8": model._engine.run,
    }
    makers: dict[str, Callable[[], Contender]] = {
        "onnxruntime's quantize_static": lambda: onnxruntimes_own(onnx, images[:CALIBRATED_ON])
    }
    if importlib.util.find_spec("openvino"):
        makers["openvino, float32"] = lambda: OpenVINOEngine(onnx, threads=1).run
        makers["openvino, int8"] = lambda: OpenVINOEngine(model._engine.model, threads=1).run
    if importlib.util.find_spec("nncf"):
        makers["nncf's quantize"] = lambda: nncfs(onnx, images[:CALIBRATED_ON])
    if importlib.util.find_spec("torchao"):
        makers["torchao's int8"] = lambda: torchaos(module)
    left_out = [f"{name}: not installed" for name in PEERS if not importlib.util.find_spec(name)]
    for name, make in makers.items():
        try:
            found[name] = make()
            found[name](images[:2])
        except Exception as error:
            found.pop(name, None)
            left_out.append(f"{name}: {type(error).__name__}: {str(error)[:120]}")
    return found, left_out


def repeat(run: Contender, batch: np.ndarray, calls: int) -> None:
    """Answer the same batch some times."""
    for _ in range(calls):
        run(batch)


def latencies(found: dict[str, Contender], images: np.ndarray) -> dict[str, Any]:
    """Milliseconds at each batch size, and how many times faster each is than the faster eager."""
    results = {}
    for size, rounds in ROUNDS.items():
        batch = np.ascontiguousarray(images[:size])
        repeated = {name: partial(repeat, run, batch, CALLS[size]) for name, run in found.items()}
        seconds = interleaved(repeated, rounds=rounds, warmup=3)
        medians = {name: float(np.median(taken)) / CALLS[size] for name, taken in seconds.items()}
        strong = min(("eager", "eager, channels_last"), key=lambda name: medians[name])
        results[str(size)] = {
            "ms": {name: 1e3 * value for name, value in medians.items()},
            "faster_eager": strong,
            "times_eager": {
                name: paired_ratios(seconds[strong], taken) for name, taken in seconds.items()
            },
            "times_float": paired_ratios(
                seconds["onnxruntime, float32"], seconds["onnxruntime, int8"]
            ),
        }
        print(size, results[str(size)]["ms"], flush=True)
    return results


def overhead(model: Any, image: np.ndarray) -> dict[str, Any]:
    """Microseconds of `predict_proba` over the engine's bare call, on one image."""
    row = image.reshape(1, -1)
    seconds = interleaved(
        {"ours": lambda: model.predict_proba(row), "bare": lambda: model._engine.run(image)},
        rounds=2000,
        warmup=50,
    )
    added = [1e6 * (a - b) for a, b in zip(seconds["ours"], seconds["bare"], strict=True)]
    return {
        "median_us": float(np.median(added)),
        "q25_us": float(np.quantile(added, 0.25)),
        "q75_us": float(np.quantile(added, 0.75)),
        "bare_us": 1e6 * float(np.median(seconds["bare"])),
    }


def quantizing_seconds(base: Any, data: Any) -> dict[str, Any]:
    """Seconds of a whole `fit` around the frozen network, on all training images."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        QuantizedEstimator(FrozenEstimator(base), random_state=0).fit(data.X_train, data.y_train)
        taken.append(time.perf_counter() - start)
    return spread(taken)


def main() -> None:
    """Measure one network and write its record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", choices=NETS)
    net = parser.parse_args().net
    torch.set_num_threads(1)
    options, load = NETS[net]
    data = load()
    step = len(data.y_train) // TRAINED_ON  # CIFAR-10 comes sorted by class.
    X, y = data.X_train[::step], data.y_train[::step]
    base = CNNClassifier(random_state=0, **options).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = QuantizedEstimator(
            FrozenEstimator(base), engine="onnxruntime", fallback=False, random_state=0
        ).fit(X, y)
    images = base._network_inputs(data.X_test[:1024]).float().contiguous().numpy()
    found, left_out = contenders(base, model, images)
    results = {
        "latency": latencies(found, images),
        "predict_proba_overhead": overhead(model, images[:1]),
        "quantizing_s": quantizing_seconds(base, data),
        "left_out": left_out,
    }
    print(results["predict_proba_overhead"], results["quantizing_s"], left_out)
    config = {
        "net": options,
        "rounds": {str(size): rounds for size, rounds in ROUNDS.items()},
        "calls": {str(size): calls for size, calls in CALLS.items()},
        "threads": 1,
    }
    print(write_record(f"quantization-speed-{net}", {**config, "seeds": [0]}, results))


if __name__ == "__main__":
    main()
