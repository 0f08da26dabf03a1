"""What a search costs besides training, on more than one worker: bytes, dispatch, speedup.

- Bytes: the package of a search over MNIST images, shipped to each worker once, and what goes to a
  worker and comes back with each candidate; those that go on with training bring their weights.
- Dispatch: seconds a candidate whose evaluation does nothing, on processes of this machine
  ("loky"), and on local clusters of dask and of ray, with two workers each: once with all of them
  under way, which is what the searching process can hand out, and once with as many as there are
  workers, which is how long a worker waits for its next one. The first outcomes, in which workers
  start and import, are timed apart.
- Speedup: candidates that train a network for about a second, on one worker and on two of each
  kind, in turns. The workers are warm.

A finished round is kept in ``records/partial``. ``scaling_table.py`` models larger clusters from
the record, and writes the tables of docs/scaling.md.

    SKDEEPOPT_DATA=... python benchmarks/scaling.py
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import torch
from _record import SeedStore, spread, write_record

from skdeepopt import CNNClassifier
from skdeepopt.datasets import load_mnist
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Task
from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import Package

WORKERS = 2
KINDS = ("loky", "dask", "ray")
CONFIG = {"workers": WORKERS, "images": 6000, "candidates": 16, "epochs": 4, "idle_candidates": 300}
QUICK = {"workers": WORKERS, "images": 300, "candidates": 4, "epochs": 1, "idle_candidates": 20}


def train(X: Any, y: Any, epochs: int, seed: int) -> float:
    """Accuracy of a small network on its own training images; the evaluation of a candidate."""
    model = CNNClassifier("compact", max_epochs=epochs, random_state=seed).fit(X, y)
    return float(model.score(X[:500], y[:500]))


def nothing(X: Any, y: Any, epochs: int, seed: int) -> float:
    """An evaluation without work."""
    return 0.0


@contextlib.contextmanager
def dask_workers() -> Iterator[None]:
    """A local dask cluster, with joblib set to it."""
    distributed: Any = importlib.import_module("distributed")
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, silence_logs=logging.CRITICAL) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


@contextlib.contextmanager
def ray_workers() -> Iterator[None]:
    """A local ray cluster, with joblib set to it."""
    ray: Any = importlib.import_module("ray")
    importlib.import_module("ray.util.joblib").register_ray()
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        with joblib.parallel_config("ray"):
            yield
    finally:
        ray.shutdown()


def on(kind: str) -> Any:
    """Workers of a kind, with joblib set to them."""
    if kind == "serial":
        return contextlib.nullcontext()
    clusters: dict[str, Callable[[], Any]] = {"dask": dask_workers, "ray": ray_workers}
    if kind in clusters:
        return clusters[kind]()
    return joblib.parallel_config(kind, n_jobs=WORKERS)


def timed(
    function: Callable[..., float],
    data: tuple[Any, ...],
    epochs: int,
    n: int,
    ahead: str = "n_jobs",
) -> Any:
    """Seconds of a run of `n` candidates, after one that warms the workers up, and that one's."""
    tasks = [Task(str(i), (epochs, i)) for i in range(n)]
    options: dict[str, Any] = {"n_jobs": None, "timeout": None, "pre_dispatch": ahead}
    with Dispatcher(function, data, **options) as dispatcher:
        begin = time.perf_counter()
        list(dispatcher.run(tasks[: 2 * WORKERS]))
        warm = time.perf_counter()
        outcomes = {outcome.key: outcome for outcome in dispatcher.run(tasks)}
        end = time.perf_counter()
    failed = [outcome.failure for outcome in outcomes.values() if outcome.failure]
    if failed:
        raise AssertionError(f"A candidate failed: {failed[0]}")
    values = [outcomes[task.key].value for task in tasks]
    return {"seconds": end - warm, "first_seconds": warm - begin, "values": values}


def one_round(config: dict[str, int], data: tuple[Any, ...], seed: int) -> dict[str, Any]:
    """Seconds of each kind of workers, with and without work; each round begins with the next."""
    kinds = ("serial", *KINDS)
    shift = seed % len(kinds)
    found = {}
    for kind in kinds[shift:] + kinds[:shift]:
        with on(kind):
            found[kind] = {
                "work": timed(train, data, config["epochs"], config["candidates"]),
                "flood": timed(nothing, data, 0, config["idle_candidates"], "all"),
                "idle": timed(nothing, data, 0, config["idle_candidates"]),
            }
        print(seed, kind, {name: round(part["seconds"], 3) for name, part in found[kind].items()})
    values = [found[kind]["work"].pop("values") for kind in kinds]
    if any(other != values[0] for other in values):
        raise AssertionError("The values depend on where they were computed.")
    for kind in kinds:
        del found[kind]["idle"]["values"], found[kind]["flood"]["values"]
    return found


def shipped_bytes(config: dict[str, int], data: tuple[Any, ...]) -> dict[str, int]:
    """Bytes to each worker once, and to and from a worker with each candidate."""
    X, y = data
    model = CNNClassifier("compact", max_epochs=1, random_state=0).fit(X[:300], y[:300])
    weights = sum(
        tensor.numel() * tensor.element_size() for tensor in model.module_.state_dict().values()
    )
    return {
        "package": Package.of(train, data).n_bytes,
        "arguments": len(pickled((config["epochs"], 0))),
        "answer": len(pickle.dumps(0.5)),
        "weights": weights,
    }


def summary(rounds: dict[int, Any], config: dict[str, int]) -> dict[str, Any]:
    """Speedup over one worker, dispatch and start of each kind, over the rounds."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        runs = list(rounds.values())
        serial = [run["serial"]["work"]["seconds"] for run in runs]
        work = [run[kind]["work"]["seconds"] for run in runs]
        flood = [run[kind]["flood"]["seconds"] / config["idle_candidates"] for run in runs]
        each = config["idle_candidates"] / config["workers"]
        pause = [run[kind]["idle"]["seconds"] / each for run in runs]
        start = [run[kind]["work"]["first_seconds"] for run in runs]
        found[kind] = {
            "speedup": spread(one / two for one, two in zip(serial, work, strict=True)),
            "dispatch_seconds": spread(flood),
            "pause_seconds": spread(pause),
            "start_seconds": spread(start),
        }
    per_candidate = [
        run["serial"]["work"]["seconds"] / config["candidates"] for run in rounds.values()
    ]
    return {"kinds": found, "candidate_seconds": spread(per_candidate)}


def main() -> None:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small round, no record")
    arguments = parser.parse_args()
    config = QUICK if arguments.quick else CONFIG
    seeds = list(range(1 if arguments.quick else arguments.rounds))
    torch.set_num_threads(1)  # as the workers have
    mnist = load_mnist()
    data = (mnist.X_train[: config["images"]].copy(), mnist.y_train[: config["images"]].copy())
    del mnist
    if arguments.quick:
        print(summary({0: one_round(config, data, 0)}, config), shipped_bytes(config, data))
        return
    store = SeedStore("scaling", config)
    rounds = store.run(seeds, lambda seed: one_round(config, data, seed))
    results = {"bytes": shipped_bytes(config, data), **summary(rounds, config), "rounds": rounds}
    print(write_record("scaling", {**config, "seeds": seeds}, results).name)
    store.clear()


if __name__ == "__main__":
    main()
