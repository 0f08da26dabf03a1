"""Damage model files at random, and record what loading each of them does.

Each damaged file is loaded in a forked process of its own, whose memory is limited. A file is
damaged in one of two ways: as a disk or a network would (bytes flipped, cut, moved), or as an
attacker would (the description, the stream or the counts altered, then sealed with a checksum that
holds). The first kind must be refused or give the right answer; the second must be refused or
loaded. Any other end (another error, a crash, too much memory, more than a second) is a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
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

DECLARED_BYTES = 64 * 2**20
"""What the smallest file may declare; the memory limit is four times that above the imports."""

MEMORY_ABOVE_IMPORTS = 4 * DECLARED_BYTES
LONGEST_S = 1.0
KILLED_AFTER_S = 20
BATCH = 500
DIGEST_AT, BODY_AT = 6, 22
CHARACTERS = '[]{}",:0919.-eE\\anulx'
HOSTILE_VALUES = [
    None, True, -1, 0, 2**62, 10**18, 1e300, "", "x" * 1000, [], {}, [[]], {"array": 0},
    {"int": "0x" + "f" * 1000}, {"tuple": [10**9, 10**9]}, {"known": "os.system"},
    {"supplied": "os.system"}, {"estimator": "os.system", "params": {}},
    {"text": ["a"], "dtype": "<U100000000", "shape": [1]}, {"float": "nan"},
    {"rows": {"a": 0, "b": 1}}, {"tensor": 2**40}, [2**20, 2**20], [2**62, 0], [255],
]  # fmt: skip


def main() -> None:
    """Run the benchmark, or one batch of it in a child process."""
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(attack(Path(arguments.child), arguments.seed, arguments.n)))
        return
    from benchmarks._record import SeedStore, write_record

    config = {
        "n": arguments.n,
        "memory_above_imports_bytes": MEMORY_ABOVE_IMPORTS,
        "longest_s": LONGEST_S,
    }
    partial = {"folder": arguments.out / "partial"} if arguments.out else {}
    store = SeedStore("damage", config, **partial)
    with tempfile.TemporaryDirectory() as folder:
        sizes = write_models(Path(folder))
        batches = range(-(-arguments.n // BATCH))
        done = store.run(batches, lambda seed: _spawn(folder, seed, arguments.n))
    results = _summed(list(done.values())) | {"file_bytes": sizes}
    options = {"folder": arguments.out} if arguments.out else {}
    print(write_record("damage", config | {"seeds": list(batches)}, results, **options))
    print(json.dumps(results, indent=2))
    sys.exit(1 if results["n_failures"] else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20_000, help="damaged files in all")
    parser.add_argument("--out", type=Path, help="folder of the record")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _spawn(folder: str, seed: int, n: int) -> dict[str, Any]:
    count = min(BATCH, n - BATCH * seed)
    command = [sys.executable, __file__, "--child", folder, "--seed", str(seed), "--n", str(count)]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return result


def _summed(batches: list[dict[str, Any]]) -> dict[str, Any]:
    ends: Counter[str] = Counter()
    for batch in batches:
        ends.update(batch["ends"])
    seconds = [took for batch in batches for took in batch["seconds"]]
    failures = [failure for batch in batches for failure in batch["failures"]]
    return {
        "n": len(seconds),
        "ends": dict(sorted(ends.items())),
        "n_failures": len(failures),
        "failures": failures[:20],
        "load_ms_median": 1e3 * float(np.median(seconds)),
        "load_ms_p95": 1e3 * float(np.quantile(seconds, 0.95)),
        "load_ms_max": 1e3 * max(seconds),
        "peak_added_bytes": max(batch["peak_added_bytes"] for batch in batches),
    }


def write_models(folder: Path) -> dict[str, int]:
    """Sizes of good files of every kind, written there with what they answer."""
    from sklearn.decomposition import PCA
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skdeepopt import (
        CNNClassifier,
        NeuralClassifier,
        PrunedEstimator,
        QuantizedEstimator,
        save,
    )

    warnings.simplefilter("ignore")
    X, y = _data()
    labels = np.array(["cat", "dog", "owl"], dtype=object)[y]
    short = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
    network = CNNClassifier(widths=(4, 8), **short).fit(X, y)
    wide = NeuralClassifier(module__widths=(64,), **short).fit(X, y)
    weights = {"granularity": "weight", "pruning_ratio": 0.95}
    codes = {"scheme": "int4", "method": "weight_only", "engine": "torch"}
    models = {
        "cnn": CNNClassifier(widths=(4, 8), **short).fit(X, labels),
        "smaller": PrunedEstimator(FrozenEstimator(network), finetune_epochs=1).fit(X, y),
        "sparse": PrunedEstimator(FrozenEstimator(wide), finetune_epochs=1, **weights).fit(X, y),
        "codes": QuantizedEstimator(FrozenEstimator(wide), **codes).fit(X, y),
        "pipeline": make_pipeline(StandardScaler(), PCA(8, random_state=0)).fit(X),
    }
    paths = {name: save(model, folder / f"{name}.skdo") for name, model in models.items()}
    np.savez(folder / "answers.npz", **{name: _answer(model) for name, model in models.items()})
    return {name: path.stat().st_size for name, path in paths.items()}


def _data() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    return chance.integers(0, 17, (60, 64)).astype(np.float64), chance.integers(0, 3, 60)


def _answer(model: Any) -> np.ndarray:
    X, _ = _data()
    is_classifier = hasattr(model, "predict_proba")
    return model.predict_proba(X) if is_classifier else model.transform(X)


def attack(folder: Path, seed: int, n: int) -> dict[str, Any]:
    """Ends of loading so many damaged files, one forked process each."""
    import torch

    from skdeepopt import load

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # a forked process has no other threads
    good = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.skdo"))}
    answers = dict(np.load(folder / "answers.npz"))
    for name in good:
        load(folder / f"{name}.skdo")
    chance, target = random.Random(seed), folder / f"damaged-{seed}"
    ends: Counter[str] = Counter()
    seconds, failures, peak = [], [], 0
    for at in range(n):
        name, is_sealed = chance.choice(sorted(good)), chance.random() < 0.5
        target.write_bytes((_seal_again if is_sealed else _damage)(good[name], chance))
        end, took, added = _in_a_fork(target, answers[name], is_sealed)
        ends[end] += 1
        seconds.append(took)
        peak = max(peak, added)
        if end.startswith("failure") or took > LONGEST_S:
            failures.append(f"seed {seed}, file {at} ({name}): {end}, {took:.2f} s")
    target.unlink()
    return {"ends": ends, "seconds": seconds, "failures": failures, "peak_added_bytes": peak}


def _in_a_fork(path: Path, expected: np.ndarray, is_sealed: bool) -> tuple[str, float, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(KILLED_AFTER_S)
        os.write(writing, json.dumps(_load(path, expected, is_sealed)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if not told:
        return f"failure: the process ended with {status}", float(KILLED_AFTER_S), 0
    end, took, added = json.loads(told)
    return end, took, added


def _load(path: Path, expected: np.ndarray, is_sealed: bool) -> tuple[str, float, int]:
    from skdeepopt import load
    from skdeepopt.exceptions import ModelFileError

    before = _limit_memory()
    kind = "sealed" if is_sealed else "damaged"
    start, model = time.perf_counter(), None
    try:
        model = load(path)
        end = f"{kind}: loaded"
    except ModelFileError:
        end = f"{kind}: refused"
    except BaseException as error:
        end = f"failure: {type(error).__name__}: {error}"[:200]
    took = time.perf_counter() - start
    if model is not None and not is_sealed:
        is_right = _answer(model).tobytes() == expected.tobytes()
        end = "damaged: right answer" if is_right else "failure: wrong answer"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return end, took, max(0, peak - before)


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
    n_tensors, text, stream = _opened(blob)
    match chance.randrange(6):
        case 0:
            return _sealed(n_tensors, _compressed(_typed_over(text, chance)), stream)
        case 1:
            document = json.loads(text)
            _replace_somewhere(document["model"], chance)
            return _sealed(n_tensors, _compressed(json.dumps(document)), stream)
        case 2:
            return _sealed(n_tensors, _damage(_compressed(text), chance), stream)
        case 3:
            count = chance.choice([0, n_tensors - 1, n_tensors + 1, 8192, 2**62])
            return _sealed(count, _compressed(text), stream)
        case 4:
            # Most of what a stream says about its tensors comes early in it.
            at = int(len(stream) * chance.random() ** 3)
            altered = stream[:at] + chance.randbytes(chance.choice([1, 4, 64])) + stream[at + 1 :]
            return _sealed(n_tensors, _compressed(text), altered)
        case _:
            return _sealed(n_tensors, _compressed(text), _damage(stream, chance))


def _opened(blob: bytes) -> tuple[int, str, bytes]:
    """Number of tensors, description and stream of a good file."""
    from skdeepopt.coding._range_coder import read_varint
    from skdeepopt.storage._description import decompress

    _, at = read_varint(blob, BODY_AT)
    n_tensors, at = read_varint(blob, at)
    length, at = read_varint(blob, at)
    return n_tensors, decompress(blob[at : at + length]).decode(), blob[at + length :]


def _compressed(text: str) -> bytes:
    from skdeepopt.storage._description import compress

    return compress(text)


def _sealed(n_tensors: int, text: bytes, stream: bytes) -> bytes:
    from skdeepopt.coding._range_coder import write_varint
    from skdeepopt.storage._document import SCHEMA
    from skdeepopt.storage._packed import MAGIC

    inner = write_varint(n_tensors) + write_varint(len(text)) + text + stream
    opening, body = MAGIC + bytes([SCHEMA]), write_varint(len(inner)) + inner
    return opening + hashlib.sha256(opening + body).digest()[: BODY_AT - DIGEST_AT] + body


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


if __name__ == "__main__":
    main()
