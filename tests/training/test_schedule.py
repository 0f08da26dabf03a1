from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.training._schedule import SCHEDULES, rate_factor

PROGRESS = st.floats(0, 1)


@given(st.sampled_from(SCHEDULES), PROGRESS)
def test_the_rate_lies_between_zero_and_its_peak(schedule, progress):
    assert -1e-12 <= rate_factor(schedule, progress) <= 1


@pytest.mark.parametrize("schedule", ["cosine", "linear", "onecycle"])
def test_the_rate_ends_at_zero(schedule):
    assert rate_factor(schedule, 1.0) == pytest.approx(0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_reaches_its_peak(schedule):
    peak = 0.3 if schedule == "onecycle" else 0.0

    assert rate_factor(schedule, peak) == pytest.approx(1)


@given(st.sampled_from(["cosine", "linear", "constant"]), PROGRESS, PROGRESS)
def test_other_rates_than_one_cycle_never_rise(schedule, one, other):
    early, late = sorted((one, other))

    assert rate_factor(schedule, late) <= rate_factor(schedule, early) + 1e-12


@given(PROGRESS, PROGRESS)
def test_one_cycle_rises_and_then_falls(one, other):
    early, late = sorted((one, other))
    first, second = rate_factor("onecycle", early), rate_factor("onecycle", late)

    assert first <= second + 1e-12 if late <= 0.3 else True
    assert second <= first + 1e-12 if early >= 0.3 else True


@given(st.sampled_from(SCHEDULES), st.floats(0, 0.999))
def test_the_rate_does_not_jump(schedule, progress):
    assert abs(rate_factor(schedule, progress + 0.001) - rate_factor(schedule, progress)) < 0.01
