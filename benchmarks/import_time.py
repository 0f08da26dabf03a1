"""Seconds of ``import skdeepopt`` in a fresh process, less those of the interpreter's start.

Processes that import the package and processes that do nothing are started in turns, from a warm
file cache with compiled bytecode; the difference is taken round by round. Whether the import
brought torch along is asked once.

    python benchmarks/import_time.py
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

from _record import ROOT, spread, write_record
from _timing import interleaved

IMPORTS_TORCH = "import sys, skdeepopt; print('torch' in sys.modules)"


def run(code: str) -> str:
    """What a fresh interpreter prints for `code`, run where the package is found."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Time both kinds of process in turns, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="3 rounds, no record")
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else arguments.rounds
    imports_torch = run(IMPORTS_TORCH).strip() == "True"
    seconds = interleaved(
        {"package": lambda: run("import skdeepopt"), "nothing": lambda: run("pass")}, rounds=rounds
    )
    added = [a - b for a, b in zip(seconds["package"], seconds["nothing"], strict=True)]
    low, middle, high = statistics.quantiles(added, n=4, method="inclusive")
    results = {
        "added_s": {"median": middle, "q25": low, "q75": high, "n": rounds},
        "imports_torch": imports_torch,
        "seconds": {label: spread(times) for label, times in seconds.items()},
        "rounds": seconds,
    }
    print(results["added_s"], results["seconds"], f"imports torch: {imports_torch}")
    if not arguments.quick:
        print(write_record("import_time", {"rounds": rounds}, results).name)


if __name__ == "__main__":
    main()
