"""Peak memory that fitting 60,000 uint8 images adds to a process.

Each fit of the compact net, one epoch, runs in a fresh process. The peak is the kernel's
high-water mark of resident memory, reset just before ``fit``, above what was resident then, with
torch, the package and the images in memory and everything freed before given back. A tiny fit on
256 images comes first, so that libraries loaded on first use do not count; figures without that
warm-up are recorded too. Linux only.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/peak_memory.py
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from _record import spread, write_record

WARM_UP_SAMPLES = 256


def measured(samples: int, *, warm: bool) -> dict[str, int]:
    """Bytes that one fit adds at its peak and keeps at its end, in this process."""
    import torch

    from skdeepopt import CNNClassifier
    from skdeepopt.datasets import load_mnist

    torch.set_num_threads(1)
    data = load_mnist()
    X, y = data.X_train[:samples].copy(), data.y_train[:samples].copy()
    del data
    model = CNNClassifier(max_epochs=1, batch_size=128, random_state=0)
    if warm:
        model.fit(X[:WARM_UP_SAMPLES], y[:WARM_UP_SAMPLES])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # Resets the high-water mark: proc(5).
    before = _status_bytes("VmRSS")
    model.fit(X, y)
    return {"peak": _status_bytes("VmHWM") - before, "kept": _status_bytes("VmRSS") - before}


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024


def in_fresh_processes(samples: int, runs: int, *, warm: bool) -> dict[str, Any]:
    """Spread of the bytes added over some processes."""
    command = [sys.executable, __file__, "--child", "warm" if warm else "cold"]
    command += ["--samples", str(samples)]
    added: list[dict[str, int]] = []
    for _ in range(runs):
        child = subprocess.run(command, capture_output=True, text=True, check=True)
        added.append(json.loads(child.stdout.splitlines()[-1]))
    result = {f"{key}_bytes": spread(a[key] for a in added) for key in ("peak", "kept")}
    peak = result["peak_bytes"]
    label = "after a warm-up" if warm else "without warm-up"
    print(f"{label}: {peak['mean'] / 1e6:.1f} MB (up to {peak['max'] / 1e6:.1f}, {runs} runs)")
    return result


def main() -> None:
    """Measure with and without warm-up, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind")
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--quick", action="store_true", help="6,000 samples, no record")
    parser.add_argument("--child", choices=("warm", "cold"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measured(arguments.samples, warm=arguments.child == "warm")))
        return
    samples, runs = (6000, 1) if arguments.quick else (arguments.samples, arguments.runs)
    results = {
        "warm": in_fresh_processes(samples, runs, warm=True),
        "cold": in_fresh_processes(samples, runs, warm=False),
    }
    config = {"samples": samples, "runs": runs, "batch_size": 128, "epochs": 1, "threads": 1}
    config |= {"warm_up_samples": WARM_UP_SAMPLES, "seeds": [0]}
    if not arguments.quick:
        print(write_record("peak_memory", config, results).name)


if __name__ == "__main__":
    main()
