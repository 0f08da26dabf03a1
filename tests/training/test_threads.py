from __future__ import annotations

import joblib
import pytest
import torch

from skdeepopt.training import _threads
from skdeepopt.training._threads import fair_threads


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def inside():
    with fair_threads():
        return torch.get_num_threads()


def test_alone_torch_keeps_its_threads():
    assert inside() == 3
    assert torch.get_num_threads() == 3


def test_side_by_side_with_other_threads_one_is_left_and_given_back():
    with joblib.parallel_backend("threading", n_jobs=2):
        seen = joblib.Parallel()(joblib.delayed(inside)() for _ in range(6))

    assert seen == [1] * 6
    assert torch.get_num_threads() == 3


def test_in_a_forked_process_one_is_left_for_good(monkeypatch):
    monkeypatch.setattr(_threads, "_IMPORTED_IN", -1)

    assert inside() == 1
    assert torch.get_num_threads() == 1
