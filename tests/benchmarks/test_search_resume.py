from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import search_resume
from _search_marks import digest, leave, marks

from skdeepopt.datasets import load_digits_images


def _trained(candidate, rows="a"):
    return {"event": "trained", "candidate": candidate, "rows": rows}


def _finished(candidate, *, resumed=False):
    return {"event": "finished", "candidate": candidate, "resumed": resumed}


def test_a_name_depends_on_values_and_not_on_their_order():
    assert digest({"a": 1, "b": 0.5}) == digest({"b": 0.5, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_marks_come_back_in_their_order(tmp_path):
    log = tmp_path / "log"

    leave(log, event="one")
    leave(log, event="two")

    assert [mark["event"] for mark in marks(log)] == ["one", "two"]


def test_a_search_without_marks_has_none(tmp_path):
    assert marks(tmp_path / "log") == []


def test_a_finished_candidate_that_trains_again_is_counted():
    counts = search_resume.trained_again(
        [_trained("x@4"), _trained("x@4", "b"), _finished("x@4")], [_trained("x@4", "b")]
    )

    assert counts["n_finished_again"] == 1
    assert counts["n_unfinished_again"] == 0


def test_a_candidate_that_was_cut_may_train_again_but_is_told():
    counts = search_resume.trained_again(
        [_trained("x@4"), _finished("x@4"), _trained("y@4")],
        [_finished("x@4", resumed=True), _trained("y@4"), _trained("z@4")],
    )

    assert counts["n_finished_again"] == 0
    assert counts["n_unfinished_again"] == 1
    assert counts["n_resumed"] == 1


def test_a_network_leaves_a_mark_with_the_epochs_that_it_has_had(tmp_path, monkeypatch):
    monkeypatch.setenv(search_resume.LOG, str(tmp_path / "log"))
    X, y = load_digits_images().train
    model = search_resume.MarkedCNN(widths=0.25, max_epochs=1, random_state=0)

    model.fit(X[:50], y[:50]).finetune(X[:50], y[:50], epochs=2)

    names = [mark["candidate"].partition("@") for mark in marks(tmp_path / "log")]
    assert [epochs for *_, epochs in names] == ["1", "3"]
    assert names[0][0] == names[1][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", search_resume.SEARCHES)
def test_a_search_killed_halfway_ends_as_if_nothing_had_happened(name, tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    whole = search_resume.undisturbed(name)

    result = search_resume.killed_and_resumed(name, whole, seed=0)

    assert result["same_best"]
    assert result["same_results"]
    assert result["n_finished_again"] == 0
    assert json.dumps(result)
