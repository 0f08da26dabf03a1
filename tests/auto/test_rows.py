from __future__ import annotations

import math

import pytest

from skdeepopt.auto._rows import (
    COLUMNS,
    AutoRow,
    ObjectiveError,
    as_frame,
    chosen_row,
    marked,
    objective_of,
)


def row(name, accuracy, file_bytes=100, latency_ms=1.0, train_seconds=1.0, **rest):
    return AutoRow(name, "base", accuracy, file_bytes, latency_ms, train_seconds, **rest)


FAILED = row("failed", math.nan, None, math.nan, math.nan, failure="ValueError: no")
ROWS = [
    row("dense", 0.99, 900),
    row("small", 0.985, 90, train_seconds=2.0),
    row("fast", 0.986, 500, latency_ms=0.1, train_seconds=3.0),
    row("wrong", 0.4, 9, latency_ms=0.01, train_seconds=0.1),
    row("beaten", 0.98, 901, latency_ms=1.0),
    FAILED,
]


def test_a_row_is_on_the_front_unless_another_is_better_in_everything():
    rows = marked(ROWS, least=0.985)

    assert [r.name for r in rows if r.on_front] == ["dense", "small", "fast", "wrong"]
    assert [r.name for r in rows if r.within_drop] == ["dense", "small", "fast"]


def test_timings_that_differ_by_a_hair_beat_nobody():
    rows = marked([row("one", 0.9, latency_ms=1.0), row("two", 0.9, 90, latency_ms=1.004)], 0.5)

    assert [r.on_front for r in rows] == [False, True]


def test_a_row_whose_model_is_gone_is_on_no_front():
    rows = marked(ROWS, 0.985, standing={"dense", "small"})

    assert [r.name for r in rows if r.on_front] == ["dense", "small"]


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        ("bytes", "small"),
        ("latency", "fast"),
        ("train_time", "dense"),
        (lambda row: -row["accuracy"], "dense"),
        (lambda row: row["file_bytes"] * row["latency_ms"], "fast"),
    ],
)
def test_the_best_of_those_accurate_enough_is_chosen(objective, name):
    rows = marked(ROWS, least=0.985)

    assert rows[chosen_row(rows, objective, owner="test")].name == name


@pytest.mark.parametrize("objective", ["bytes", "latency", "train_time"])
def test_what_is_chosen_is_on_the_front(objective):
    rows = [
        row("best by a hair", 0.98, latency_ms=1.0, train_seconds=1.0),
        row("better otherwise", 0.99, latency_ms=1.004, train_seconds=1.004),
        row("and in bytes", 0.99, 99, latency_ms=1.003, train_seconds=1.003),
    ]
    rows = marked(rows, least=0.9)

    assert rows[chosen_row(rows, objective, owner="test")].name == "and in bytes"
    assert [r.on_front for r in rows] == [False, False, True]


def test_only_a_row_whose_model_is_at_hand_is_chosen():
    rows = marked(ROWS, least=0.985)

    assert rows[chosen_row(rows, "bytes", owner="test", standing={"dense", "fast"})].name == "fast"


def test_where_none_is_accurate_enough_the_most_accurate_is_chosen():
    rows = marked([FAILED, *ROWS], least=2.0)

    assert rows[chosen_row(rows, "bytes", owner="test")].name == "dense"


def test_of_equal_rows_the_more_accurate_is_chosen():
    rows = marked([row("one", 0.98), row("two", 0.99)], least=0.9)

    assert rows[chosen_row(rows, "bytes", owner="test")].name == "two"


def test_a_model_that_no_file_holds_is_chosen_last():
    rows = marked([row("unstored", 0.99, None), row("stored", 0.98, 10**9)], least=0.9)

    assert rows[chosen_row(rows, "bytes", owner="test")].name == "stored"


def raising(row):
    raise KeyError("no such key")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (raising, "test.objective takes a row .* raised KeyError.* for the row 'dense'"),
        (lambda row: "small", "test.objective gives a number, .* not 'small' .* row 'dense'"),
        (lambda row: math.nan, "test.objective gives a number, .* not nan"),
        (lambda row: None, "test.objective gives a number, .* not None"),
    ],
)
def test_an_objective_that_gives_no_number_is_told_with_the_row(objective, message):
    with pytest.raises(ObjectiveError, match=message):
        objective_of(ROWS[0], objective, owner="test")


def test_a_frame_has_the_columns_promised():
    frame = as_frame(ROWS)

    promised = [
        "name", "recipe", "accuracy", "file_bytes", "latency_ms", "train_seconds", "within_drop",
        "on_front", "chosen",
    ]  # fmt: skip
    assert list(frame.columns) == list(COLUMNS) == [*promised, "failure"]
    assert len(frame) == len(ROWS)
