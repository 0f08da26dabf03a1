from __future__ import annotations

import io
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skdeepopt.report._table import (
    COLUMNS,
    build_rows,
    header_and_body,
    rich_table,
    table_caption,
    text_table,
    to_ascii,
)

positive = st.floats(1e-3, 1e6)
ORDER = ["baseline", "pruned"]


@given(st.lists(positive, min_size=1, max_size=5))
def test_a_row_holds_mean_and_sample_deviation_of_its_seeds(make_cell, seconds):
    cells = [make_cell("baseline", seed, fit_seconds=s) for seed, s in enumerate(seconds)]

    summary = build_rows(cells, ORDER)[0].summaries["fit_seconds"]

    expected = statistics.stdev(seconds) if len(seconds) > 1 else None
    assert summary.mean == pytest.approx(statistics.fmean(seconds))
    assert summary.deviation == pytest.approx(expected)
    assert summary.n == len(seconds)


@given(st.lists(st.tuples(st.floats(0, 1), positive), min_size=1, max_size=5))
def test_the_baseline_does_not_differ_from_itself(make_cell, values):
    cells = [make_cell("baseline", k, a, s) for k, (a, s) in enumerate(values)]

    changes = build_rows(cells, ORDER)[0].changes

    assert changes["accuracy"].value == 0
    assert changes["fit_seconds"].value == 1


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=5))
def test_a_ratio_turns_over_when_the_sides_are_swapped(make_cell, pairs):
    there = [make_cell("baseline", k, latency_ms=a) for k, (a, _) in enumerate(pairs)]
    there += [make_cell("pruned", k, latency_ms=b) for k, (_, b) in enumerate(pairs)]
    back = [make_cell("baseline", k, latency_ms=b) for k, (_, b) in enumerate(pairs)]
    back += [make_cell("pruned", k, latency_ms=a) for k, (a, _) in enumerate(pairs)]

    ratio = build_rows(there, ORDER)[1].changes["latency_ms"].value
    inverse = build_rows(back, ORDER)[1].changes["latency_ms"].value

    assert math.isclose(ratio * inverse, 1.0, rel_tol=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=5))
def test_a_difference_changes_its_sign_when_the_sides_are_swapped(make_cell, pairs):
    there = [make_cell("baseline", k, a) for k, (a, _) in enumerate(pairs)]
    there += [make_cell("pruned", k, b) for k, (_, b) in enumerate(pairs)]
    back = [make_cell("baseline", k, b) for k, (_, b) in enumerate(pairs)]
    back += [make_cell("pruned", k, a) for k, (a, _) in enumerate(pairs)]

    gain = build_rows(there, ORDER)[1].changes["accuracy"]
    loss = build_rows(back, ORDER)[1].changes["accuracy"]

    assert gain.value == pytest.approx(-loss.value)
    assert gain.deviation == pytest.approx(loss.deviation)


@given(st.permutations(range(6)))
def test_the_order_of_the_cells_does_not_matter(make_cell, order):
    cells = [make_cell(ORDER[k % 2], k // 2, 0.9 + k / 100, 1.0 + k) for k in range(6)]

    assert build_rows([cells[k] for k in order], ORDER) == build_rows(cells, ORDER)


def test_a_change_is_taken_over_the_seeds_that_both_have(make_cell):
    cells = [make_cell("baseline", 0, fit_seconds=2.0), make_cell("baseline", 1, fit_seconds=50.0)]
    cells.append(make_cell("pruned", 0, fit_seconds=3.0))

    change = build_rows(cells, ORDER)[1].changes["fit_seconds"]

    assert (change.value, change.n, change.deviation) == (1.5, 1, None)


def test_without_a_baseline_there_is_no_change(make_cell):
    rows = build_rows([make_cell("pruned", 0)], ORDER)

    assert set(rows[0].changes.values()) == {None}
    assert "-" in text_table(rows).splitlines()[-1].split()


def test_a_technique_without_cells_and_an_unknown_one_have_no_row(make_cell):
    rows = build_rows([make_cell("baseline", 0), make_cell("alchemy", 0)], ORDER)

    assert [row.technique for row in rows] == ["baseline"]


def test_the_table_says_values_and_changes(make_cell):
    cells = [make_cell("baseline", k, 0.90 + k / 100, 2.0, 100_000, 0.5) for k in range(2)]
    cells += [make_cell("pruned", k, 0.89 + k / 100, 5.0, 4_000, 0.25, 2e4) for k in range(2)]

    lines = text_table(build_rows(cells, ORDER)).splitlines()

    assert lines[2].split() == ["baseline", "90.50", "±", "0.71", "2.0", "100", "0.50", "10.0"]
    assert lines[3].split() == [
        *("pruned", "89.50", "±", "0.71", "-1.00", "5.0", "2.50x", "4.0", "0.04x", "0.25", "0.50x"),
        *("20.0", "2.00x"),
    ]


def test_a_loss_that_rounds_to_nothing_has_no_minus(make_cell):
    cells = [make_cell("baseline", 0, 0.9), make_cell("pruned", 0, 0.8999999)]

    assert "+0.00" in text_table(build_rows(cells, ORDER))


def test_the_number_of_seeds_shows_where_it_differs(make_cell):
    even = [make_cell(name, seed) for name in ORDER for seed in range(2)]

    assert "seeds" not in header_and_body(build_rows(even, ORDER))[0]
    assert "seeds" in header_and_body(build_rows(even[:-1], ORDER))[0]


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 5e3), st.floats(100, 2e7), st.floats(0.01, 99), st.floats(10, 2e5)
        ),
        min_size=2,
        max_size=2,
    )
)
def test_lines_stay_within_a_hundred_and_twenty_columns(make_cell, values):
    cells = [make_cell("baseline", seed, 0.9, *values[seed]) for seed in range(2)]
    cells += [make_cell("Bayesian search", seed, 0.99, *values[seed]) for seed in range(2)]

    lines = text_table(build_rows(cells, ["baseline", "Bayesian search"])).splitlines()

    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_terminal_of_any_usual_width_shows_every_figure_whole(make_cell, width):
    rows = build_rows([make_cell(name, seed) for name in ORDER for seed in range(3)], ORDER)
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)

    console.print(rich_table(rows, width=width))

    shown = console.file.getvalue()
    assert "…" not in shown
    assert {"90.00", "+0.00", "2.0", "1.00x", "0.50"} <= set(shown.split())


def test_plain_ascii_is_possible(make_cell):
    rows = build_rows([make_cell("baseline", k, 0.9 + k / 100) for k in range(2)], ORDER)

    assert text_table(rows, ascii_only=True).isascii()
    assert to_ascii(table_caption(rows)).isascii()


def test_every_column_names_another_figure():
    assert len({column.figure for column in COLUMNS}) == len(COLUMNS)
