"""A clock goes on from where an interrupted search left it, and never back."""

from __future__ import annotations

from skdeepopt.search._clock import SearchClock


def test_a_clock_starts_at_zero():
    assert 0 <= SearchClock().seconds() < 1


def test_a_clock_goes_on_from_a_later_moment():
    clock = SearchClock()

    clock.advance_to(100.0)

    assert 100 <= clock.seconds() < 101


def test_an_earlier_moment_changes_nothing():
    clock = SearchClock()
    clock.advance_to(100.0)

    clock.advance_to(50.0)

    assert clock.seconds() >= 100
