from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skdeepopt.journal._folder_lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from skdeepopt.journal._folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]), "holder")
print("held", flush=True)
sys.stdin.read()
"""


def open_files():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_a_folder_has_one_holder(tmp_path):
    lock = FolderLock(tmp_path, "first")

    with pytest.raises(ValueError, match=r"second: .* being written by another search in this"):
        FolderLock(tmp_path, "second")
    lock.release()
    FolderLock(tmp_path, "second").release()


def test_a_refused_search_leaves_no_file_open(tmp_path):
    lock = FolderLock(tmp_path, "first")
    before = open_files()

    with pytest.raises(ValueError, match="second"):
        FolderLock(tmp_path, "second")

    assert open_files() == before
    lock.release()


@pytest.mark.slow
def test_a_killed_process_holds_nothing(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match=f"the running process {process.pid}"):
            FolderLock(tmp_path, "second")

        process.kill()
        process.wait()

    FolderLock(tmp_path, "second").release()
