from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import search_failures

from skdeepopt.datasets import load_digits_images

PARAMETERS = {"lr": 0.01, "weight_decay": 0.1, "dropout": 0.0}


@pytest.fixture(autouse=True)
def register(tmp_path, monkeypatch):
    monkeypatch.setenv(search_failures.REGISTER, str(tmp_path / "register.jsonl"))


def _fate(monkeypatch, fate):
    monkeypatch.setattr(search_failures, "fates", lambda: [fate] * search_failures.N_CANDIDATES)


def test_thirty_of_a_hundred_fail_and_each_way_as_often():
    counts = Counter(search_failures.fates())

    assert counts.pop("sound") == 70
    assert set(counts.values()) == {search_failures.N_OF_EACH}


def test_a_candidate_keeps_its_fate_when_it_is_tried_again():
    first = search_failures.fate_of(PARAMETERS)
    other = search_failures.fate_of({**PARAMETERS, "lr": 0.02})

    assert search_failures.fate_of(PARAMETERS) == first
    assert (first[0], other[0]) == (0, 1)


@pytest.mark.parametrize("by_torch", [True, False])
def test_memory_runs_out_in_both_ways(by_torch):
    with pytest.raises((MemoryError, RuntimeError), match=r"(?i)memory|allocate"):
        search_failures._run_out_of_memory(by_torch=by_torch)


def test_a_network_raises_where_that_is_its_fate(monkeypatch):
    _fate(monkeypatch, "exception")

    with pytest.raises(ArithmeticError, match="no such candidate"):
        search_failures.FatefulCNN().fit(*load_digits_images().train)


def test_a_network_scores_nan_where_that_is_its_fate(monkeypatch):
    _fate(monkeypatch, "nan")
    X, y = load_digits_images().train
    model = search_failures.FatefulCNN(widths=0.25, max_epochs=1).fit(X[:50], y[:50])

    assert math.isnan(model.score(X, y))


def test_a_reason_that_does_not_name_what_happened_is_no_named_reason():
    told = [
        ("sound", 0.9, ""),
        ("hang", math.nan, "no answer within 10 s"),
        ("killed", math.nan, "something went wrong"),
    ]

    counts = search_failures.judged(told)

    assert (counts["n_results"], counts["n_named_reasons"]) == (1, 1)
    assert counts["unnamed"] == ["killed: something went wrong"]


def test_a_sound_candidate_without_a_score_is_neither_result_nor_reason():
    counts = search_failures.judged([("sound", math.nan, "worker died")])

    assert (counts["n_results"], counts["n_named_reasons"]) == (0, 0)
