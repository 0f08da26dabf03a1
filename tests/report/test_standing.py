from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._standing import rivals, standing_text

SINGLES = ["pruned", "packed"]
OTHERS = [*SINGLES, "grid search"]


@pytest.fixture
def cells(make_cell):
    """Seeds that differ a little; packed is the most accurate single technique."""
    figures = {
        "all": (0.99, 1.0, 500.0, 0.1),
        "pruned": (0.97, 0.5, 900.0, 0.4),
        "packed": (0.98, 4.0, 300.0, 0.4),
        "grid search": (0.985, 9.0, 990.0, 0.2),
    }
    return [
        make_cell(name, seed, accuracy + seed / 1e4, *(value * (1 + seed / 100) for value in rest))
        for name, (accuracy, *rest) in figures.items()
        for seed in range(3)
    ]


def verdicts(found):
    return {standing.figure: standing.verdict for standing in found.against_best_single}


def test_the_rival_is_the_single_technique_with_the_highest_accuracy(cells):
    found = rivals(cells, "all", singles=SINGLES, others=OTHERS)

    assert found.best_single == "packed"
    assert verdicts(found) == {
        "accuracy": "better",
        "fit_seconds": "better",
        "file_bytes": "worse",
        "latency_ms": "better",
    }
    assert (found.count("better"), found.count("worse")) == (3, 1)


def test_of_equally_accurate_ones_it_is_the_quickest_to_train(make_cell):
    cells = [make_cell(name, 0, 0.9, seconds) for name, seconds in [("a", 3), ("b", 1), ("c", 2)]]

    assert rivals(cells, "a", singles=["b", "c"], others=["b", "c"]).best_single == "b"


def test_each_best_is_looked_for_among_searches_too(cells):
    found = rivals(cells, "all", singles=SINGLES, others=OTHERS)

    best = {standing.figure: standing.technique for standing in found.against_each_best}
    assert best == {
        "accuracy": "grid search",
        "fit_seconds": "pruned",
        "file_bytes": "packed",
        "latency_ms": "grid search",
    }


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=4))
def test_nothing_differs_from_itself(make_cell, values):
    cells = [
        make_cell(name, seed, 0.9, value, value, value)
        for name in ("all", "other")
        for seed, value in enumerate(values)
    ]

    found = rivals(cells, "all", singles=["other"], others=["other"])

    assert set(verdicts(found).values()) == {"same"}


def test_a_change_within_its_deviation_counts_as_the_same(make_cell):
    cells = [make_cell("all", seed, accuracy) for seed, accuracy in enumerate([0.90, 0.94])]
    cells += [make_cell("other", seed, accuracy) for seed, accuracy in enumerate([0.91, 0.92])]

    found = rivals(cells, "all", singles=["other"], others=["other"])

    assert verdicts(found)["accuracy"] == "same"


def test_a_difference_that_a_clock_cannot_tell_counts_as_the_same(make_cell):
    figures = {"all": (0.9, 1.015, 100.0, 0.99), "other": (0.9, 1.0, 101.0, 1.0)}
    cells = [make_cell(name, 0, *values) for name, values in figures.items()]

    found = rivals(cells, "all", singles=["other"], others=["other"])

    assert verdicts(found) == {
        "accuracy": "same",
        "fit_seconds": "same",
        "file_bytes": "better",
        "latency_ms": "same",
    }


@pytest.mark.parametrize("missing", [["all"], SINGLES])
def test_there_is_no_standing_before_both_sides_are_finished(cells, missing):
    left = [cell for cell in cells if cell.technique not in missing]

    assert rivals(left, "all", singles=SINGLES, others=OTHERS) is None


def test_the_text_names_the_rival_and_every_figure(cells):
    text = " ".join(standing_text(rivals(cells, "all", singles=SINGLES, others=OTHERS)).split())

    assert "against packed" in text
    assert "accuracy +1.00 better, training 0.25x better, file 1.67x worse" in text
    assert "better in 3 of 4, worse in 1." in text
    assert "training 2.00x (pruned)" in text
