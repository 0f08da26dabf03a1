from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from sklearn import config_context, get_config

from skdeepopt.workers._isolation import Children, Shipment, end_idle_children
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._surroundings import Surroundings

pytestmark = pytest.mark.slow
"""A child takes seconds to start; the first answer waits for it."""


@pytest.fixture
def children():
    opened = []

    def children(function, *data, environment=None):
        package = Package.of(function, data)
        shipment = Shipment(package.token, package, Surroundings.here(), environment or {})
        opened.append(Children(shipment))
        return opened[-1]

    yield children
    for each in opened:
        each.close()


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    end_idle_children()


def process_of():
    return os.getpid()


def test_a_child_answers_from_another_process(children):
    ours = children(lambda base, x: (base + x, os.getpid()), 10)

    first, second = ours.call((1,), None), ours.call((2,), 5.0)

    assert (first.value[0], second.value[0]) == (11, 12)
    assert first.value[1] == second.value[1] != os.getpid()


def test_an_exception_in_a_child_is_told(children):
    def broken():
        raise ValueError("no such layer")

    failure = children(broken).call((), None).failure

    assert (failure.kind, failure.reason) == ("exception", "ValueError: no such layer")
    assert "in broken" in failure.traceback


@pytest.mark.parametrize("call", ["sleep", "loop", "without the interpreter's lock given back"])
def test_a_call_that_hangs_is_ended_in_time(children, call):
    def hang():
        if call == "sleep":
            time.sleep(60)
        while call == "loop":
            pass
        import re

        re.match(r"(a+)+$", "a" * 60 + "b")  # the machine of regular expressions holds the lock

    ours = children(hang)
    ours.call((), 0.01)  # the imports
    begin = time.perf_counter()

    answer = ours.call((), 0.5)

    assert (answer.failure.kind, answer.failure.reason) == ("timeout", "no answer within 0.5 s")
    assert answer.seconds < 1.5
    assert time.perf_counter() - begin < 60


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda: os.kill(os.getpid(), 9), "the process ended by signal 9 (out of memory?)"),
        (lambda: os.kill(os.getpid(), 11), "the process ended by signal 11"),
        (lambda: os._exit(3), "the process ended with code 3"),
    ],
)
def test_the_end_of_a_child_is_told(children, end, reason):
    failure = children(end).call((), None).failure

    assert (failure.kind, failure.reason) == ("worker died", reason)


def test_after_a_dead_child_comes_another(children):
    ours = children(lambda x: os.kill(os.getpid(), 9) if x is None else x)

    answers = [ours.call((x,), None) for x in (1, None, 2)]

    assert [answer.value for answer in answers] == [1, None, 2]


def test_what_cannot_be_sent_is_a_failure_and_the_child_lives(children):
    ours = children(lambda lock: threading.Lock() if lock is None else os.getpid())
    pid = ours.call((1,), None).value

    there, back = ours.call((threading.Lock(),), None), ours.call((None,), None)

    assert "cannot pickle" in there.failure.reason
    assert "cannot pickle" in back.failure.reason
    assert ours.call((1,), None).value == pid


def test_what_a_task_prints_does_not_disturb_the_answer(children):
    def talkative():
        sys.stdout.write("x" * 100_000)
        os.write(1, b"raw\n")
        return sys.stdin.read()

    assert children(talkative).call((), None).value == ""


def test_idle_children_serve_the_next_search(children):
    first = children(process_of).call((), None).value

    assert children(process_of, environment={}).call((), None).value == first
    assert children(process_of, environment={"OMP_NUM_THREADS": "7"}).call((), None).value != first


def test_a_child_has_the_settings_of_its_search(children):
    with config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ours = children(lambda: (get_config(), os.environ["OMP_NUM_THREADS"]), environment=LIMIT)
        warned = children(lambda: warnings.warn("odd", RuntimeWarning, stacklevel=1))

    config, threads = ours.call((), None).value

    assert config["enable_metadata_routing"]
    assert threads == "3"
    assert warned.call((), None).failure.reason == "RuntimeWarning: odd"


LIMIT = {"OMP_NUM_THREADS": "3"}


def test_killed_children_let_their_callers_go(children):
    ours = children(lambda: time.sleep(60))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ours.call((), None)))
    thread.start()
    time.sleep(1)

    while thread.is_alive():
        ours.kill()
        thread.join(0.2)

    assert answers[0].failure.kind == "worker died"


def test_a_child_is_ended_with_what_it_started(children, tmp_path):
    def start():
        import subprocess

        process = subprocess.Popen(["sleep", "60"])
        (tmp_path / "pid").write_text(str(process.pid))
        time.sleep(60)

    ours = children(start)
    ours.call((), 3.0)
    pid = int((tmp_path / "pid").read_text())

    time.sleep(0.5)
    assert not is_running(pid)


def is_running(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_an_interrupt_ends_the_child_that_is_waited_for(children):
    ours = children(lambda: time.sleep(60))
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        ours.call((), None)

    assert not ours._busy
