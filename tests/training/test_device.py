from __future__ import annotations

import pytest
import torch

from skdeepopt.training._device import resolve_device, training_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["cpu", torch.device("cpu"), "cpu:0"])
def test_a_device_that_is_there_is_resolved(name):
    assert resolve_device(name).type == "cpu"


def test_auto_is_the_first_cuda_device_or_the_cpu():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("device", "error", "told"),
    [
        ("gpu", ValueError, "Did you mean 'cuda'"),
        ("cuda:99", ValueError, "Torch says"),
        ("meta", ValueError, "Torch says"),
        ("nowhere", ValueError, "Torch says"),
        (None, TypeError, "not None"),
        (0, TypeError, "not 0"),
    ],
)
def test_other_devices_are_refused_by_name(device, error, told):
    with pytest.raises(error, match=rf"^Net\.device is 'auto' or .*{told}"):
        resolve_device(device, owner="Net")


@pytest.mark.parametrize("pixels", [1, 10**6])
def test_a_precision_that_is_asked_for_is_used(pixels):
    assert training_dtype("float32", CPU, pixels=pixels) is None
    assert training_dtype("bfloat16", CPU, pixels=pixels) == torch.bfloat16


def test_casting_does_not_pay_for_small_batches():
    assert training_dtype("auto", CPU, pixels=64) is None


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [({"amx_bf16": True}, torch.bfloat16), ({"avx512_bf16": True}, torch.bfloat16), ({}, None)],
)
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, capabilities, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)

    assert training_dtype("auto", CPU, pixels=10**6) == dtype
