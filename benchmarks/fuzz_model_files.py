"""Damage model files at random, and record what loading them does.

Each child process has a limit on its memory and loads many damaged copies of several good files.
A copy is damaged in one of two ways: as a disk or a network would (bytes flipped, cut, moved), or
as an attacker would (the description or the numbers altered, then sealed with a checksum that
holds). The first kind must be refused or give the right answer; the second must be refused or
loaded. Any other end (another error, a crash, too much memory, more than a second) is a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MEMORY_ABOVE_IMPORTS = 256 * 2**20
LONGEST_S = 1.0
CHARACTERS = '[]{}",:0919.-eE\\anulx'
HOSTILE_VALUES = [
    None, True, -1, 0, 2**62, 10**18, 1e300, "", "x" * 1000, [], {}, [[]], {"array": "classes"},
    {"int": "0x" + "f" * 1000}, {"tuple": [10**9, 10**9]}, {"known": "os.system"},
    {"supplied": "os.system"}, {"estimator": "os.system", "params": {}},
    {"text": ["a"], "dtype": "<U100000000", "shape": [1]}, {"float": "nan"},
    {"values": "classes", "gaps": "classes", "shape": [2**40]}, [2**20, 2**20], [2**62, 0], [255],
]  # fmt: skip


def main() -> None:
    """Run the benchmark, or one batch of it in a child process."""
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(_attack(Path(arguments.child), arguments.seed, arguments.n)))
        return
    from benchmarks._record import write_record

    config = {
        "n": arguments.n,
        "batch": arguments.batch,
        "seeds": [arguments.seed],
        "memory_above_imports_bytes": MEMORY_ABOVE_IMPORTS,
        "longest_s": LONGEST_S,
    }
    results = _run(arguments.n, arguments.batch, arguments.seed)
    options = {"folder": arguments.out} if arguments.out else {}
    print(write_record("fuzz_model_files", config, results, **options))
    print(json.dumps(results, indent=2))
    sys.exit(1 if results["n_failures"] else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="damaged files in all")
    parser.add_argument("--batch", type=int, default=500, help="damaged files for each process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the record")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(n: int, batch: int, seed: int) -> dict[str, Any]:
    ends: Counter[str] = Counter()
    seconds: list[float] = []
    failures: list[str] = []
    peak = 0
    with tempfile.TemporaryDirectory() as folder:
        sizes = _write_models(Path(folder))
        for start in range(0, n, batch):
            count = min(batch, n - start)
            done = _spawn(folder, seed + start, count)
            ends.update(done["ends"])
            seconds += done["seconds"]
            failures += done["failures"]
            peak = max(peak, done["peak_added_bytes"])
    return {
        "n": n,
        "file_bytes": sizes,
        "ends": dict(sorted(ends.items())),
        "n_failures": len(failures),
        "failures": failures[:20],
        "load_ms_median": 1e3 * float(np.median(seconds)),
        "load_ms_p95": 1e3 * float(np.quantile(seconds, 0.95)),
        "load_ms_max": 1e3 * max(seconds),
        "peak_added_bytes": peak,
    }


def _spawn(folder: str, seed: int, count: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", folder, "--seed", str(seed), "--n", str(count)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        crash = f"the process of seed {seed} ended with {child.returncode}: {child.stderr[-500:]}"
        return {"ends": {"crash": 1}, "seconds": [0.0], "failures": [crash], "peak_added_bytes": 0}
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return result


def _write_models(folder: Path) -> dict[str, int]:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skdeepopt import CNNClassifier, NeuralClassifier, PrunedEstimator, save

    X, y = _data()
    labels = np.array(["cat", "dog", "owl"], dtype=object)[y]
    short = {"max_epochs": 1, "random_state": 0, "device": "cpu"}
    models = {
        "cnn": CNNClassifier(widths=(4, 8), **short).fit(X, labels),
        "mlp": NeuralClassifier(module__widths=(8,), **short).fit(X, y),
        "smaller": PrunedEstimator(CNNClassifier(**short), finetune_epochs=1).fit(X, y),
        "sparse": _without_small_weights(NeuralClassifier(module__widths=(64,), **short).fit(X, y)),
        "pipeline": make_pipeline(StandardScaler(), PCA(8, random_state=0)).fit(X),
    }
    np.savez(folder / "answers.npz", **{name: _answer(model) for name, model in models.items()})
    paths = {name: save(model, folder / f"{name}.safetensors") for name, model in models.items()}
    return {name: path.stat().st_size for name, path in paths.items()}


def _without_small_weights(model: Any) -> Any:
    """The model with one weight in twenty kept, which lies in the file as values and gaps."""
    import torch

    with torch.no_grad():
        for weight in model.module_.parameters():
            weight[weight.abs() < weight.abs().quantile(0.95)] = 0
    return model


def _data() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    return chance.integers(0, 17, (60, 64)).astype(np.float64), chance.integers(0, 3, 60)


def _answer(model: Any) -> np.ndarray:
    X, _ = _data()
    is_classifier = hasattr(model, "predict_proba")
    return model.predict_proba(X) if is_classifier else model.transform(X)


def _attack(folder: Path, seed: int, n: int) -> dict[str, Any]:
    from skdeepopt import load

    warnings.simplefilter("ignore")
    paths = sorted(folder.glob("*.safetensors"))
    good = {path.stem: path.read_bytes() for path in paths}
    answers = dict(np.load(folder / "answers.npz"))
    for path in paths:
        _answer(load(path))
    before = _limit_memory()
    chance = random.Random(seed)
    target = folder / f"damaged-{seed}"
    ends: Counter[str] = Counter()
    seconds, failures = [], []
    for at in range(n):
        name = chance.choice(sorted(good))
        is_sealed = chance.random() < 0.5
        damage = _seal_again if is_sealed else _damage
        target.write_bytes(damage(good[name], chance))
        end, took = _load(target, answers[name], is_sealed)
        ends[end] += 1
        seconds.append(took)
        if end.startswith("failure") or took > LONGEST_S:
            failures.append(f"seed {seed}, file {at} ({name}): {end}, {took:.2f} s")
    target.unlink()
    added = max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
    return {
        "ends": ends,
        "seconds": seconds,
        "failures": failures,
        "peak_added_bytes": added,
    }


def _load(path: Path, expected: np.ndarray, is_sealed: bool) -> tuple[str, float]:
    from skdeepopt import load
    from skdeepopt.exceptions import ModelFileError

    kind = "sealed" if is_sealed else "damaged"
    start = time.perf_counter()
    try:
        model = load(path)
    except ModelFileError:
        return f"{kind}: refused", time.perf_counter() - start
    except BaseException as error:
        return f"failure: {type(error).__name__}: {error}"[:200], time.perf_counter() - start
    took = time.perf_counter() - start
    if is_sealed:
        return "sealed: loaded", took
    is_right = _answer(model).tobytes() == expected.tobytes()
    return ("damaged: right answer" if is_right else "failure: wrong answer"), took


def _limit_memory() -> int:
    """Limit what the process may map beyond what it has now; its largest resident size so far."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + MEMORY_ABOVE_IMPORTS
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _damage(blob: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(blob))
    length = chance.choice([1, 2, 8, 30, 400])
    match chance.randrange(5):
        case 0:
            return blob[:at] + bytes([blob[at] ^ (1 << chance.randrange(8))]) + blob[at + 1 :]
        case 1:
            return blob[:at]
        case 2:
            return blob[:at] + chance.randbytes(length) + blob[at:]
        case 3:
            return blob[:at] + blob[at + length :]
        case _:
            return blob[:at] + chance.randbytes(length) + blob[at + length :]


def _seal_again(blob: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    metadata = header["__metadata__"]
    metadata["sha256"] = "0" * 64
    data = bytearray(blob[8 + length :])
    match chance.randrange(5):
        case 0:
            metadata["skdeepopt"] = _typed_over(metadata["skdeepopt"], chance)
        case 1:
            document = json.loads(metadata["skdeepopt"])
            _replace_somewhere(document["model"], chance)
            metadata["skdeepopt"] = json.dumps(document)
        case 2:
            _replace_somewhere(header, chance)
        case 3:
            at = chance.randrange(len(data))
            data[at : at + 64] = chance.randbytes(len(data[at : at + 64]))
        case _:
            name = chance.choice([name for name in header if name != "__metadata__"])
            key = chance.choice(["dtype", "shape", "data_offsets"])
            header[name][key] = chance.choice([*HOSTILE_VALUES, "F64", [2**40], [0, 4], [1, 1]])
    text = json.dumps(header, separators=(",", ":")).encode()
    if chance.random() < 0.2:
        text = _typed_over(text.decode(), chance).encode()
    return _sealed(text, bytes(data))


def _typed_over(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(CHARACTERS) + text[at + chance.randrange(2) :]


def _replace_somewhere(tree: Any, chance: random.Random) -> None:
    """Walk down at random, then put a hostile value in place of what is there."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = chance.choice(keys)
        inner = tree[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.15:
            tree[key] = chance.choice(HOSTILE_VALUES)
            return
        tree = inner


def _sealed(header: bytes, data: bytes) -> bytes:
    header += b" " * (-len(header) % 8)
    blob = len(header).to_bytes(8, "little") + header + data
    return blob.replace(b"0" * 64, hashlib.sha256(blob).hexdigest().encode(), 1)


if __name__ == "__main__":
    main()
