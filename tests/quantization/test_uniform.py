from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.quantization._uniform import codes_of, grid_scale, nearest_scale


def squared_error(rows, scale, top):
    scale = scale.float()
    return (codes_of(rows, scale, top) * scale[:, None] - rows).square().sum(1)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 127), st.integers(0, 2**32))
def test_a_scale_is_found_for_the_rows_on_a_grid_and_no_others(top, seed):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(-top, top + 1, (8, 50), generator=generator)
    codes[:, 0], codes[:, 1] = top, 1  # So that no longer step would do.
    scale = torch.rand(8, 1, generator=generator) + 0.1
    rows = torch.where(
        torch.arange(8)[:, None] % 2 == 0, codes * scale, torch.randn(8, 50, generator=generator)
    )

    found = grid_scale(rows, top)

    torch.testing.assert_close(found[::2].float(), scale[::2, 0], rtol=1e-6, atol=0)
    assert found[1::2].isnan().all()


@pytest.mark.parametrize("off", [1e-4, -1e-4, 0.5])
def test_one_weight_off_the_grid_is_enough(off):
    rows = torch.arange(-7.0, 8)[None]
    rows[0, 5] += off

    assert grid_scale(rows, 7).isnan().all()


@pytest.mark.parametrize("most", [1, 3, 7])
def test_zeros_say_nothing_of_the_scale(most):
    rows = torch.zeros(1, 1000)
    rows[0, 500], rows[0, 700] = most, 1

    assert grid_scale(rows, 7).tolist() == [1]


def test_a_row_beyond_the_highest_code_is_on_no_grid():
    assert grid_scale(torch.tensor([[1.0, 2.0, 9.0]]), 7).isnan().all()


def test_a_guess_that_all_but_one_weight_confirm_does_not_end_the_search():
    # The small weights and the greatest are multiples of 2; only one in the middle is odd.
    rows = torch.tensor([[2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 6.0]])

    assert grid_scale(rows, 7).tolist() == [1]


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("tails", [1.0, 3.0, 30.0])
def test_at_most_a_tenth_of_the_error_would_go_by_trying_every_scale(bits, tails):
    torch.manual_seed(0)
    rows = torch.distributions.StudentT(tails).sample((5, 2000))
    top = 2 ** (bits - 1) - 1
    tried = torch.linspace(0.002, 1, 500)[:, None] * rows.abs().amax(1) / top
    least = torch.stack([squared_error(rows, scale, top) for scale in tried]).amin(0)

    error = squared_error(rows, nearest_scale(rows, bits), top)

    assert (error <= least * 1.1).all()
