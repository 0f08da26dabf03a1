"""Searches on real clusters of this machine, with a worker killed in the middle."""

from __future__ import annotations

import logging
import os
import signal
import time
import warnings

import joblib
import numpy as np
import pytest

from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Task

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
"""The libraries of the clusters warn of each other's versions, and of sockets of dead workers."""

X = np.arange(400_000, dtype=np.float64)
N_TASKS = 12


@pytest.fixture(scope="module")
def dask():
    pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    import dask

    # On a busy machine a worker takes longer to come back than a local cluster waits for it.
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "300s"})
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        patient,
        distributed.LocalCluster(**options, silence_logs=logging.CRITICAL) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.util.joblib").register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture(params=["dask", "ray"])
def cluster(request):
    request.getfixturevalue(request.param)
    with joblib.parallel_config(request.param):
        yield request.param


def noted(folder, *, seconds=0.0, hangs=None):
    """A function that notes each of its calls in a folder; nested, so that it travels by value.

    The first call for the task that `hangs` does not come back.
    """
    path = str(folder)

    def compute(data, number):
        import pathlib

        is_first = not any(pathlib.Path(path).glob(f"{number}-*"))
        mark = pathlib.Path(path, f"{number}-{time.time_ns()}")
        mark.write_text(str(os.getpid()))
        time.sleep(600 if number == hangs and is_first else seconds)
        if number < 0:
            raise ValueError("below zero")
        rows = np.random.default_rng(number).integers(0, len(data), 1000)
        return float(data[rows].mean()), not data.flags.writeable

    return compute


def runs(folder):
    """How often each task began."""
    counts: dict[str, int] = {}
    for mark in folder.iterdir():
        number = mark.name.rpartition("-")[0]
        counts[number] = counts.get(number, 0) + 1
    return counts


def tasks():
    return [Task(str(number), (number,)) for number in range(N_TASKS)]


def serial_values():
    return {
        str(i): float(X[np.random.default_rng(i).integers(0, len(X), 1000)].mean())
        for i in range(N_TASKS)
    }


def test_a_cluster_gives_what_one_process_gives(cluster, tmp_path):
    with Dispatcher(noted(tmp_path), (X,), n_jobs=None, timeout=None) as workers:
        n_workers = workers.n_workers
        outcomes = {o.key: o for o in workers.run([*tasks(), Task("-1", (-1,))])}

    assert n_workers == 2
    assert outcomes.pop("-1").failure.reason == "ValueError: below zero"
    assert {key: o.value[0] for key, o in outcomes.items()} == serial_values()
    assert all(o.value[1] for o in outcomes.values())
    assert set(runs(tmp_path).values()) == {1}


def test_a_killed_worker_costs_what_it_had_in_hand(cluster, tmp_path):
    first_half = {}
    with Dispatcher(noted(tmp_path, hangs=5), (X,), n_jobs=None, timeout=None) as workers:
        outcomes = {}
        for outcome in workers.run(tasks()):
            outcomes[outcome.key] = outcome
            if len(outcomes) == N_TASKS // 2:
                first_half = dict(outcomes)
                os.kill(worker_at(tmp_path, 5), signal.SIGKILL)

    assert "5" not in first_half
    assert {key: o.value[0] for key, o in outcomes.items()} == serial_values()
    assert all(o.failure is None for o in outcomes.values())
    assert {key for key, times in runs(tmp_path).items() if times > 1} == {"5"}


def worker_at(folder, number):
    """Process that works at a task, known once the task has begun."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        for mark in folder.glob(f"{number}-*"):
            if pid := mark.read_text():
                return int(pid)
        time.sleep(0.01)
    raise AssertionError(f"Task {number} has not begun.")


def test_a_task_that_kills_its_workers_fails_alone(cluster):
    def deadly(data, number):
        if number == 1:
            os.kill(os.getpid(), 9)
        return number

    with Dispatcher(deadly, (X,), n_jobs=None, timeout=None, retries=1) as workers:
        outcomes = {o.key: o for o in workers.run([Task(str(i), (i,)) for i in range(4)])}

    assert outcomes.pop("1").failure.kind == "worker died"
    assert {key: o.value for key, o in outcomes.items()} == {"0": 0, "2": 2, "3": 3}


def test_a_task_that_hangs_is_ended_on_a_cluster(cluster):
    def slow(data, seconds):
        time.sleep(seconds)
        return seconds

    with Dispatcher(slow, (X,), n_jobs=None, timeout=1.0) as workers:
        outcomes = {o.key: o for o in workers.run([Task("0", (0,)), Task("60", (60,))])}

    assert outcomes["0"].value == 0
    assert outcomes["60"].failure.reason == "no answer within 1 s"


def test_who_stops_early_frees_the_cluster(cluster):
    def slow(data, seconds):
        time.sleep(seconds)
        return seconds

    begin = time.perf_counter()
    with Dispatcher(slow, (X,), n_jobs=None, timeout=None) as workers:
        run = workers.run(Task(str(s), (s,)) for s in (0, 5, 0, 5))
        assert next(run).value == 0
        run.close()

    assert time.perf_counter() - begin < 60


def test_both_workers_may_die_at_once(dask, tmp_path):
    with (
        joblib.parallel_config("dask"),
        Dispatcher(noted(tmp_path, seconds=0.5), (X,), n_jobs=None, timeout=None) as workers,
    ):
        outcomes = {}
        for outcome in workers.run(tasks()):
            outcomes[outcome.key] = outcome
            if len(outcomes) == 2:
                for pid in dask.run(os.getpid).values():
                    os.kill(pid, signal.SIGKILL)

    assert {key: o.value[0] for key, o in outcomes.items()} == serial_values()


def test_large_arguments_go_without_a_word(dask):
    state = bytes(12_000_000)
    with (
        joblib.parallel_config("dask"),
        Dispatcher(len, (), n_jobs=None, timeout=None) as workers,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error", UserWarning)
        (outcome,) = workers.run([Task("a", (state,))])

    assert outcome.value == len(state)
