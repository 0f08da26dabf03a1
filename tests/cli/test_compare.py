from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from skdeepopt.cli._main import main


@pytest.fixture
def compare(data_file, tmp_path):
    def run(*arguments):
        out = tmp_path / "out"
        return main(["compare", "--data", str(data_file), "--out", str(out), *arguments]), out

    return run


def stop(setting, seed):
    raise KeyboardInterrupt


def fail(setting, seed):
    raise FloatingPointError("The training loss is not finite in epoch 1")


def without_clock(out):
    document = json.loads((out / "results.json").read_text())
    return [
        (cell["technique"], cell["seed"], cell["figures"]["accuracy"], cell["chosen"])
        for cell in document["cells"]
    ]


def test_a_comparison_prints_a_table_and_leaves_every_file(fake_study, compare, capsys):
    code, out = compare("--seeds", "2")

    shown = capsys.readouterr().out
    document = json.loads((out / "results.json").read_text())
    with (out / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert code == 0
    assert {"baseline", "grid", "accuracy", "training", "latency"} <= set(shown.split())
    assert [row["name"] for row in document["techniques"]] == list(fake_study)
    assert document["is_complete"] is True
    assert {"machine", "versions", "date", "setting", "summaries"} <= document.keys()
    assert {line["technique"] for line in lines} == set(fake_study)
    assert (out / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert len(document["cells"]) == 4
    assert all((out / cell["model"]).stat().st_size > 0 for cell in document["cells"])


def test_progress_is_a_plain_line_per_training_away_from_a_terminal(fake_study, compare, capsys):
    compare("--seeds", "2")

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in lines] == ["[1/4", "[2/4", "[3/4", "[4/4"]
    assert "grid search, seed 0: " in lines[1]
    assert " left" in lines[0]
    assert " left" not in lines[3]


def test_a_second_run_computes_nothing_again(fake_study, compare, capsys):
    compare("--seeds", "1")
    capsys.readouterr()

    code, _ = compare("--seeds", "1")

    shown = capsys.readouterr().out
    assert code == 0
    assert "holds 2 of 2 trainings" in shown
    assert "[1/" not in shown


def test_ctrl_c_writes_what_is_done_and_the_next_run_goes_on(
    fake_study, compare, capsys, monkeypatch
):
    working = fake_study["grid search"]
    fake_study["grid search"] = dataclasses.replace(working, build=stop)

    code, out = compare("--seeds", "2")

    shown = capsys.readouterr().out
    assert code == 130
    assert "goes on from" in shown
    assert json.loads((out / "results.json").read_text())["is_complete"] is False
    assert [cell[:2] for cell in without_clock(out)] == [("baseline", 0)]
    assert (out / "chart.png").exists()

    fake_study["grid search"] = working
    code, _ = compare("--seeds", "2")

    assert code == 0
    assert "holds 1 of 4 trainings" in capsys.readouterr().out
    assert len(without_clock(out)) == 4


def test_a_continued_run_finds_what_an_undisturbed_one_does(fake_study, compare, tmp_path):
    working = fake_study["grid search"]
    fake_study["grid search"] = dataclasses.replace(working, build=stop)
    _, out = compare("--seeds", "2")
    fake_study["grid search"] = working
    compare("--seeds", "2")
    continued = without_clock(out)

    out.rename(tmp_path / "first")
    compare("--seeds", "2")

    assert continued == without_clock(out)


def test_ctrl_c_before_the_first_training_ends_leaves_results_without_rows(
    fake_study, compare, capsys
):
    fake_study["baseline"] = dataclasses.replace(fake_study["baseline"], build=stop)

    code, out = compare()

    assert code == 130
    assert "no training is finished yet" in capsys.readouterr().out
    assert json.loads((out / "results.json").read_text())["techniques"] == []


def test_an_error_in_a_technique_keeps_what_is_done_and_is_one_line(fake_study, compare, capsys):
    fake_study["grid search"] = dataclasses.replace(fake_study["grid search"], build=fail)

    code, out = compare()

    assert code == 2
    assert capsys.readouterr().err == "error: The training loss is not finite in epoch 1\n"
    assert [cell[:2] for cell in without_clock(out)] == [("baseline", 0)]


def test_another_setting_in_the_same_folder_is_refused(fake_study, compare, capsys):
    compare("--seeds", "1")

    code, _ = compare("--seeds", "1", "--quick")

    assert code == 2
    assert "quick = False, this one has quick = True" in capsys.readouterr().err


def test_more_seeds_add_to_the_same_folder(fake_study, compare):
    compare("--seeds", "1")

    code, out = compare("--seeds", "2")

    assert code == 0
    assert len(without_clock(out)) == 4


def test_only_one_technique_and_the_baseline_can_be_asked_for(fake_study, compare, capsys):
    fake_study["pruned"] = dataclasses.replace(fake_study["baseline"], name="pruned")

    _, out = compare("--seeds", "1", "--only", "pruned")

    assert [cell[0] for cell in without_clock(out)] == ["baseline", "pruned"]
    assert compare("--only", "pruend")[0] == 2
    assert "Did you mean 'pruned'?" in capsys.readouterr().err


def seen_before(dataset):
    return "it has seen them"


def test_a_technique_that_does_not_run_on_the_data_is_left_out_with_a_reason(
    fake_study, compare, capsys
):
    baseline = fake_study["baseline"]
    fake_study["seen"] = dataclasses.replace(baseline, name="seen", left_out=seen_before)

    code, out = compare("--seeds", "1")

    document = json.loads((out / "results.json").read_text())
    shown = capsys.readouterr().out
    assert code == 0
    assert "left out: seen (it has seen them)" in shown
    assert "2 techniques x 1 seed" in shown
    assert [row["name"] for row in document["techniques"]] == ["baseline", "grid search"]
    assert document["left_out"] == {"seen": "it has seen them"}


def test_rows_of_few_labels_are_told_and_left_out_of_the_chart(
    fake_study, compare, capsys, monkeypatch
):
    charted = []
    monkeypatch.setattr(
        "skdeepopt.report.write_chart", lambda path, rows, **_: charted.extend(rows)
    )
    fake_study["few"] = dataclasses.replace(fake_study["baseline"], name="few", labels_per_class=3)

    _, out = compare("--seeds", "1")

    assert "few: 3 training images of each class" in capsys.readouterr().out
    assert [cell[0] for cell in without_clock(out)] == ["baseline", "grid search", "few"]
    assert [row.technique for row in charted] == ["baseline", "grid search"]


def test_the_studys_figures_stand_beside_what_was_measured(fake_study, compare, capsys):
    _, out = compare("--seeds", "2")

    first, second = capsys.readouterr().out.split("\n\ntechnique")[-2:]
    grid = next(line for line in first.splitlines() if line.startswith("grid search"))
    document = json.loads((out / "results.json").read_text())
    study = document["techniques"][1]["study"]
    assert "study" in first.splitlines()[0]
    assert {"+10", "-5"} <= set(grid.split())
    assert "grid search" in second
    assert (study["accuracy"]["percent"], study["model_seconds"]["percent"]) == (10, -5)
    assert document["techniques"][0]["study"] is None


def test_all_together_is_held_against_the_best_single_technique(fake_study, compare, capsys):
    baseline = fake_study["baseline"]
    fake_study["grid search"] = dataclasses.replace(fake_study["grid search"], kind="search")
    fake_study["pruned"] = dataclasses.replace(baseline, name="pruned")
    fake_study["all together"] = dataclasses.replace(
        baseline, name="all together", kind="combination"
    )

    _, out = compare("--seeds", "2")

    found = json.loads((out / "results.json").read_text())["together"]
    assert found["best_single"] == "pruned"
    assert found["against_best_single"][0]["verdict"] == "same"
    assert "all together, against pruned" in capsys.readouterr().out


def test_the_number_of_seeds_is_that_of_the_setting_where_none_is_given(fake_study, compare):
    _, out = compare("--quick")

    assert {cell[1] for cell in without_clock(out)} == {0}


FITTING = "estimator.fit(X, y)"
"""The line that Python shows below a warning."""


@pytest.mark.slow
def test_a_quick_comparison_of_the_real_techniques_runs_and_stops_on_ctrl_c(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "skdeepopt", "compare", "--quick", "--out", str(out)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        next(line for line in process.stdout if line.startswith("[ 2/16]"))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    stopped_at = len(without_clock(out))

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert process.returncode == 130
    assert "goes on from" in rest
    assert 2 <= stopped_at < 16
    assert done.returncode == 0, done.stderr
    assert f"holds {stopped_at} of 16 trainings" in done.stdout
    assert len(without_clock(out)) == 16
    # Where integers are slower than float, which is up to the machine, a warning says so.
    told = [line for line in done.stderr.splitlines() if line.strip() != FITTING]
    assert all("QuantizedEstimator: Only the weights are rounded" in line for line in told)
