from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.lowering._context import Grid, as_numbers, grid_of
from skdeepopt.quantization._activations import ActivationQuantizer


@given(
    st.floats(-100, 100, width=32),
    st.floats(-50, 0, width=32),
    st.floats(0.125, 50, width=32),
    st.integers(2, 8),
)
def test_the_code_of_a_number_is_the_quantizers(number, low, high, bits):
    quantizer = ActivationQuantizer(bits)
    quantizer.set_range(low, high)
    grid = grid_of(quantizer)

    code = grid.code(number)

    wanted = quantizer(torch.tensor(number)).item()
    assert 0 <= code <= grid.top == 2**bits - 1
    assert grid.scale * (code - grid.zero_point) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_numbers_are_float32_whatever_the_tensor():
    array = as_numbers(torch.ones(2, 2, dtype=torch.float64, requires_grad=True).t())

    assert array.dtype == np.float32
    assert array.flags.c_contiguous


def test_a_grid_that_cannot_be_is_our_own_mistake():
    with pytest.raises(AssertionError):
        Grid(0.0, 0)
