from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skdeepopt.report._grid import aligned_text, fitting_table, to_ascii

HEADER = ["technique", "accuracy", "study", "file KB", "change"]
BODY = [
    ["baseline", "98.63 ± 0.15", "", "87.9", ""],
    ["quantized, after training", "-0.1 ± 0.3", "+10 % (a)", "3.4", "0.039x"],
]

cells = st.text("0123456789.%x+-", max_size=12)


def shown(width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(fitting_table(HEADER, BODY, width=width))
    return console.file.getvalue()


@given(st.lists(st.lists(cells, min_size=5, max_size=5), min_size=1, max_size=4))
def test_no_text_is_lost_and_no_line_longer_than_the_rule(body):
    _, rule, *lines = aligned_text(HEADER, body).split("\n")

    assert max(map(len, lines)) <= len(rule)
    assert [line.split() for line in lines] == [[text for text in row if text] for row in body]


def test_what_says_more_of_a_figure_stands_closer_to_it():
    header = aligned_text(HEADER, BODY).splitlines()[1]

    assert [len(gap) for gap in header.replace("-", "x").split("x") if gap] == [2, 1, 2, 1]


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100])
def test_no_figure_is_cut_at_any_width(width):
    text = shown(width)

    assert "…" not in text
    assert {"98.63", "0.15", "87.9", "0.039x", "(a)"} <= set(text.split())
    assert max(map(len, text.splitlines())) <= width


def test_where_there_is_room_a_row_takes_a_line():
    lines = [line for line in shown(100).splitlines() if "quantized" in line]

    assert lines[0].split()[-1] == "0.039x"


def test_plain_ascii_is_possible():
    assert aligned_text(HEADER, BODY, ascii_only=True).isascii()
    assert to_ascii("1 ± 2") == "1 +- 2"
