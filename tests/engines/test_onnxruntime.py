from __future__ import annotations

import importlib

import pytest
import torch

from skdeepopt.engines._onnxruntime import OnnxRuntimeEngine

ort = importlib.import_module("onnxruntime")


@pytest.fixture
def options(model, samples, monkeypatch):
    session = ort.InferenceSession
    opened = []

    def recorded(model, options, providers, **others):
        opened.append((options, providers))
        return session(model, options, providers=providers, **others)

    monkeypatch.setattr(ort, "InferenceSession", recorded)

    def opened_with(**parameters):
        OnnxRuntimeEngine(model, **parameters).run(samples)
        return opened[-1]

    return opened_with


def test_a_session_has_the_threads_that_it_was_given(options):
    assert options(threads=2)[0].intra_op_num_threads == 2


def test_a_session_has_the_threads_that_torch_has_when_it_opens(options, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)

    assert options()[0].intra_op_num_threads == 3


def test_idle_threads_sleep(options):
    entry = options()[0].get_session_config_entry("session.intra_op.allow_spinning")

    assert entry == "0"


@pytest.mark.parametrize(
    ("found", "entry"),
    [
        ({"avx2": True, "avx512_vnni": False, "avx_vnni": False}, "1"),
        ({"avx2": True, "avx512_vnni": True, "avx_vnni": False}, "0"),
        ({"avx2": True, "avx512_vnni": False, "avx_vnni": True}, "0"),
    ],
)
def test_slower_exact_kernels_run_only_where_the_fast_ones_cut_off(
    options, monkeypatch, found, entry
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)

    assert options()[0].get_session_config_entry("session.x64quantprecision") == entry


def test_where_torch_does_not_know_the_processor_sums_are_exact(options, monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)

    assert options()[0].get_session_config_entry("session.x64quantprecision") == "1"


def test_the_model_runs_on_the_processor_alone(options):
    assert options()[1] == ["CPUExecutionProvider"]


def test_damaged_bytes_print_nothing(model, samples, capfd):
    damaged = bytearray(model)
    damaged[damaged.index(b"floats") + 1] = 0xFF  # No letter in UTF-8.

    with pytest.raises(ValueError, match=r"OnnxRuntimeEngine\.model"):
        OnnxRuntimeEngine(bytes(damaged), threads=1).run(samples)

    assert capfd.readouterr() == ("", "")
