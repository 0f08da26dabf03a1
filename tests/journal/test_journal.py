from __future__ import annotations

import math
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from skdeepopt.journal._journal import Journal

IDENTITY = {"estimator": "CNNClassifier", "seed": 0}

WRITER = """
import sys
from skdeepopt.journal._journal import Journal
journal = Journal(sys.argv[1], {"seed": 0}, owner="search")
number = len(journal)
print("open", flush=True)
while True:
    key = str(number)
    journal.begin(key)
    journal.put(key, key.encode() * 2000)
    journal.add(key, {"score": number / 7, "text": "x" * (number * 37 % 9000)})
    print(key, flush=True)
    number += 1
"""


def journal_in(folder, identity=IDENTITY):
    return Journal(folder, identity, owner="BayesSearchCV.journal")


@pytest.fixture(params=["memory", "disk"])
def journal(request, tmp_path):
    with journal_in(None if request.param == "memory" else tmp_path / "a" / "b") as journal:
        yield journal


def test_entries_come_back(journal):
    journal.add("12", {"score": 0.1 + 0.2, "scores": np.array([1.0, math.inf]), "folds": (0, 1)})
    journal.add("12@9", {"failure": None})

    assert journal.find("12") == {"score": 0.1 + 0.2, "scores": [1.0, math.inf], "folds": [0, 1]}
    assert journal.find("12@9") == {"failure": None}
    assert journal.find("13") is None
    assert len(journal) == 2
    assert "12" in journal


def test_what_was_found_can_be_changed_without_harm(journal):
    journal.add("1", {"scores": [0.5]})
    journal.find("1")["scores"].append(9.0)

    assert journal.find("1") == {"scores": [0.5]}


def test_an_entry_that_cannot_be_kept_changes_nothing(journal):
    with pytest.raises(TypeError, match="JSON"):
        journal.add("1", {"model": object()})

    assert journal.find("1") is None
    journal.add("1", {"score": 1})
    assert journal.find("1") == {"score": 1}


def test_beginnings_are_counted_until_the_entry(journal):
    assert [journal.begin("1"), journal.begin("1"), journal.begin("2")] == [0, 1, 0]
    journal.add("1", {})
    assert journal.begin("1") == 0


def test_a_closed_journal_takes_nothing_but_can_be_read(journal):
    journal.add("1", {"score": 1})
    journal.close()

    assert journal.find("1") == {"score": 1}
    with pytest.raises(ValueError, match="closed"):
        journal.add("2", {})
    with pytest.raises(ValueError, match="closed"):
        journal.put("2", b"")


def test_another_process_goes_on_where_the_last_one_was(tmp_path):
    with journal_in(tmp_path) as first:
        first.begin("0")
        first.add("0", {"score": math.nan})
        first.begin("1")
        first.put("0", b"weights")

    with journal_in(tmp_path) as second:
        assert math.isnan(second.find("0")["score"])
        assert second.get("0") == b"weights"
        assert second.begin("0") == 0
        assert second.begin("1") == 1
        assert len(second) == 1


def test_wherever_a_write_was_cut_the_whole_lines_stay(tmp_path):
    with journal_in(tmp_path) as journal:
        journal.add("0", {"score": 0.5})
        journal.begin("1")
        journal.add("1", {"score": 0.25, "name": "é"})
    content = (tmp_path / "journal.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]

    found = {}
    near = {end + step for end in ends for step in (-1, 0, 1)}
    for cut in sorted({*range(0, len(content), 23), *near} - {len(content) + 1}):
        (tmp_path / "journal.jsonl").write_bytes(content[:cut])
        with journal_in(tmp_path) as journal:
            found[cut] = len(journal)
            journal.add("2", {"score": 1})
        with journal_in(tmp_path) as journal:
            assert journal.find("2") == {"score": 1}

    entries = {cut: sum(cut >= end for end in (ends[1], ends[3])) for cut in found}
    assert found == entries


def test_a_journal_of_another_search_is_refused_by_its_first_difference(tmp_path):
    journal_in(tmp_path).close()

    with pytest.raises(ValueError, match="another search") as caught:
        journal_in(tmp_path, {"estimator": "CNNRegressor", "seed": 1})

    message = str(caught.value)
    assert message.startswith("BayesSearchCV.journal: ")
    assert "estimator = 'CNNClassifier'; this one has estimator = 'CNNRegressor'" in message
    assert "seed" not in message
    assert message.endswith("Did you mean another folder, or to delete that one?")


@pytest.mark.parametrize("identity", [{"estimator": "CNNClassifier"}, {**IDENTITY, "cv": 3}])
def test_a_name_more_or_less_is_another_search(tmp_path, identity):
    journal_in(tmp_path).close()

    with pytest.raises(ValueError, match="= nothing"):
        journal_in(tmp_path, identity)


def test_an_identity_with_nan_and_tuples_is_itself(tmp_path):
    identity = {"bounds": (0.0, math.nan), "grid": np.arange(3)}
    journal_in(tmp_path, identity).close()

    journal_in(tmp_path, identity).close()


def test_a_damaged_line_is_named(tmp_path):
    with journal_in(tmp_path) as journal:
        journal.add("0", {"score": 0.5})
        journal.add("1", {"score": 0.5})
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"0"', b'"7"'))

    with pytest.raises(ValueError, match=r"line 2 of .*journal\.jsonl is damaged.*delete the line"):
        journal_in(tmp_path)


@pytest.mark.parametrize("content", [b"hello\n", b'{"a": 1}\n', b"\xff\n", b"mine"])
def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="no journal of a search"):
        journal_in(tmp_path)

    assert path.read_bytes() == content


def test_a_folder_is_one_search_s_at_a_time(tmp_path):
    with journal_in(tmp_path), pytest.raises(ValueError, match="being written by another search"):
        journal_in(tmp_path)
    journal_in(tmp_path).close()


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "file"
    path.write_text("")

    with pytest.raises(ValueError, match=r"BayesSearchCV\.journal is a folder, not the file"):
        journal_in(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=r"BayesSearchCV\.journal: the folder cannot be made"):
        journal_in(tmp_path / "file" / "deeper")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    journal = journal_in(tmp_path)
    journal.add("0", {"score": 0.5})
    before = (tmp_path / "journal.jsonl").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.add("1", {"score": 0.5})

    assert (tmp_path / "journal.jsonl").read_bytes() == before
    assert journal.find("1") is None
    journal.add("1", {"score": 0.25})
    journal.close()
    with journal_in(tmp_path) as again:
        assert again.find("1") == {"score": 0.25}


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_loses_nothing_that_was_added(tmp_path, kills):
    moments = random.Random(kills)
    told = set()
    for _ in range(kills):
        told |= killed_after(tmp_path, moments.expovariate(1 / 0.05))
        with Journal(tmp_path, {"seed": 0}, owner="search") as journal:
            found = {key for key in map(str, range(len(journal) + 1)) if key in journal}
            assert told <= found
            assert len(found) <= len(told) + kills
            for key in found:
                assert journal.find(key)["score"] == int(key) / 7
                assert journal.get(key) == key.encode() * 2000


def killed_after(folder, seconds):
    """Keys that a writer said were there, before it was killed so long after it began."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        time.sleep(seconds)
        process.kill()
        lines = process.stdout.read().split(b"\n")
    return {line.decode() for line in lines[:-1]}
