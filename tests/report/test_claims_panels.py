from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from skdeepopt.report._claims import Claim
from skdeepopt.report._claims_panels import draw_claims
from skdeepopt.report._table import build_rows

ORDER = ["baseline", "pruned", "packed"]
CLAIMS = {"pruned": Claim("pruning", 15, -20, begins_trained=True)}


@pytest.fixture
def panels(make_timed):
    cells = [
        make_timed(name, seed, 0.9 + seed / 100, (1 + 6 * place) * (1 + seed / 10))
        for place, name in enumerate(ORDER)
        for seed in range(2)
    ]
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    (lower,) = figure.subfigures(1, 1, squeeze=False)[0]
    draw_claims(lower, build_rows(cells, ORDER)[1:], CLAIMS)
    figure.draw_without_rendering()
    return lower.axes


def test_a_line_stands_for_each_row_from_the_top_down(panels):
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["pruned", "packed"]
    assert panels[0].yaxis_inverted()


def test_the_studys_figures_stand_where_it_says(panels):
    said = [
        line.get_xdata()[0]
        for axes in panels
        for line in axes.lines
        if line.get_marker() == "D" and len(line.get_xdata())
    ]

    assert said == [15, -20]


def test_what_is_out_of_reach_is_shaded(panels):
    shades = [axes.collections for axes in panels]

    hatched = [[part for part in parts if part.get_hatch()] for parts in shades]
    assert [len(parts) for parts in hatched] == [1, 1]


def test_a_training_many_times_as_long_leaves_an_arrow_with_its_number(panels):
    assert [text.get_text() for text in panels[1].texts] == ["+600", "+1200"]
