from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._claims import Claim, claimed, reasons
from skdeepopt.report._table import Row, build_rows

FIRST, SECOND = "baseline", "tuned"


def row_of(room, name="tuned"):
    return Row(name, (0,), {}, {}, {}, accuracy_room=room)


@given(st.floats(0.01, 1.0), st.floats(-50, 100))
def test_an_accuracy_is_out_of_reach_when_it_would_pass_a_hundred_per_cent(accuracy, percent):
    room = 100 * (1 / accuracy - 1)
    wanted = accuracy * (1 + percent / 100)

    said, _ = claimed(row_of(room), Claim("tuning", percent, 0.0))

    if abs(wanted - 1) > 1e-9:
        assert said.can_be_reached == (wanted < 1)


def test_the_room_is_that_of_the_baseline_over_the_shared_seeds(make_cell):
    cells = [make_cell(FIRST, 0, 0.8), make_cell(FIRST, 1, 0.5), make_cell(SECOND, 0, 0.9)]

    row = build_rows(cells, [FIRST, SECOND])[1]

    assert row.accuracy_room == pytest.approx(25.0)
    assert row.relative["accuracy"].value == pytest.approx(12.5)


def test_no_time_is_saved_by_what_begins_with_the_whole_training():
    for begins, percent, reached in [(True, -30, False), (True, 10, True), (False, -30, True)]:
        _, said = claimed(row_of(1.0), Claim("quantization", 0, percent, begins))

        assert said.can_be_reached is reached


def test_the_reason_names_the_accuracy_and_the_room():
    said, _ = claimed(row_of(100 * (1 / 0.9881 - 1)), Claim("tuning", 10, -5))

    assert said.reason == "the baseline's 98.81 % leave room for +1.2 % at most"


def test_equal_reasons_share_a_letter_in_the_order_of_appearance():
    rows = [row_of(1.0, "a"), row_of(1.0, "b"), row_of(2.0, "c")]
    claims = {name: Claim("g", 10, -5, name == "b") for name in "abc"}

    letters = reasons(rows, claims)

    assert list(letters.values()) == ["a", "b", "c"]
    assert "+1.0 %" in next(iter(letters))


def test_without_a_baseline_nothing_is_out_of_reach():
    accuracy, _ = claimed(row_of(None), Claim("tuning", 10, -5))

    assert accuracy.can_be_reached
    assert accuracy.measured is None


def test_the_study_is_silent_about_the_rest():
    assert claimed(row_of(1.0), None) is None


def test_a_claim_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Claim("tuning", 10, -5).group = "other"
