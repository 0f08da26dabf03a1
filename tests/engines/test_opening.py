from __future__ import annotations

import copy
import gc
import importlib.util
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from skdeepopt.engines._onnxruntime import OnnxRuntimeEngine
from skdeepopt.engines._opening import BytesEngine
from skdeepopt.engines._openvino import OpenVINOEngine
from skdeepopt.engines._protocol import Engine
from tests.engines.conftest import onnx_bytes

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

ENGINES = [
    OnnxRuntimeEngine,
    pytest.param(
        OpenVINOEngine,
        marks=pytest.mark.skipif(
            importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
        ),
    ),
]

each_engine = pytest.mark.parametrize("make", ENGINES)


@each_engine
def test_it_answers_as_the_module_does(make, model, samples, expected):
    np.testing.assert_allclose(make(model).run(samples), expected, rtol=1e-5, atol=1e-5)


@each_engine
def test_it_is_an_engine(make, model):
    assert isinstance(make(model), Engine)


@each_engine
def test_it_opens_on_first_use_and_not_before(make, model, samples, monkeypatch):
    opened = []
    present = make._open
    monkeypatch.setattr(make, "_open", lambda self: opened.append(1) or present(self))
    engine = make(model)
    assert not opened

    engine.run(samples)
    engine.run(samples)

    assert len(opened) == 1


@each_engine
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_of_an_open_engine_answers_the_same(make, copied, model, samples):
    engine = make(model, threads=1)
    answers = engine.run(samples)

    twin = copied(engine)

    assert twin._opened is None
    assert np.array_equal(twin.run(samples), answers)


@each_engine
def test_a_pickle_holds_the_model_and_little_else(make, model, samples):
    engine = make(model)
    engine.run(samples)

    assert len(pickle.dumps(engine)) < len(model) + 300


@each_engine
def test_threads_that_start_at_once_share_one_session(make, model, samples, monkeypatch):
    opened = []
    present = make._open

    def slow(self):
        opened.append(1)
        time.sleep(0.05)
        return present(self)

    monkeypatch.setattr(make, "_open", slow)
    engine, alone = make(model), make(model).run(samples)
    opened.clear()
    barrier = threading.Barrier(4)

    def run(_):
        barrier.wait()
        return engine.run(samples)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))

    assert len(opened) == 1
    assert all(np.array_equal(answer, alone) for answer in answers)


@each_engine
@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.uint8, np.float16, bool])
def test_numbers_of_any_type_answer_as_their_floats(make, dtype, model, samples):
    engine, given_samples = make(model), np.abs(samples * 3).astype(dtype)

    answers = engine.run(given_samples)

    assert answers.dtype == np.float32
    assert np.array_equal(answers, engine.run(given_samples.astype(np.float32)))


@each_engine
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::-1],
        lambda x: x[:, ::-1],
        np.asfortranarray,
        lambda x: x.transpose(0, 1, 3, 2),
        lambda x: x.astype(">f4"),
    ],
)
def test_views_of_any_order_answer_as_their_copies(make, view, model, samples):
    engine, seen = make(model), view(samples)

    assert np.array_equal(engine.run(seen), engine.run(np.array(seen, np.float32, order="C")))


@each_engine
def test_read_only_samples_are_taken(make, model, samples, expected):
    frozen = samples.copy()
    frozen.flags.writeable = False

    np.testing.assert_allclose(make(model).run(frozen), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(n_samples=st.integers(0, 20), batch_size=st.integers(1, 21))
def test_the_batch_size_changes_no_answer(model, n_samples, batch_size):
    engine = OnnxRuntimeEngine(model, threads=1)
    drawn = np.random.default_rng(n_samples).normal(size=(n_samples, 2, 5, 5))
    whole = engine.run(drawn)
    engine._opened.batch_size = batch_size

    answers = engine.run(drawn)

    assert answers.shape == (n_samples, 3)
    np.testing.assert_allclose(answers, whole, rtol=1e-6, atol=1e-6)


@each_engine
def test_no_samples_have_no_answers(make, model, samples):
    assert make(model).run(samples[:0]).shape == (0, 3)


@each_engine
def test_samples_of_another_shape_are_named(make, model, samples):
    with pytest.raises(ValueError, match=r"samples of shape \(2, 5, 5\) .* \(7, 2, 5, 4\)"):
        make(model).run(samples[..., :4])


@each_engine
def test_a_sample_without_its_batch_is_recognized(make, model, samples):
    with pytest.raises(ValueError, match=r"Did you mean a batch of one, inputs\[None\]\?"):
        make(model).run(samples[0])


@each_engine
def test_a_model_of_bytes_takes_whole_pixels(make, module):
    engine = make(onnx_bytes(module, TensorProto.UINT8))
    pixels = np.arange(100).reshape(2, 2, 5, 5)

    assert np.array_equal(engine.run(pixels), engine.run(pixels.astype(np.uint8)))
    assert np.array_equal(engine.run(pixels), engine.run(pixels.astype(np.float64)))


@each_engine
@pytest.mark.parametrize("value", [0.5, -1, 256, np.nan])
def test_a_model_of_bytes_refuses_what_is_no_pixel(make, value, module):
    with pytest.raises(ValueError, match=r"the integers 0 to 255 .* before any scaling\?"):
        make(onnx_bytes(module, TensorProto.UINT8)).run(np.full((1, 2, 5, 5), value))


@each_engine
@pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b"", lambda b: b"PK" + b[2:]])
def test_damaged_bytes_are_said_to_be_damaged(make, damage, model, samples):
    with pytest.raises(ValueError, match=r"Engine\.model is an ONNX model .* Damaged, or written"):
        make(damage(model)).run(samples)


@each_engine
def test_a_model_of_two_outputs_is_refused(make, module, samples):
    with pytest.raises(ValueError, match="one input and one output"):
        make(onnx_bytes(module, n_outputs=2)).run(samples)


@each_engine
def test_a_path_in_place_of_bytes_is_recognized(make):
    with pytest.raises(TypeError, match=r"Did you mean Path\(model\)\.read_bytes\(\)\?"):
        make("model.onnx")


@each_engine
@pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (1.5, TypeError)])
def test_threads_are_counted(make, threads, error, model):
    with pytest.raises(error, match=r"Engine\.threads is an integer of at least 1"):
        make(model, threads=threads)


@needs_fork
@each_engine
def test_a_forked_process_opens_the_model_anew_and_ends(make, model, samples):
    engine = make(model, threads=2)
    answers = engine.run(samples)

    ended = _forked(lambda: np.array_equal(engine.run(samples), answers))

    assert ended == 0


@needs_fork
@each_engine
def test_a_forked_process_may_forget_an_engine(make, model, samples):
    engines = [make(model, threads=2)]
    engines[0].run(samples)

    def forget():
        engines.clear()
        gc.collect()
        return True

    assert _forked(forget) == 0


@needs_fork
def test_a_fork_while_another_thread_opens_a_model_stops_nothing(model, samples):
    class Slow(OnnxRuntimeEngine):
        def _open(self):
            started.set()
            finish.wait(20)
            return super()._open()

    started, finish = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Slow(model, threads=1).run, samples)
        assert started.wait(10)
        ended = _forked(lambda: OnnxRuntimeEngine(model, threads=1).run(samples).shape == (7, 3))
        finish.set()

    assert ended == 0


def _forked(holds):
    """Exit status of a child in which `holds` was called; 0 where it was true."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = 0 if holds() else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def test_an_engine_says_what_its_base_asks_of_it():
    with pytest.raises(TypeError, match="abstract"):
        BytesEngine(b"")
