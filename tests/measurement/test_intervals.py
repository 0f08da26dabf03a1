from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.measurement._intervals import bootstrap_interval, wilson_interval


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_a_wilson_interval_holds_the_observed_ratio_and_stays_within_0_and_1(n, share):
    n_correct = round(share * n)

    low, high = wilson_interval(n_correct, n)

    assert 0 <= low <= n_correct / n <= high <= 1


def test_a_wilson_interval_mirrors_when_successes_and_failures_swap():
    low, high = wilson_interval(13, 50)

    mirrored = wilson_interval(37, 50)

    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_a_wilson_interval_solves_the_quadratic_that_defines_it():
    z, n, ratio = 1.959963984540054, 100, 0.9

    bounds = wilson_interval(90, n)

    assert [abs(ratio - p) for p in bounds] == pytest.approx(
        [z * np.sqrt(p * (1 - p) / n) for p in bounds]
    )


@pytest.mark.parametrize(("n_correct", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_a_wilson_interval_refuses_impossible_counts(n_correct, n):
    with pytest.raises(ValueError, match="0 <= n_correct <= n"):
        wilson_interval(n_correct, n)


def test_a_level_in_percent_is_refused_with_the_ratio_that_was_meant():
    with pytest.raises(ValueError, match=r"Did you mean 0\.95"):
        wilson_interval(1, 2, level=95)


def test_a_bootstrap_interval_of_a_constant_has_no_width():
    assert bootstrap_interval(lambda rows: 3.0, 10) == (3.0, 3.0)


def test_a_bootstrap_interval_of_a_mean_is_as_wide_as_the_normal_one():
    values = np.random.default_rng(0).normal(size=2000)

    low, high = bootstrap_interval(lambda rows: values[rows].mean(), len(values))

    expected = 2 * 1.96 * values.std() / np.sqrt(len(values))
    assert high - low == pytest.approx(expected, rel=0.1)


def test_a_bootstrap_interval_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    bootstrap_interval(lambda rows: rows.mean(), 10, n_resamples=5)

    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_a_bootstrap_interval_refuses_no_rows():
    with pytest.raises(ValueError, match="positive counts"):
        bootstrap_interval(lambda rows: 0.0, 0)
