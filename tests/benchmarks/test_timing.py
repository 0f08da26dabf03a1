from __future__ import annotations

import time

import pytest

from benchmarks._timing import interleaved, paired_ratios


def test_contenders_take_turns_and_each_starts_a_round():
    calls: list[str] = []

    interleaved(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2, warmup=0
    )

    assert calls == ["a", "b", "b", "a"]


def test_warm_up_rounds_are_not_timed():
    calls: list[int] = []

    seconds = interleaved({"a": lambda: calls.append(1)}, rounds=3, warmup=2)

    assert len(calls) == 5
    assert len(seconds["a"]) == 3


def test_a_slower_contender_takes_longer_in_each_round():
    seconds = interleaved(
        {"slow": lambda: time.sleep(0.02), "fast": lambda: None}, rounds=3, warmup=0
    )

    assert all(s > f for s, f in zip(seconds["slow"], seconds["fast"], strict=True))


def test_ratios_are_taken_round_by_round():
    ratios = paired_ratios([2.0, 8.0, 30.0], [1.0, 2.0, 10.0])

    assert ratios == {"median": 3.0, "q25": 2.5, "q75": 3.5, "n": 3}


def test_one_round_has_its_ratio_as_every_quartile():
    assert paired_ratios([4.0], [2.0]) == {"median": 2.0, "q25": 2.0, "q75": 2.0, "n": 1}


def test_rounds_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])
