from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt._validation import (
    check_choice,
    check_flag,
    check_integer,
    check_ratio,
    check_real,
    did_you_mean,
)


class Net(SimpleNamespace):
    """Owner of one parameter."""


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_integers_of_at_least_the_minimum_pass(value, minimum):
    owner = Net(size=value)

    if value >= minimum:
        assert check_integer(owner, "size", minimum=minimum) == value
    else:
        with pytest.raises(
            ValueError, match=rf"^Net\.size is an integer of at least {minimum}, not"
        ):
            check_integer(owner, "size", minimum=minimum)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_ratios_are_at_least_zero_and_below_one(value):
    owner = Net(share=value)

    if 0 <= value < 1:
        assert check_ratio(owner, "share") == value
    else:
        with pytest.raises(ValueError, match=r"^Net\.share is a ratio in \[0, 1\), not"):
            check_ratio(owner, "share")


@given(st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_numbers_are_finite_and_at_least_or_above_the_minimum(value, inclusive):
    owner = Net(rate=value)

    if np.isfinite(value) and (value >= 0 if inclusive else value > 0):
        assert check_real(owner, "rate", inclusive=inclusive) == value
    else:
        bound = "of at least" if inclusive else "above"
        with pytest.raises(ValueError, match=rf"^Net\.rate is a finite number {bound} 0, not"):
            check_real(owner, "rate", inclusive=inclusive)


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), 3])
def test_numpys_integers_are_integers(value):
    found = check_integer(Net(size=value), "size")

    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), 0.5])
def test_numpys_floats_are_numbers(value):
    assert type(check_ratio(Net(share=value), "share")) is float
    assert type(check_real(Net(share=value), "share")) is float


@pytest.mark.parametrize("check", [check_integer, check_ratio, check_real])
@pytest.mark.parametrize("value", [True, None, "x", [1], 1j, np.array([0.5, 0.5])])
def test_other_types_are_no_numbers(check, value):
    with pytest.raises(TypeError, match=r"^Net\.size is "):
        check(Net(size=value), "size")


@pytest.mark.parametrize(
    ("check", "value", "slip"),
    [
        (check_integer, 3.0, "3"),
        (check_integer, -3, "3"),
        (check_ratio, 30, "0.3"),
        (check_ratio, "0.3", "0.3"),
        (check_real, -0.1, "0.1"),
        (check_real, "1e-3", "0.001"),
    ],
)
def test_the_likely_slip_is_suggested(check, value, slip):
    with pytest.raises((TypeError, ValueError), match=rf"not {value!r}\. Did you mean {slip}\?$"):
        check(Net(size=value), "size")


def test_a_share_of_zero_may_make_no_sense():
    with pytest.raises(ValueError, match=r"ratio in \(0, 1\), not 0"):
        check_ratio(Net(share=0), "share", low_inclusive=False)


@pytest.mark.parametrize("value", ["red", "green"])
def test_a_choice_passes(value):
    assert check_choice(Net(colour=value), "colour", ["red", "green"]) == value


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        ("gren", ValueError, "Did you mean 'green'?"),
        ("GREEN", ValueError, "Did you mean 'green'?"),
        ("blue", ValueError, "not 'blue'."),
        (None, TypeError, "not None."),
        (["red"], TypeError, "not ['red']."),
    ],
)
def test_no_choice_is_told_with_all_of_them(value, error, told):
    with pytest.raises(error) as caught:
        check_choice(Net(colour=value), "colour", ["red", "green"])

    assert str(caught.value).startswith("Net.colour is one of 'red', 'green', not ")
    assert told in str(caught.value)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_flags_are_true_or_false(value):
    assert check_flag(Net(on=value), "on") is bool(value)


@pytest.mark.parametrize(
    ("value", "slip"), [("no", " Did you mean False?"), (1, " Did you mean True?"), (None, "")]
)
def test_what_is_merely_true_is_no_flag(value, slip):
    with pytest.raises(TypeError) as caught:
        check_flag(Net(on=value), "on")

    assert str(caught.value) == f"Net.on is True or False, not {value!r}.{slip}"


def test_nothing_is_suggested_where_nothing_is_near():
    assert did_you_mean("zebra", ["red", "green"]) == ""
    assert did_you_mean(3, ["red", "green"]) == ""
