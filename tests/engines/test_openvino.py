from __future__ import annotations

import importlib.util
import multiprocessing

import numpy as np
import pytest

from skdeepopt.engines._openvino import OpenVINOEngine

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


def test_without_openvino_the_error_has_the_line_that_installs_it(model, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ImportError, match=r'pip install "skdeepopt\[openvino\]"'):
        OpenVINOEngine(model)


@needs_openvino
def test_a_precision_that_does_not_exist_is_refused(model):
    with pytest.raises(ValueError, match=r"OpenVINOEngine\.precision .* Did you mean 'bfloat16'"):
        OpenVINOEngine(model, precision="bf16")


@needs_openvino
def test_float32_answers_are_not_rounded_to_bfloat16(model, samples, expected):
    answers = OpenVINOEngine(model).run(samples)

    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-5)


@needs_openvino
def test_bfloat16_answers_are_near(model, samples, expected):
    answers = OpenVINOEngine(model, precision="bfloat16").run(samples)

    np.testing.assert_allclose(answers, expected, rtol=0.05, atol=0.05)


@needs_openvino
def test_answers_stay_what_they_are_when_the_engine_runs_again(model, samples):
    engine = OpenVINOEngine(model)
    first = engine.run(samples)
    kept = first.copy()

    engine.run(-samples)

    assert np.array_equal(first, kept)


@needs_openvino
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_it_answers_in_a_forked_process(model, samples, expected):
    engine = OpenVINOEngine(model, threads=2)
    engine.run(samples)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        answers = pool.apply_async(engine.run, (samples,)).get(timeout=30)

    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-5)
