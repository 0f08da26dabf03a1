from __future__ import annotations

import csv
import json
import stat

import numpy as np
import pytest

from skdeepopt.report._claims import Claim
from skdeepopt.report._results import results_document, write_bytes, write_csv, write_json
from skdeepopt.report._standing import rivals
from skdeepopt.report._table import build_rows

ORDER = ["baseline", "pruned"]


@pytest.fixture
def cells(make_cell):
    return [make_cell(name, seed, 0.9 + seed / 100, 1 + seed) for name in ORDER for seed in (0, 1)]


def test_every_number_of_the_document_has_unit_spread_and_count(cells):
    document = results_document(build_rows(cells, ORDER), cells, about={"date": "today"})

    figures = [f for row in document["techniques"] for f in row["figures"].values()]
    figures += [f for cell in document["cells"] for f in cell["figures"].values()]
    assert len(figures) == 2 * 5 + 4 * 5
    assert all(figure["unit"] and figure["spread"] and figure["n"] >= 1 for figure in figures)


def test_the_csv_file_has_a_line_per_technique_and_figure(cells, tmp_path):
    rows = build_rows(cells, ORDER)

    write_csv(tmp_path / "results.csv", rows)

    with (tmp_path / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 5
    assert {line["technique"] for line in lines} == set(ORDER)
    assert float(lines[0]["mean"]) == rows[0].summaries["accuracy"].mean
    assert lines[0]["change_kind"] == "difference"


CLAIMS = {"pruned": Claim("pruning", 15, -20, begins_trained=True)}


@pytest.fixture
def timed(make_timed):
    return [make_timed(name, 0, 0.9, seconds) for name, seconds in zip(ORDER, (2, 3), strict=True)]


def test_the_studys_figures_stand_beside_the_measured_ones(timed):
    document = results_document(build_rows(timed, ORDER), timed, about={}, claims=CLAIMS)

    baseline, pruned = document["techniques"]
    assert baseline["study"] is None
    assert pruned["study"]["group"] == "pruning"
    assert pruned["study"]["accuracy"]["percent"] == 15
    assert pruned["study"]["accuracy"]["bound_percent"] == pytest.approx(100 / 9)
    assert pruned["study"]["model_seconds"]["can_be_reached"] is False
    assert pruned["percent"]["model_seconds"]["value"] == pytest.approx(50)


def test_the_csv_file_says_the_studys_figures_and_why_they_are_out_of_reach(timed, tmp_path):
    write_csv(tmp_path / "results.csv", build_rows(timed, ORDER), claims=CLAIMS)

    with (tmp_path / "results.csv").open(newline="") as file:
        lines = {(line["technique"], line["figure"]): line for line in csv.DictReader(file)}
    time = lines["pruned", "model_seconds"]
    assert (time["percent"], time["study_percent"], time["against"]) == ("50.0", "-20", "baseline")
    assert "whole training" in time["out_of_reach"]
    assert lines["pruned", "file_bytes"]["study_percent"] == ""


def test_how_all_together_stand_is_in_the_document(timed):
    found = rivals(timed, "pruned", singles=["baseline"], others=["baseline"])

    document = results_document(build_rows(timed, ORDER), timed, about={}, found=found)

    assert document["together"]["best_single"] == "baseline"
    assert json.dumps(document, allow_nan=False)


def test_json_takes_numpy_numbers_and_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"lr": np.float64(0.1), "n": np.int64(3), "v": np.arange(2)})

    assert json.loads((tmp_path / "a.json").read_text()) == {"lr": 0.1, "n": 3, "v": [0, 1]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"lr": float("nan")})


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    target = tmp_path / "results.json"
    write_bytes(target, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(OSError, match="full"):
        write_bytes(target, b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert target.read_bytes() == b"old"


def test_a_written_file_can_be_read_by_others_as_usual(tmp_path):
    (tmp_path / "usual").write_bytes(b"")

    write_bytes(tmp_path / "ours", b"")

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours")]
    assert modes[0] == modes[1]
