from __future__ import annotations

import os
import threading
import time

import joblib
import numpy as np
import pytest
import torch

from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Task
from skdeepopt.workers._isolation import end_idle_children
from skdeepopt.workers._local_workers import LocalChildren
from skdeepopt.workers._workers import Job


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    end_idle_children()


X = np.arange(50_000.0)


def told(outcomes):
    return {o.key: (o.value, o.failure and (o.failure.kind, o.failure.reason)) for o in outcomes}


def behaving():
    """A function that a test can ask to misbehave; nested, so that it travels by value."""

    def behave(data, what):
        if what == "raise":
            raise ValueError("no such layer")
        if what == "hang":
            time.sleep(60)
        if what == "die":
            os.kill(os.getpid(), 9)
        return float(data.sum()) + what

    return behave


def test_threads_leave_the_settings_of_joblib_to_the_search():
    def level():
        return joblib.parallel.get_active_backend()[0].nesting_level, threading.get_ident()

    with (
        joblib.parallel_config("threading", n_jobs=2),
        Dispatcher(level, (), n_jobs=None, timeout=None) as threads,
    ):
        (outcome,) = threads.run([Task("a", ())])

    assert outcome.value[0] == 1
    assert outcome.value[1] != threading.get_ident()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_one_worker_has_as_many_threads_as_any(n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    options = {} if n_threads == 1 else {"inner_max_num_threads": n_threads}

    with (
        joblib.parallel_config("loky", n_jobs=1, **options),
        Dispatcher(torch.get_num_threads, (), n_jobs=None, timeout=None) as serial,
    ):
        (outcome,) = serial.run([Task("a", ())])
    after = torch.get_num_threads()
    torch.set_num_threads(before)

    assert (outcome.value, after) == (n_threads, 2)


def test_nothing_is_packed_where_no_child_is_needed():
    lock = threading.Lock()
    with Dispatcher(lambda lock: lock.locked(), (lock,), n_jobs=1, timeout=None) as serial:
        (outcome,) = serial.run([Task("a", ())])

    assert outcome.value is False


def test_what_no_process_can_have_is_named():
    lock = threading.Lock()
    with (
        Dispatcher(lambda lock: None, (lock,), n_jobs=2, timeout=None) as processes,
        pytest.raises(TypeError, match="n_jobs=1 without a timeout"),
    ):
        list(processes.run([Task("a", ())]))


def test_the_file_of_a_package_goes_with_its_children(tmp_path):
    children = LocalChildren(Job(len, (X,), None), str(tmp_path))
    children.open()
    assert len(list(tmp_path.iterdir())) == 1

    children.close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("threading", 2), ("loky", 2)])
def test_failures_of_every_kind_cost_their_task_only(backend, n_jobs):
    tasks = [Task(str(w), (w,)) for w in (1, "raise", "hang", 2, "die", 3)]

    with (
        joblib.parallel_config(backend, n_jobs=n_jobs),
        Dispatcher(behaving(), (X,), n_jobs=None, timeout=1.0, retries=1) as workers,
    ):
        found = told(workers.run(tasks))

    assert found == {
        "1": (X.sum() + 1, None),
        "2": (X.sum() + 2, None),
        "3": (X.sum() + 3, None),
        "raise": (None, ("exception", "ValueError: no such layer")),
        "hang": (None, ("timeout", "no answer within 1 s")),
        "die": (None, ("worker died", "the process ended by signal 9 (out of memory?)")),
    }


@pytest.mark.slow
def test_a_suspect_runs_in_its_own_process_and_the_search_lives():
    with Dispatcher(behaving(), (X,), n_jobs=1, timeout=None, retries=0) as serial:
        found = told(serial.run([Task("die", ("die",), isolated=True), Task("1", (1,))]))

    assert found["die"][1][0] == "worker died"
    assert found["1"][0] == X.sum() + 1


@pytest.mark.slow
def test_processes_share_the_data_and_one_thread_each():
    def describe(data):
        import torch

        return os.getpid(), data.flags.writeable, torch.get_num_threads(), time.sleep(0.5)

    with Dispatcher(describe, (X,), n_jobs=2, timeout=None) as processes:
        outcomes = list(processes.run([Task(str(i), ()) for i in range(4)]))

    pids = {outcome.value[0] for outcome in outcomes}
    assert os.getpid() not in pids
    assert len(pids) == 2
    assert {outcome.value[1:3] for outcome in outcomes} == {(False, 1)}


@pytest.mark.slow
def test_who_stops_early_does_not_wait_for_what_is_under_way():
    def slow(seconds):
        time.sleep(seconds)
        return seconds

    with Dispatcher(slow, (), n_jobs=2, timeout=None) as processes:
        run = processes.run(Task(str(s), (s,)) for s in (0, 60, 60))
        assert next(run).value == 0
        begin = time.perf_counter()
        run.close()

    assert time.perf_counter() - begin < 30
