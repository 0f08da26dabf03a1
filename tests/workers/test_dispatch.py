from __future__ import annotations

from concurrent.futures import Future

import joblib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.workers import _dispatch
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Answer, Failure, Task
from skdeepopt.workers._workers import Workers


def power(base, exponent):
    if exponent < 0:
        raise ValueError("below zero")
    return base**exponent


def dispatcher(n_jobs=None, **options):
    return Dispatcher(power, (2,), n_jobs=n_jobs, **{"timeout": None, **options})


class ScriptedWorkers(Workers):
    """Workers that answer the last task under way first, and die as they are told to."""

    def __init__(self, n_workers, dies=lambda task: None):
        self.n_workers = n_workers
        self.tried = []
        self.abandoned = None
        self._dies = dies
        self._waiting = []

    def submit(self, task):
        future = Future()
        self.tried.append((task.key, task.isolated))
        self._waiting.append((future, task))
        return future

    def wait(self, futures):
        future, task = self._waiting.pop()
        how = self._dies(task)
        if how == "worker":
            future.set_exception(LookupError("gone"))
        elif how == "child":
            future.set_result(Answer(None, Failure("worker died", "signal 9"), 0.0))
        else:
            future.set_result(Answer(task.key, None, 0.0))
        return {future}

    def death(self, error):
        return "the worker is gone" if isinstance(error, LookupError) else None

    def abandon(self, futures):
        self.abandoned = len(futures)

    def close(self):
        pass


@pytest.fixture
def scripted(monkeypatch):
    def scripted(workers, **options):
        monkeypatch.setattr(_dispatch, "open_workers", lambda job, n_jobs: workers)
        return dispatcher(**options)

    return scripted


def named(names):
    return [Task(name, (1,)) for name in names]


def test_each_task_has_its_outcome():
    with dispatcher() as serial:
        outcomes = {o.key: o for o in serial.run([Task("a", (3,)), Task("b", (-1,))])}

    assert (outcomes["a"].value, outcomes["a"].failure) == (8, None)
    assert outcomes["b"].failure.reason == "ValueError: below zero"
    assert outcomes["b"].value is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-2, 9), max_size=12), st.sampled_from(["n_jobs", "2*n_jobs", "all", 3]))
def test_threads_give_what_one_worker_gives(exponents, ahead):
    tasks = [Task(str(i), (exponent,)) for i, exponent in enumerate(exponents)]

    def told(found):
        return {o.key: (o.value, o.failure and o.failure.reason) for o in found}

    with dispatcher() as serial:
        expected = told(serial.run(tasks))
    with joblib.parallel_config("threading", n_jobs=3), dispatcher(pre_dispatch=ahead) as several:
        assert told(several.run(tasks)) == expected


def test_one_worker_reads_a_task_when_the_last_is_done():
    seen = []

    def tasks():
        for i in range(3):
            assert len(seen) == i
            yield Task(str(i), (i,))

    with dispatcher(pre_dispatch="all") as serial:
        seen.extend(iter(serial.run(tasks())))

    assert [outcome.value for outcome in seen] == [1, 2, 4]


@pytest.mark.parametrize(("ahead", "most"), [("n_jobs", 2), ("1.5*n_jobs", 3), (1, 1), ("5", 5)])
def test_tasks_are_read_no_further_ahead_than_asked(scripted, ahead, most):
    read, outcomes, distances = [], [], []

    def tasks():
        for name in "abcdefgh":
            read.append(name)
            yield Task(name, ())

    for outcome in scripted(ScriptedWorkers(2), pre_dispatch=ahead).run(tasks()):
        outcomes.append(outcome)
        distances.append(len(read) - len(outcomes) + 1)

    assert max(distances) == most
    assert len(outcomes) == 8


def test_a_task_may_wait_for_an_outcome(scripted):
    seen = []

    def tasks():
        yield from named("ab")
        while len(seen) < 2:
            yield None
        yield Task("c", ())

    for outcome in scripted(ScriptedWorkers(4)).run(tasks()):
        seen += [outcome.key]

    assert seen == ["b", "a", "c"]


def test_tasks_that_wait_for_nothing_are_refused():
    with dispatcher() as serial, pytest.raises(RuntimeError, match="none is under way"):
        list(serial.run([None]))


def test_only_what_a_dead_worker_had_is_tried_again(scripted):
    workers = ScriptedWorkers(
        2, lambda task: None if task.isolated or task.key != "b" else "worker"
    )

    outcomes = list(scripted(workers).run(named("abcd")))

    assert sorted(outcome.key for outcome in outcomes) == list("abcd")
    assert all(outcome.failure is None for outcome in outcomes)
    assert sorted(workers.tried) == [
        ("a", False), ("b", False), ("b", True), ("c", False), ("d", False)
    ]  # fmt: skip


@pytest.mark.parametrize("retries", [0, 2])
def test_a_task_that_kills_whatever_runs_it_fails_alone(scripted, retries):
    workers = ScriptedWorkers(
        2, lambda task: None if task.key != "b" else "child" if task.isolated else "worker"
    )

    outcomes = {o.key: o for o in scripted(workers, retries=retries).run(named("abc"))}

    assert outcomes["b"].failure.kind == "worker died"
    assert outcomes["b"].failure.reason == ("signal 9" if retries else "the worker is gone")
    assert [outcomes[key].value for key in "ac"] == ["a", "c"]
    assert [key for key, _ in workers.tried].count("b") == retries + 1


def test_a_task_in_its_own_process_is_not_blamed_for_a_worker(scripted):
    losses = iter(range(5))
    workers = ScriptedWorkers(1, lambda task: None if next(losses, None) is None else "worker")

    (outcome,) = scripted(workers).run([Task("a", (), isolated=True)])

    assert outcome.value == "a"
    assert len(workers.tried) == 6


def test_a_task_whose_workers_are_lost_for_ever_is_given_up(scripted):
    workers = ScriptedWorkers(1, lambda task: "worker")

    (outcome,) = scripted(workers).run(named("a"))

    assert outcome.failure.reason == "the worker is gone"
    assert len(workers.tried) < 30


def test_an_error_of_the_machinery_is_the_task_s_failure(scripted, monkeypatch):
    workers = ScriptedWorkers(1, lambda task: "worker")
    monkeypatch.setattr(workers, "death", lambda error: None)

    (outcome,) = scripted(workers).run(named("a"))

    assert outcome.failure.reason == "LookupError: gone"


def test_who_stops_early_leaves_nothing_under_way(scripted):
    workers = ScriptedWorkers(3)
    run = scripted(workers).run(named("abcdef"))

    next(run)
    run.close()

    assert workers.abandoned == 2


def test_an_interrupt_passes():
    def interrupted():
        raise KeyboardInterrupt

    with (
        Dispatcher(interrupted, (), n_jobs=None, timeout=None) as serial,
        pytest.raises(KeyboardInterrupt),
    ):
        list(serial.run([Task("a", ())]))


def test_a_dispatcher_can_run_again():
    with dispatcher() as serial:
        values = [[o.value for o in serial.run([Task("a", (i,))])] for i in range(2)]

    assert values == [[1], [2]]


@pytest.mark.parametrize("ahead", ["jobs", 0, -1, "n_jobs*2", 1.5, None])
def test_other_forms_of_pre_dispatch_are_refused(ahead):
    with pytest.raises(ValueError, match="pre_dispatch is a positive integer"):
        dispatcher(pre_dispatch=ahead)
