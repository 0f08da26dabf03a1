from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.pruning._cut import Gradual, OneShot, cubic_ratio

SHARE = st.floats(0, 1)
RATIO = st.floats(0, 0.999)


class Recorded:
    """A cut that remembers what it was asked."""

    def __init__(self):
        self.ratios = []

    def to(self, ratio):
        self.ratios.append(ratio)
        return True

    def kept(self):
        return []


def ratios_of(hook, n_steps):
    hook.before_training(n_steps)
    replaced = [hook.after_step((step + 1) / n_steps) for step in range(n_steps)]
    hook.after_training()
    return hook.cut.ratios, replaced


@settings(deadline=None)
@given(RATIO, SHARE, SHARE)
def test_the_ratio_never_falls_and_stays_within_bounds(ratio, one, other):
    early, late = sorted((one, other))

    first, second = cubic_ratio(ratio, early), cubic_ratio(ratio, late)

    assert 0 <= first <= second + 1e-12
    assert second <= ratio


@settings(deadline=None)
@given(RATIO, st.floats(0, 0.4), st.floats(0.5, 1))
def test_the_course_begins_at_nothing_and_ends_at_the_ratio(ratio, begin, end):
    assert cubic_ratio(ratio, begin, begin=begin, end=end) == pytest.approx(0)
    assert cubic_ratio(ratio, end, begin=begin, end=end) == ratio


def test_half_the_course_leaves_an_eighth_to_do():
    assert cubic_ratio(0.8, 0.5, begin=0.0, end=1.0) == pytest.approx(0.8 * 7 / 8)


@settings(deadline=None)
@given(RATIO, st.integers(1, 30), st.integers(1, 60))
def test_a_gradual_cut_ends_exactly_at_the_ratio_whatever_the_number_of_steps(ratio, n, n_steps):
    ratios, _ = ratios_of(Gradual(Recorded(), ratio, n_cuts=n), n_steps)

    assert ratios[-1] == ratio
    assert ratios == sorted(ratios)
    assert len(ratios) <= n


@pytest.mark.parametrize(("begin", "end"), [(0.0, 0.6), (0.1, 0.7), (0.0, 1.0)])
def test_cuts_are_as_many_as_asked_and_evenly_spaced(begin, end):
    hook = Gradual(Recorded(), 0.9, begin=begin, end=end, n_cuts=3)

    ratios, replaced = ratios_of(hook, 30)

    at = [step + 1 for step, is_replaced in enumerate(replaced) if is_replaced]
    assert ratios == [pytest.approx(0.9 * share) for share in (19 / 27, 26 / 27, 1)]
    assert at == [round(30 * (begin + (end - begin) * share / 3)) for share in (1, 2, 3)]


def test_a_training_that_ends_early_is_cut_all_the_same():
    hook = Gradual(Recorded(), 0.9, n_cuts=10)
    hook.before_training(100)
    hook.after_step(0.3)

    hook.after_training()
    hook.after_training()

    assert hook.cut.ratios[1:] == [0.9]


def test_a_second_training_follows_the_course_again():
    hook = Gradual(Recorded(), 0.9, n_cuts=2)
    ratios_of(hook, 10)

    ratios, _ = ratios_of(hook, 10)

    assert ratios[:2] == ratios[2:]


def test_one_shot_cuts_before_the_first_step_and_never_again():
    ratios, replaced = ratios_of(OneShot(Recorded(), 0.9), 10)

    assert ratios == [0.9]
    assert not any(replaced)


@pytest.mark.parametrize("make", [OneShot, Gradual])
def test_a_ratio_in_per_cent_is_refused(make):
    with pytest.raises(ValueError, match=r"ratio in \[0, 1\), not 30. Did you mean 0.3"):
        make(Recorded(), 30)


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [
        (0.6, 0.6, "Gradual.end is a finite number above 0.6, not 0.6"),
        (-0.1, 0.6, r"Gradual.begin is a ratio in \[0, 1\), not -0.1"),
        (0.0, 60, r"Gradual.end is a share of the training in \(0, 1\], not 60. Did you mean 0.6"),
    ],
)
def test_a_course_that_does_not_fit_the_training_is_refused(begin, end, message):
    with pytest.raises(ValueError, match=message):
        Gradual(Recorded(), 0.5, begin=begin, end=end)
