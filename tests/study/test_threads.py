from __future__ import annotations

import pytest
import torch

from skdeepopt.study._threads import limited_threads


def test_the_threads_of_before_are_back_even_after_an_error():
    before = torch.get_num_threads()

    with pytest.raises(KeyboardInterrupt), limited_threads(before + 1):
        raise KeyboardInterrupt

    assert torch.get_num_threads() == before
