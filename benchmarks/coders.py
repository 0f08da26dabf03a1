"""Compare the range coder of constriction with zstandard and lzma, in bytes and milliseconds."""

from __future__ import annotations

import argparse
import lzma
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SHAPE = (500, 800)
HARDEST = lzma.PRESET_EXTREME | 9


def main() -> None:
    """Measure each coder on each array, and write the record."""
    from benchmarks._record import write_record

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder of the record")
    arguments = parser.parse_args()
    arrays = typical(np.random.default_rng(0))
    results = {name: measured(array, arguments.repeats) for name, array in arrays.items()}
    config = {"repeats": arguments.repeats, "seeds": [0], "shape": list(SHAPE)}
    options = {"folder": arguments.out} if arguments.out else {}
    print(write_record("coders", config, results, **options))
    for name, coders in results.items():
        print(name, {coder: figures["bytes"] for coder, figures in coders.items()})


def typical(chance: np.random.Generator) -> dict[str, np.ndarray]:
    """A layer as training, pruning and rounding leave it; rows and columns differ in how many
    weights they keep.
    """
    weights = (0.05 * chance.normal(size=SHAPE)).astype(np.float32)
    density = np.outer(np.exp(chance.normal(size=SHAPE[0])), np.exp(chance.normal(size=SHAPE[1])))
    keeps = {share: _kept(density, share, chance) for share in (0.01, 0.1)}
    codes = np.rint(chance.laplace(size=SHAPE)).clip(-7, 7).astype(np.int8)
    return {
        "dense float32": weights,
        "dense, held in bfloat16": (weights.view("<u4") & 0xFFFF0000).view("<f4"),
        "1 % of the weights": np.where(keeps[0.01], weights, np.float32(0)),
        "10 % of the weights": np.where(keeps[0.1], weights, np.float32(0)),
        "1 % of codes on a grid": np.float32(0.037) * (codes * keeps[0.01]).astype(np.float32),
        "int8 codes": np.rint(30 * chance.laplace(size=SHAPE)).clip(-127, 127).astype(np.int8),
        "int4 codes": codes,
        "binary": np.sign(weights).astype(np.int8),
    }


def _kept(density: np.ndarray, share: float, chance: np.random.Generator) -> np.ndarray:
    kept: np.ndarray = chance.random(density.shape) < density * (share / density.mean())
    return kept


def measured(array: np.ndarray, repeats: int) -> dict[str, dict[str, float]]:
    """Bytes, and median milliseconds there and back, by coder."""
    found = {}
    for name, (encode, decode) in _coders(array).items():
        data = encode()
        assert decode(data) == array.tobytes(), f"{name} must lose nothing"
        found[name] = {
            "bytes": len(data),
            "encode_ms": _median_ms(encode, repeats),
            "decode_ms": _median_ms(partial(decode, data), repeats),
        }
    return found


def _coders(array: np.ndarray) -> dict[str, tuple[Callable[[], bytes], Callable[[Any], bytes]]]:
    import zstandard

    from skdeepopt.coding import decode_arrays, encode_arrays
    from skdeepopt.storage._tensors import from_numpy

    raw, stored = array.tobytes(), from_numpy(array)
    room = 64 * 2**20

    def decode(data: bytes) -> bytes:
        return decode_arrays(data, 1, max_bytes=room)[0].raw.tobytes()

    return {
        "constriction": (lambda: encode_arrays([stored]).data, decode),
        "zstandard 22": (
            lambda: zstandard.ZstdCompressor(level=22).compress(raw),
            zstandard.ZstdDecompressor().decompress,
        ),
        "lzma 9e": (lambda: lzma.compress(raw, preset=HARDEST), lzma.decompress),
    }


def _median_ms(call: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


if __name__ == "__main__":
    main()
