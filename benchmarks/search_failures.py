"""Searches of which thirty candidates in a hundred fail, in every way that a candidate can.

A register in a file gives each candidate its fate when it is first trained, and the same one when
it is tried again. Six each raise an exception, score NaN, run out of memory (half of them by a
MemoryError, half by torch's allocator), are killed as the kernel kills a process that is out of
memory, or hang past their timeout and ignore the polite signals. The search must end with 70
results and 30 reasons, each of which names what happened.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/search_failures.py
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import SeedStore, write_record
from _search_marks import digest, leave, marks
from sklearn.exceptions import FitFailedWarning
from skopt.space import Real

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_digits_images
from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._hyperband import HyperbandSearchCV

N_CANDIDATES = 100
N_OF_EACH = 6
WORDS = {
    "exception": ("ArithmeticError", "no such candidate"),
    "nan": ("nan",),
    "memory error": ("memory",),
    "killed": ("signal 9", "SIGKILL"),
    "hang": ("within",),
}
"""Ways to fail, and what a reason that names each one says, in any case of its letters."""

N_FAILING = N_OF_EACH * len(WORDS)
N_ROWS = 300
TIMEOUT_S = 20.0
SPACE = {
    "lr": Real(1e-4, 0.1, "log-uniform"),
    "weight_decay": Real(1e-5, 1.0, "log-uniform"),
    "dropout": Real(0.0, 0.6),
}
REGISTER = "SEARCH_FAILURES_REGISTER"


def fates() -> list[str]:
    """Fate of each candidate, in the order in which they are first trained."""
    failing = [kind for kind in WORDS for _ in range(N_OF_EACH)]
    drawn = failing + ["sound"] * (N_CANDIDATES - N_FAILING)
    return [str(fate) for fate in np.random.RandomState(0).permutation(drawn)]


def fate_of(parameters: Any) -> tuple[int, str]:
    """Number of a candidate in the register, and its fate; one that is new is written down."""
    name = digest({key: parameters[key] for key in SPACE})
    register = Path(os.environ[REGISTER])
    with register.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = [mark["candidate"] for mark in marks(register)]
        if name not in known:
            leave(register, candidate=name)
            known.append(name)
    number = known.index(name)
    return number, fates()[number] if number < N_CANDIDATES else "sound"


class FatefulCNN(CNNClassifier):
    """A network that fails as the register has it."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FatefulCNN:
        self._meet_its_fate()
        return super().fit(X, y, sample_weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        if fate_of(self.get_params())[1] == "nan":
            return float("nan")
        return float(super().score(X, y, sample_weight))

    def _meet_its_fate(self) -> None:
        number, fate = fate_of(self.get_params())
        if fate == "exception":
            raise ArithmeticError(f"no such candidate as number {number}")
        if fate == "memory error":
            _run_out_of_memory(by_torch=number % 2 == 0)
        if fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "hang":
            _hang()


def _run_out_of_memory(*, by_torch: bool) -> None:
    if not by_torch:
        raise MemoryError("Unable to allocate an array")
    torch.empty(2**60, dtype=torch.uint8)


def _hang() -> None:
    for polite in (signal.SIGTERM, signal.SIGINT):
        signal.signal(polite, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def bayes(**options: Any) -> Any:
    """A hundred whole trainings."""
    return BayesSearchCV(_network(2), SPACE, n_iter=N_CANDIDATES, **options)


def hyperband(**options: Any) -> Any:
    """Ten rounds of three brackets with ten candidates in all."""
    return HyperbandSearchCV(
        _network(4),
        SPACE,
        resource="epochs",
        min_resources=1,
        max_resources=4,
        factor=2,
        n_rounds=N_CANDIDATES // 10,
        **options,
    )


def _network(max_epochs: int) -> FatefulCNN:
    return FatefulCNN(widths=0.25, max_epochs=max_epochs, random_state=0)


SEARCHES: dict[str, Callable[..., Any]] = {"bayes": bayes, "hyperband": hyperband}


def searched(name: str) -> dict[str, Any]:
    """What the search has of its candidates when it ends."""
    X, y = load_digits_images().train
    rows = np.arange(N_ROWS)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[REGISTER] = str(Path(folder) / "register.jsonl")
        search = SEARCHES[name](
            cv=[(rows[:200], rows[200:])], random_state=0, timeout=TIMEOUT_S, refit=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitFailedWarning)
            search.fit(X[:N_ROWS], y[:N_ROWS])
        seconds = time.perf_counter() - start
        results = search.cv_results_
        fate = [fate_of(parameters)[1] for parameters in results["params"]]
        register = len(marks(Path(os.environ[REGISTER])))
    told = list(zip(fate, results["mean_test_score"], results["failure"], strict=True))
    return {"seconds": seconds, "n_registered": register, **judged(told)}


def searched_alone(name: str) -> dict[str, Any]:
    """The same in a process of its own: children that are idle keep the register of another."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        subprocess.run([sys.executable, __file__, "--child", name, str(out)], check=True)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def judged(told: list[tuple[str, float, str]]) -> dict[str, Any]:
    """Counts of results and reasons, from the fate, the score and the reason of each candidate."""
    failed = [(fate, reason) for fate, score, reason in told if not math.isfinite(score)]
    named = [fate for fate, reason in failed if _names(reason, fate)]
    wrong = [f"{fate}: {reason}" for fate, reason in failed if not _names(reason, fate)]
    examples = {fate: reason for fate, reason in failed if _names(reason, fate)}
    return {
        "n_candidates": len(told),
        "n_results": sum(
            fate == "sound" and math.isfinite(score) and not reason for fate, score, reason in told
        ),
        "n_named_reasons": len(named),
        "named": dict(sorted(Counter(named).items())),
        "examples": examples,
        "unnamed": wrong[:20],
    }


def _names(reason: str, fate: str) -> bool:
    return any(word.lower() in reason.lower() for word in WORDS.get(fate, ()))


def main() -> None:
    """Run both searches, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SEARCHES, help="this search, and no record")
    parser.add_argument("--child", nargs=2, metavar=("SEARCH", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        torch.set_num_threads(1)
        found = searched(options.child[0])
        Path(options.child[1]).write_text(json.dumps(found), encoding="utf-8")
        return
    config = {
        "n_candidates": N_CANDIDATES,
        "n_of_each": N_OF_EACH,
        "kinds": list(WORDS),
        "timeout_s": TIMEOUT_S,
        "threads": 1,
    }
    figures = {}
    for name in SEARCHES if options.only is None else [options.only]:
        store = SeedStore(f"search_failures-{name}", config)
        figures[name] = store.run([0], lambda _, name=name: searched_alone(name))[0]
        print(name, figures[name], flush=True)
    if options.only is None:
        print(write_record("search_failures", {**config, "seeds": [0]}, {"figures": figures}).name)
    sound = N_CANDIDATES - N_FAILING
    right = [
        (f["n_candidates"], f["n_results"], f["n_named_reasons"]) == (100, sound, N_FAILING)
        for f in figures.values()
    ]
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
