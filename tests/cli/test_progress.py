from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from skdeepopt.cli._progress import BarProgress, clock, is_ascii_only
from skdeepopt.measurement._record import Measurement
from skdeepopt.report._cells import Cell


def test_the_bar_names_the_cell_in_work_and_the_time_left():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    accuracy = Measurement(0.98, "ratio", (0.9, 1.0), "Wilson 95 % interval", 100)

    with BarProgress(12, 3, console) as progress:
        progress.begins("grid search", 1, 95.0)
        progress.ends(Cell("grid search", 1, {"accuracy": accuracy}, "m"), 60.0)

    shown = console.file.getvalue()
    assert "grid search, seed 1: 98.00 %" in shown
    assert "4/12" in shown
    assert "about 1 min 0 s left" in shown


@given(st.floats(0, 1e6))
def test_a_duration_is_never_nothing_and_never_has_sixty_of_a_unit(seconds):
    words = clock(seconds).split()

    assert any(int(number) > 0 for number in words[::2])
    assert all(int(number) < 60 for number in words[::2][1:])


def test_a_stream_that_takes_latin_letters_takes_the_table():
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=name) for name in ("utf-8", "latin-1")]

    assert not any(is_ascii_only(stream) for stream in streams)
    assert is_ascii_only(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
