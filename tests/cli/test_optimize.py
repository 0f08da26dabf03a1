from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from skdeepopt.cli._main import main
from skdeepopt.cli._optimize_folder import OUTPUTS
from skdeepopt.estimators._cnn import CNNRegressor
from skdeepopt.storage import load

ROW = {
    "name": "base",
    "recipe": "base",
    "accuracy": 0.9,
    "file_bytes": 9_000,
    "latency_ms": 0.2,
    "train_seconds": 0.1,
    "within_drop": True,
    "on_front": True,
    "chosen": False,
    "failure": "",
}


class FakeOptimizer:
    """What the command asks of an AutoOptimizer, without the search."""

    during_fit = staticmethod(lambda: None)
    validation_fraction = 0.15

    def __init__(self, estimator, **parameters):
        self.estimator, self.parameters = estimator, parameters
        type(self).last = self

    def fit(self, X, y):
        self.seen = X, y
        self.during_fit()
        self.best_estimator_ = type(self.estimator)(
            architecture="mlp", widths=0.1, max_epochs=1, random_state=0
        ).fit(X, y)
        failed = {**ROW, "name": "lost", "accuracy": float("nan"), "failure": "ValueError: <b>"}
        small = {**ROW, "name": "base, small", "file_bytes": 900, "chosen": True}
        self.rows_ = [ROW, small, {**failed, "file_bytes": None, "latency_ms": float("nan")}]
        self.baseline_, self.best_row_ = self.rows_[:2]
        self.n_trials_, self.n_folds_ = 3, 1
        self.seconds_, self.refit_time_ = 1.5, 0.5
        for callback in self.parameters["callbacks"]:
            callback(ROW)
        return self


class FakeDisplay:
    @classmethod
    def from_optimizer(cls, auto):
        return SimpleNamespace(figure_=SimpleNamespace(savefig=cls.savefig))

    @staticmethod
    def savefig(buffer, **options):
        assert isinstance(buffer, io.BytesIO)
        buffer.write(b"\x89PNG")


@pytest.fixture
def fake_search(monkeypatch):
    class Fake(FakeOptimizer):
        pass

    monkeypatch.setattr("skdeepopt.auto._auto.AutoOptimizer", Fake)
    monkeypatch.setitem(
        sys.modules,
        "skdeepopt.report._pareto_display",
        SimpleNamespace(ParetoDisplay=FakeDisplay),
    )
    return Fake


@pytest.fixture
def optimize(data_file, tmp_path):
    def run(*arguments, data=data_file):
        out = tmp_path / "out"
        fixed = ["--data", str(data), "--out", str(out), "--baseline", "mlp"]
        return main(["optimize", *fixed, *arguments]), out

    return run


@pytest.fixture
def done(fake_search, optimize, capsys):
    """A finished run: exit code, folder, what it printed."""
    code, out = optimize("--time-budget", "7", "--seed", "3")
    return SimpleNamespace(code=code, out=out, shown=capsys.readouterr(), fake=fake_search.last)


def test_a_run_leaves_every_file_and_says_so(done):
    assert done.code == 0
    assert {path.name for path in done.out.iterdir()} == {*OUTPUTS, "setting.json"}
    assert "[1] base: 90.00 %" in done.shown.out
    assert 'The model that was chosen, "base, small", answers' in done.shown.out
    assert done.shown.out.endswith(f"page.html are in {done.out}\n")


def test_the_search_gets_what_was_asked_for_and_never_the_test_part(done, data_file):
    with np.load(data_file) as arrays:
        np.testing.assert_array_equal(done.fake.seen[0], arrays["x_train"])
    parameters = done.fake.parameters
    assert done.fake.estimator.architecture == "mlp"
    assert done.fake.estimator.random_state == parameters["random_state"] == 3
    assert parameters["time_budget"] == 7.0
    assert parameters["journal"] == done.out / "journal"


def test_the_model_and_the_onnx_file_answer_as_the_chosen_model(done, data_file):
    onnxruntime = pytest.importorskip("onnxruntime")
    with np.load(data_file) as arrays:
        images = arrays["x_test"]

    expected = done.fake.best_estimator_.predict(images)
    session = onnxruntime.InferenceSession(done.out / "model.onnx")
    np.testing.assert_array_equal(load(done.out / "model.skdo").predict(images), expected)
    # The lines of code on the page, with the samples that it speaks of.
    labels, _ = session.run(None, {"inputs": images})
    np.testing.assert_array_equal(labels, expected)


def test_results_hold_the_figures_of_both_models_and_what_the_page_shows(done):
    document = json.loads((done.out / "results.json").read_text())

    from skdeepopt.report._page import build_page

    figures = {"accuracy", "file_bytes", "latency_ms", "train_seconds"}
    assert figures <= document["test"]["baseline"].keys() & document["test"]["chosen"].keys()
    size = (done.out / "model.skdo").stat().st_size
    assert document["test"]["chosen"]["file_bytes"]["value"] == size
    assert document["test"]["chosen"]["accuracy"]["n"] == 15
    assert document["validation_reference"] == 0.9
    assert [row["accuracy"] for row in document["candidates"]] == [0.9, 0.9, None]
    assert build_page(document) == (done.out / "page.html").read_text()


def test_the_card_holds_that_of_the_onnx_file(done):
    card = (done.out / "model-card.md").read_text()

    assert card.startswith("# model.skdo")
    assert "## model.onnx" in card


def test_the_same_command_again_goes_on_from_the_folder(done, optimize, capsys):
    code, out = optimize("--time-budget", "9", "--seed", "3")

    assert code == 0
    assert f"{out} holds a run of this; going on from there" in capsys.readouterr().out


def test_another_setting_in_the_same_folder_is_refused_and_changes_nothing(done, optimize, capsys):
    before = (done.out / "page.html").read_bytes()

    code, out = optimize("--seed", "4")

    assert code == 2
    assert "holds an optimization with seed = 3, this one has seed = 4" in capsys.readouterr().err
    assert (out / "page.html").read_bytes() == before


def test_ctrl_c_exits_with_130_and_says_how_to_go_on(fake_search, optimize, capsys):
    fake_search.during_fit = staticmethod(lambda: os.kill(os.getpid(), signal.SIGINT))

    code, out = optimize()

    assert code == 130
    assert f"stopped; the same command goes on from {out}" in capsys.readouterr().out
    assert not (out / "page.html").exists()


def swallowed():
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_that_a_callback_swallowed_is_not_lost(fake_search, optimize):
    fake_search.during_fit = staticmethod(swallowed)

    assert optimize()[0] == 130


def fail():
    raise FloatingPointError("The training loss is not finite in epoch 1")


def test_an_error_in_the_search_is_one_line(fake_search, optimize, capsys):
    fake_search.during_fit = staticmethod(fail)

    code, _ = optimize()

    assert code == 2
    assert capsys.readouterr().err == "error: The training loss is not finite in epoch 1\n"


def test_a_model_that_onnx_cannot_hold_costs_that_file_only(
    fake_search, optimize, capsys, monkeypatch
):
    def refuse(*_, **__):
        raise ValueError("export takes no such <model>.\nAt all.")

    monkeypatch.setattr("skdeepopt.cli._optimize_files.export", refuse)

    code, out = optimize()

    assert code == 0
    assert "model.onnx is not written: export takes no such <model>.\n" in capsys.readouterr().out
    assert not (out / "model.onnx").exists()
    assert "There is no ONNX file" in (out / "page.html").read_text()
    assert "## model.onnx" not in (out / "model-card.md").read_text()


def test_targets_without_classes_are_regressed(fake_search, optimize, tmp_path):
    generator = np.random.default_rng(0)
    X = generator.integers(0, 255, (60, 6, 6), dtype=np.uint8)
    path = tmp_path / "lengths.npz"
    np.savez(path, X=X, y=X.mean(axis=(1, 2)) / 255 + 0.1)

    code, out = optimize(data=path)

    document = json.loads((out / "results.json").read_text())
    assert code == 0
    assert isinstance(fake_search.last.estimator, CNNRegressor)
    assert document["metric"] == "R2"
    assert document["test"]["difference"] is None
    assert "(values,) = session.run" in (out / "page.html").read_text()


@pytest.mark.parametrize("name", ["mnits", "./nowhere/at/all"])
def test_missing_data_is_one_line_and_leaves_no_folder(optimize, capsys, name):
    code, out = optimize(data=name)

    shown = capsys.readouterr().err
    assert code == 2
    assert shown.startswith("error: load_dataset takes digits")
    assert shown.count("\n") == 1
    assert not out.exists()


def test_an_out_that_is_a_file_is_refused_before_the_data_is_read(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")

    code = main(["optimize", "--data", "mnits", "--out", str(file)])

    assert code == 2
    assert f"--out is a folder, not the file {file}" in capsys.readouterr().err
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_a_real_run_on_digits_leaves_a_model_and_resumes(tmp_path):
    command = [sys.executable, "-m", "skdeepopt", "optimize", "--time-budget", "20"]
    command += ["--out", str(tmp_path / "out")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    again = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == again.returncode == 0, done.stderr + again.stderr
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} >= set(OUTPUTS)
    assert isinstance(
        load(tmp_path / "out" / "model.skdo").predict(np.zeros((1, 8, 8))), np.ndarray
    )
    assert sum(row["chosen"] for row in document["candidates"]) == 1
    assert "going on from there" in again.stdout
