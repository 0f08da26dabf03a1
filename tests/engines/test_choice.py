from __future__ import annotations

import importlib.util
import time

import numpy as np
import pytest

from skdeepopt.engines import OnnxRuntimeEngine, TorchEngine
from skdeepopt.engines._choice import ENGINES, check_engine, fastest, installed_engines


class Sleeper:
    """Takes as long as it is told."""

    def __init__(self, seconds):
        self.name, self.seconds, self.calls = f"sleeps {seconds}", seconds, 0

    def run(self, inputs):
        self.calls += 1
        time.sleep(self.seconds)
        return inputs


class Broken:
    name = "broken"

    def run(self, inputs):
        raise RuntimeError("no such operation")


NOTHING = np.zeros((1, 1))


@pytest.fixture
def no_openvino(monkeypatch):
    present = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else present(name)
    )


def test_what_the_package_depends_on_is_installed():
    assert {"onnxruntime", "torch"} <= set(installed_engines()) <= set(ENGINES)


def test_an_engine_that_is_not_installed_is_not_listed(no_openvino):
    assert installed_engines() == ("onnxruntime", "torch")


@pytest.mark.parametrize("name", ["onnxruntime", "torch"])
def test_installed_engines_pass(name):
    check_engine(name, owner="Owner.engine")


def test_a_misspelled_engine_is_recognized():
    with pytest.raises(ValueError, match=r"Owner\.engine is one of .* Did you mean 'onnxruntime'"):
        check_engine("onnx-runtime", owner="Owner.engine")


def test_an_engine_that_is_no_name_is_refused():
    with pytest.raises(TypeError, match=r"Owner\.engine is one of 'onnxruntime', .*, not None"):
        check_engine(None, owner="Owner.engine")


def test_an_engine_that_is_not_installed_comes_with_the_line_that_installs_it(no_openvino):
    with pytest.raises(ImportError, match=r'Owner\.engine .* pip install "skdeepopt\[openvino\]"'):
        check_engine("openvino", owner="Owner.engine")


def test_the_fastest_engine_wins_wherever_it_stands():
    slow, quick, slower = Sleeper(0.02), Sleeper(0.001), Sleeper(0.03)

    assert fastest([slow, quick, slower], NOTHING) is quick
    assert fastest([quick, slower, slow], NOTHING) is quick


def test_engines_run_in_turns_and_as_often():
    engines = [Sleeper(0.001), Sleeper(0.002)]

    fastest(engines, NOTHING)

    assert engines[0].calls == engines[1].calls >= 4


def test_a_slow_engine_runs_a_few_times_only():
    engines = [Sleeper(0.12), Sleeper(0.12)]

    fastest(engines, NOTHING)

    assert [engine.calls for engine in engines] == [4, 4]


def test_a_single_engine_is_not_run():
    engine = Sleeper(1.0)

    assert fastest([engine], NOTHING) is engine
    assert engine.calls == 0


def test_real_engines_compare(model, module, samples):
    engines = [OnnxRuntimeEngine(model, threads=1), TorchEngine(module)]

    assert fastest(engines, samples) in engines


def test_no_engine_at_all_is_an_error():
    with pytest.raises(ValueError, match=r"fastest\.engines is one engine or more, not none"):
        fastest([], NOTHING)


def test_an_engine_that_cannot_run_is_named_and_left_out():
    engine = Sleeper(0.0)

    with pytest.warns(RuntimeWarning, match="broken cannot run this model: no such operation"):
        assert fastest([Broken(), engine], NOTHING) is engine


def test_engines_that_all_fail_are_an_error():
    with pytest.raises(ValueError, match="no such operation"):
        fastest([Broken(), Broken()], NOTHING)
