from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skdeepopt.workers._child import _Job, _pickled
from skdeepopt.workers._failure import Answer
from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._surroundings import Surroundings

PARENT = """
import sys, time
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Task

def hang(path):
    import os, re, time
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    WAY

if __name__ == "__main__":
    with Dispatcher(hang, (sys.argv[1],), n_jobs=1, timeout=TIMEOUT) as dispatcher:
        list(dispatcher.run([Task("a", ())]))
"""


def test_a_job_runs_what_was_loaded_last():
    job, here = _Job(), Surroundings.here()
    job.load(Package.of(max, (1,)), here)
    job.load(Package.of(min, (1,)), here)

    assert job.call(pickled((2,))).value == 1


def test_a_package_that_cannot_be_read_is_a_failure():
    job = _Job()

    loaded = job.load(Package("x", b"no pickle", []), Surroundings.here())

    assert loaded.failure.kind == "exception"


def test_a_job_that_was_told_to_forget_holds_nothing():
    job = _Job()
    job.load(Package.of(max, (1,)), Surroundings.here())
    job.forget()

    assert job.data == ()
    with pytest.raises(RuntimeError, match="before it was given a function"):
        job.call(pickled((2,)))


def test_an_answer_that_cannot_be_pickled_is_a_failure():
    import pickle

    reply = pickle.loads(_pickled(Answer(sys.stdout.buffer, None, 1.5)))

    assert "cannot pickle" in reply.failure.reason
    assert reply.seconds == 1.5


@pytest.mark.slow
@pytest.mark.parametrize("way", ["time.sleep(100)", "while True: pass"])
def test_a_child_ends_with_its_parent(tmp_path, way):
    child = orphan(tmp_path, way, timeout=90.0)

    assert ends_within(child, 10)


@pytest.mark.slow
def test_an_orphan_that_holds_the_interpreter_ends_after_its_limit(tmp_path, monkeypatch):
    child = orphan(tmp_path, 're.match(r"(a+)+$", "a" * 60 + "b")', timeout=8.0)

    assert ends_within(child, 60)


def orphan(folder, way, *, timeout):
    """Number of a child at work, whose parent was killed."""
    script = folder / "script.py"
    script.write_text(PARENT.replace("WAY", way).replace("TIMEOUT", str(timeout)))
    told = folder / "pid"
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen([sys.executable, str(script), str(told)], env=environment) as parent:
        while not (told.exists() and told.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        parent.kill()
    return int(told.read_text())


def ends_within(pid, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not Path(f"/proc/{pid}").exists() or is_zombie(pid):
            return True
        time.sleep(0.1)
    return False


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
