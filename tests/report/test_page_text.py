from __future__ import annotations

import html
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._page_text import (
    duration,
    escaped,
    in_bytes,
    in_points,
    in_score,
    milliseconds,
    seconds,
    spread_of,
    three_digits,
    times,
)

POSITIVE = st.floats(1e-6, 1e9)


@given(st.text("<>&\"'; \n#x27ltampé漢\u202e"))
def test_escaped_text_reads_as_it_was(text):
    shown = escaped(text)

    assert html.unescape(shown) == text
    assert not set("<>\"'") & set(shown)


def test_what_html_forbids_is_replaced():
    assert escaped("a\x00b\ud800c") == "a\ufffdb\ufffdc"


@given(POSITIVE)
def test_three_digits_are_near_the_number_and_never_an_exponent(value):
    shown = three_digits(value)

    assert "e" not in shown
    assert math.isclose(float(shown.replace(",", "")), value, rel_tol=6e-3)


@given(st.integers(0, 10**12))
def test_sizes_are_near_the_number_of_bytes(size):
    number, unit = in_bytes(size).split()

    scale = {"bytes": 1, "KB": 1e3, "MB": 1e6}[unit]
    assert math.isclose(float(number.replace(",", "")) * scale, size, rel_tol=6e-3)
    assert unit == "MB" or not number.startswith("1,0")


def test_what_was_not_measured_is_said_so():
    shown = {in_bytes(None), milliseconds(None), seconds(None), in_score(None, "accuracy")}

    assert shown == {"not measured"}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_difference_keeps_its_sign_unless_it_is_none(one, other):
    shown = in_points(one - other, "accuracy", sign=True)

    assert shown.startswith("\N{MINUS SIGN}") == (one < other)
    assert shown.startswith("+") == (one > other)


def test_one_point_is_one():
    assert in_points(0.01, "accuracy") == "1 point"
    assert in_points(0.011, "accuracy") == "1.1 points"
    assert in_points(0.01, "R2") == "0.01"


@given(POSITIVE, POSITIVE)
def test_a_factor_turned_round_is_the_same_with_the_other_word(before, after):
    words = ("less", "more")

    there, back = times(before, after, words), times(after, before, words)

    assert there == back == "the same" or {there[-4:], back[-4:]} == set(words)
    assert there[:-4] == back[:-4]


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, None), (None, None)])
def test_nothing_has_no_factor(before, after):
    assert times(before, after, ("less", "more")) == "no comparison"


@given(st.floats(0, 1e6))
def test_a_duration_never_has_sixty_of_a_unit(value):
    assert not re.search(r"(?<!\.)(?<!\.\d)60 s", duration(value))
    assert " 60 min" not in f" {duration(value)}"


def test_a_spread_names_its_unit_once():
    figure = {"spread": [0.05, 0.0553]}

    assert spread_of(figure, milliseconds) == "0.0500 to 0.0553 ms"
    assert spread_of({"spread": [900, 2_000]}, in_bytes) == "900 bytes to 2.00 KB"
    assert spread_of({"spread": [0.5, 0.75]}, lambda value: in_score(value, "R2")) == (
        "0.500 to 0.750"
    )
    assert spread_of({"spread": [7, 7]}, in_bytes) == ""
