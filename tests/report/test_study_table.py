from __future__ import annotations

import io

import pytest
from rich.console import Console

from skdeepopt.report._claims import Claim
from skdeepopt.report._study_table import claims_caption, rich_claims, study_grid, text_claims
from skdeepopt.report._table import build_rows

ORDER = ["baseline", "pruned", "packed"]
CLAIMS = {"pruned": Claim("pruning", 5, -20)}


@pytest.fixture
def rows(make_timed):
    cells = [make_timed("baseline", seed, 0.9 + seed / 100, 2.0) for seed in range(3)]
    cells += [make_timed("pruned", seed, 0.92 + seed / 100, 1.5 + seed / 10) for seed in range(3)]
    cells += [make_timed("packed", seed, 0.91, 9.0) for seed in range(3)]
    return build_rows(cells, ORDER)


def texts(rows, claims=CLAIMS):
    header, body = study_grid(rows, claims)
    return {line[0]: dict(zip(header, line, strict=True)) for line in body}


def test_a_row_says_the_measured_change_and_the_studys(rows):
    pruned = texts(rows)["pruned"]

    assert pruned["accuracy"] == "+2.2 ± 0.0 %"
    assert pruned["points"] == "+2.00"
    assert pruned["training"] == "-20 ± 5 %"
    assert study_grid(rows, CLAIMS)[1][1][2] == "+5 %"


def test_a_baseline_says_its_own_figures(rows):
    assert texts(rows)["baseline"]["accuracy"] == "91.00 %"
    assert texts(rows)["baseline"]["training"] == "2.0 s"


def test_what_the_study_is_silent_about_has_a_dash(rows):
    _, body = study_grid(rows, CLAIMS)

    assert body[2][2] == body[2][5] == "-"


def test_a_figure_out_of_reach_has_a_letter_that_the_caption_explains(rows):
    claims = {"pruned": Claim("pruning", 15, -20), "packed": Claim("packing", 15, -20, True)}

    _, body = study_grid(rows, claims)

    assert (body[1][2], body[1][5]) == ("+15 % (a)", "-20 %")
    assert (body[2][2], body[2][5]) == ("+15 % (a)", "-20 % (b)")
    caption = claims_caption(rows, claims)
    assert "(a) out of reach: the baseline's 91.00 % leave room for +9.9 % at most." in caption
    assert "(b) out of reach: it begins with the whole training" in caption


def test_a_reachable_figure_has_no_letter(rows):
    assert "out of reach" not in claims_caption(rows, CLAIMS)


def test_the_caption_says_what_the_percentages_are_of(rows):
    caption = " ".join(claims_caption(rows, CLAIMS).split())

    assert "in per cent of that of the nearest baseline above" in caption
    assert "for a search that of the fit of the model that it found, without the search" in caption


@pytest.mark.parametrize("width", [40, 60, 96])
def test_no_line_of_the_caption_is_longer_than_asked_for(rows, width):
    assert max(map(len, claims_caption(rows, CLAIMS, width=width).splitlines())) <= width


def test_lines_stay_within_a_hundred_columns(make_timed):
    name = "quantized, after training"
    cells = [make_timed("baseline", seed, 0.98 + seed / 1e3, 1.0 + seed) for seed in range(3)]
    cells += [make_timed(name, seed, 0.9 + seed / 50, 9.0 + 3 * seed, 1.0) for seed in range(3)]
    rows = build_rows(cells, ["baseline", name])

    lines = text_claims(rows, {name: Claim("quantization", 15, -30, True)}).splitlines()

    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_terminal_of_any_usual_width_shows_every_figure_whole(rows, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)

    console.print(rich_claims(rows, CLAIMS, width=width))

    shown = console.file.getvalue()
    assert "…" not in shown
    assert {"+2.2", "+2.00", "-20", "+5", "1.00x"} <= set(shown.split())


def test_plain_ascii_is_possible(rows):
    assert text_claims(rows, CLAIMS, ascii_only=True).isascii()
