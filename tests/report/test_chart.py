from __future__ import annotations

import struct
import sys

import pytest

from skdeepopt.report._chart import write_chart
from skdeepopt.report._claims import Claim
from skdeepopt.report._table import build_rows

ORDER = ["baseline", "grid search", "pruned"]


def size_of_png(path):
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_chart_is_a_png_of_panels_side_by_side(make_cell, tmp_path, n_seeds):
    cells = [
        make_cell(name, seed, 0.9 + seed / 100, 1, 1000.0 * (place + 1), 0.1 + seed / 50)
        for place, name in enumerate(ORDER)
        for seed in range(n_seeds)
    ]

    write_chart(tmp_path / "chart.png", build_rows(cells, ORDER), title="digits")

    width, height = size_of_png(tmp_path / "chart.png")
    assert width > 2 * height > 1000


def test_what_the_study_says_stands_below_and_takes_more_room_for_more_rows(make_timed, tmp_path):
    rows = build_rows([make_timed(name, 0) for name in ORDER], ORDER)
    claims = {"pruned": Claim("pruning", 5, -20)}

    def height_with(compared):
        write_chart(tmp_path / "chart.png", rows, title="", claims=claims, compared=compared)
        return size_of_png(tmp_path / "chart.png")[1]

    assert height_with([]) < height_with(rows[-1:]) < height_with(rows[-2:])


def test_equal_techniques_at_full_accuracy_can_be_drawn(make_cell, tmp_path):
    rows = build_rows([make_cell(name, seed, 1.0) for name in ORDER for seed in range(2)], ORDER)

    write_chart(tmp_path / "chart.png", rows, title="the same everywhere")

    assert size_of_png(tmp_path / "chart.png")


def test_a_deviation_wider_than_the_value_can_be_drawn(make_cell, tmp_path):
    cells = [make_cell("baseline", seed, latency_ms=10.0**seed) for seed in range(3)]

    write_chart(tmp_path / "chart.png", build_rows(cells, ORDER), title="far apart")

    assert size_of_png(tmp_path / "chart.png")


def test_no_row_makes_no_chart(tmp_path):
    with pytest.raises(ValueError, match="at least one finished technique"):
        write_chart(tmp_path / "chart.png", [], title="nothing")

    assert not list(tmp_path.iterdir())


def test_drawing_leaves_pyplot_alone(make_cell, tmp_path):
    write_chart(tmp_path / "chart.png", build_rows([make_cell("baseline", 0)], ORDER), title="")

    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
