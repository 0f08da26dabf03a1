from __future__ import annotations

import io
import math

from skdeepopt.cli._optimize_progress import CandidateLines, say

ROW = {
    "name": "base, int8",
    "accuracy": 0.98,
    "file_bytes": 24_100,
    "latency_ms": 0.05,
    "failure": "",
}


def test_each_candidate_has_a_line_with_its_figures_and_the_time_left(capsys):
    seconds = iter([0.0, 5.0, 30.0])
    tell = CandidateLines(20.0, "accuracy", clock=lambda: next(seconds))

    tell(ROW)
    tell({**ROW, "name": "student", "accuracy": math.nan, "failure": "ValueError: no\nmore"})

    assert capsys.readouterr().out.splitlines() == [
        "[1] base, int8: 98.00 %, 24.1 KB, 0.0500 ms, 15 s left",
        "[2] student: failed (ValueError: no), 0 s left",
    ]


def test_a_line_never_ends_the_search():
    assert CandidateLines(20.0, "accuracy")(ROW) is None


def test_names_that_the_output_cannot_carry_are_spelled_out(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)

    say("Äpfel")

    assert stream.buffer.getvalue() == b"\\xc4pfel\n"
