from __future__ import annotations

import time

import pytest

from skdeepopt.measurement._timing import Timing, time_calls


def test_warm_up_calls_are_made_but_not_timed():
    calls: list[int] = []

    timing = time_calls(lambda: calls.append(1), repeats=3, warmup=2)

    assert len(calls) == 5
    assert len(timing.seconds) == 3


def test_a_timed_call_takes_at_least_as_long_as_it_sleeps():
    timing = time_calls(lambda: time.sleep(0.01), repeats=2, warmup=0)

    assert min(timing.seconds) >= 0.01


def test_the_device_is_synchronised_before_each_reading_of_the_clock():
    events: list[str] = []

    time_calls(
        lambda: events.append("call"),
        repeats=1,
        warmup=0,
        synchronize=lambda: events.append("synchronize"),
    )

    assert events == ["synchronize", "call", "synchronize"]


def test_median_and_quartiles_are_those_of_the_repeats():
    timing = Timing((1.0, 2.0, 3.0, 4.0, 5.0))

    assert timing.median == 3.0
    assert timing.interquartile_range == (2.0, 4.0)
    assert timing.p95 == pytest.approx(4.8)


@pytest.mark.parametrize("counts", [{"repeats": 0}, {"warmup": -1}])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="repeats >= 1 and warmup >= 0"):
        time_calls(lambda: None, **counts)


def test_a_timing_without_repeats_cannot_be_built():
    with pytest.raises(ValueError, match="at least one repeat"):
        Timing(())
