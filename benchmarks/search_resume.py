"""Searches that are killed at a random moment and then resumed, twenty times each.

A search runs once undisturbed, in a process of its own. Then it runs again with a journal, is
killed (`kill -9`) at a moment that is drawn from its whole duration, and is started once more with
the same journal in a new process. It must end with the same best candidate, and no candidate that
had finished may be trained again: the network leaves a mark after each training, and the search's
callback one for each finished candidate.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/search_resume.py
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import SeedStore, spread, write_record
from _search_marks import digest, leave, marks
from _search_space import in_plain_types
from skopt.space import Categorical, Real

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_digits_images
from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._hyperband import HyperbandSearchCV

N_ROWS = 300
N_ITER = 16
MAX_EPOCHS = 4
SPACE = {
    "lr": Real(1e-4, 0.3, "log-uniform"),
    "weight_decay": Real(1e-5, 1.0, "log-uniform"),
    "optimizer": Categorical(["adamw", "sgd"]),
}
LOG = "SEARCH_RESUME_LOG"
PATIENCE_S = 600


class MarkedCNN(CNNClassifier):
    """Leaves a mark after each training."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MarkedCNN:
        return self._marked(super().fit(X, y, sample_weight), y)

    def partial_fit(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> MarkedCNN:
        return self._marked(super().partial_fit(X, y, *args, **kwargs), y)

    def finetune(self, X: Any, y: Any, **kwargs: Any) -> MarkedCNN:
        return self._marked(super().finetune(X, y, **kwargs), y)

    def _marked(self, fitted: MarkedCNN, y: Any) -> MarkedCNN:
        rows = digest({"y": np.asarray(y).tolist()})
        key = f"{_name(self.get_params())}@{len(self.history_)}"
        leave(_log(), event="trained", candidate=key, rows=rows)
        return fitted


def _log() -> Path:
    return Path(os.environ[LOG])


def _name(parameters: Any) -> str:
    return digest({name: parameters[name] for name in SPACE})


def _finished(progress: Any) -> None:
    epochs = MAX_EPOCHS if progress.resource is None else progress.resource
    key = f"{_name(progress.parameters)}@{epochs}"
    leave(_log(), event="finished", candidate=key, resumed=progress.resumed)


def bayes(**options: Any) -> Any:
    """Whole trainings."""
    return BayesSearchCV(_network(), SPACE, n_iter=N_ITER, **options)


def hyperband(**options: Any) -> Any:
    """Trainings that go on from their weights, in two rounds of three brackets."""
    return HyperbandSearchCV(
        _network(),
        SPACE,
        resource="epochs",
        min_resources=1,
        max_resources=MAX_EPOCHS,
        factor=2,
        n_rounds=2,
        **options,
    )


def _network() -> MarkedCNN:
    return MarkedCNN(widths=0.25, max_epochs=MAX_EPOCHS, random_state=0)


SEARCHES: dict[str, Callable[..., Any]] = {"bayes": bayes, "hyperband": hyperband}


def search_once(name: str, journal: Path, out: Path) -> None:
    """Run a search to its end, in the process that may be killed; the result goes to `out`."""
    torch.set_num_threads(1)
    X, y = load_digits_images().train
    search = SEARCHES[name](
        cv=2, random_state=0, refit=False, journal=str(journal), callbacks=[_finished]
    )
    # A process's first training takes seconds to import what torch needs for it: no moment for it.
    CNNClassifier(widths=0.25, max_epochs=1).fit(X[:N_ROWS], y[:N_ROWS])
    leave(_log(), event="begins")
    search.fit(X[:N_ROWS], y[:N_ROWS])
    results = search.cv_results_
    found = {
        "best": in_plain_types(search.best_params_),
        "score": float(search.best_score_),
        "candidates": [digest(parameters) for parameters in results["params"]],
        "scores": [float(score) for score in results["mean_test_score"]],
    }
    out.write_text(json.dumps(found), encoding="utf-8")


class Killed:
    """A search in a folder of its own, started as often as it takes."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "log.jsonl"
        self.out = folder / "found.json"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the search, and wait until it begins."""
        n_before = self._n_begun()
        command = [sys.executable, __file__, "--child", self.name, str(self.folder)]
        process = subprocess.Popen(command, env={**os.environ, LOG: str(self.log)})
        while self._n_begun() == n_before:
            if process.poll() is not None:
                raise RuntimeError(f"The search {self.name} ended before it began.")
            time.sleep(0.01)
        return process

    def to_its_end(self) -> dict[str, Any]:
        """Start the search, and return what it found."""
        process = self.start()
        if process.wait(PATIENCE_S) != 0:
            raise RuntimeError(f"The search {self.name} ended with status {process.returncode}.")
        found: dict[str, Any] = json.loads(self.out.read_text(encoding="utf-8"))
        return found

    def killed_after(self, seconds: float) -> bool:
        """Start the search and kill it; False where it had ended by then."""
        process = self.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def _n_begun(self) -> int:
        # The last line may be cut off by a kill, but not before the next process writes.
        return self.log.read_text(encoding="utf-8").count('"begins"') if self.log.exists() else 0


def undisturbed(name: str) -> dict[str, Any]:
    """What the search finds when nothing happens to it, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = Killed(name, Path(folder))
        process = run.start()
        start = time.perf_counter()
        if process.wait(PATIENCE_S) != 0:
            raise RuntimeError(f"The search {name} ended with status {process.returncode}.")
        seconds = time.perf_counter() - start
        found = json.loads(run.out.read_text(encoding="utf-8"))
        trained = [mark for mark in marks(run.log) if mark["event"] == "trained"]
    print(f"{name}: {len(trained)} trainings in {seconds:.1f} s", flush=True)
    return {"found": found, "seconds": seconds, "n_trainings": len(trained)}


def killed_and_resumed(name: str, whole: dict[str, Any], seed: int) -> dict[str, Any]:
    """Whether the search ends as it does undisturbed, and what it trained again."""
    moment = random.Random(f"{name} {seed}").random() * whole["seconds"]
    while True:
        with tempfile.TemporaryDirectory() as folder:
            run = Killed(name, Path(folder))
            if run.killed_after(moment):
                before = marks(run.log)
                found = run.to_its_end()
                after = marks(run.log)[len(before) :]
                break
        moment *= 0.9  # The machine was faster this time.
    result = {
        "moment_s": moment,
        "same_best": (found["best"], found["score"]) == _best(whole["found"]),
        "same_results": found == whole["found"],
        **trained_again(before, after),
    }
    print(f"{name} {seed}: {result}", flush=True)
    return result


def _best(found: dict[str, Any]) -> tuple[Any, Any]:
    return found["best"], found["score"]


def trained_again(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, int]:
    """Trainings that happened twice, by the marks before the kill and after it."""
    finished = {mark["candidate"] for mark in before if mark["event"] == "finished"}
    trained, again = (
        Counter((m["candidate"], m["rows"]) for m in part if m["event"] == "trained")
        for part in (before, after)
    )
    return {
        "n_finished": len(finished),
        "n_trained": trained.total(),
        "n_trained_after": again.total(),
        "n_finished_again": sum(n for (name, _), n in again.items() if name in finished),
        # One whose training had ended, while its scores were not on disk yet.
        "n_unfinished_again": sum(
            n for key, n in again.items() if key in trained and key[0] not in finished
        ),
        "n_resumed": sum(m["event"] == "finished" and m["resumed"] for m in after),
    }


def summary(whole: dict[str, Any], runs: dict[int, Any]) -> dict[str, Any]:
    """Counts over the kills."""
    kills = list(runs.values())
    return {
        "n_kills": len(kills),
        "n_same_best": sum(kill["same_best"] for kill in kills),
        "n_same_results": sum(kill["same_results"] for kill in kills),
        "n_finished_again": sum(kill["n_finished_again"] for kill in kills),
        "n_unfinished_again": sum(kill["n_unfinished_again"] for kill in kills),
        "n_trainings": whole["n_trainings"],
        "seconds": whole["seconds"],
        "moment_share": spread(kill["moment_s"] / whole["seconds"] for kill in kills),
    }


def main() -> None:
    """Kill and resume each search, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", choices=SEARCHES, help="this search, and no record")
    parser.add_argument("--child", nargs=2, metavar=("SEARCH", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, folder = options.child[0], Path(options.child[1])
        search_once(name, folder / "journal", folder / "found.json")
        return
    config = {"n_rows": N_ROWS, "n_iter": N_ITER, "max_epochs": MAX_EPOCHS, "threads": 1}
    figures, runs = {}, {}
    for name in SEARCHES if options.only is None else [options.only]:
        first = SeedStore(f"search_resume-{name}-undisturbed", config)
        whole = first.run([0], lambda _, name=name: undisturbed(name))[0]
        store = SeedStore(f"search_resume-{name}", {**config, "found": whole["found"]})
        runs[name] = store.run(
            range(options.kills),
            lambda seed, name=name, whole=whole: killed_and_resumed(name, whole, seed),
        )
        figures[name] = summary(whole, runs[name])
        print(name, figures[name], flush=True)
    if options.only is None:
        results = {"figures": figures, "runs": runs}
        print(write_record("search_resume", {**config, "seeds": options.kills}, results).name)
    bad = [f for f in figures.values() if f["n_finished_again"] or f["n_same_best"] < f["n_kills"]]
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
