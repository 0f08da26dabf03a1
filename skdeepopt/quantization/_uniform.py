"""Evenly spaced grids, symmetric about zero: the one a weight lies on, and the nearest one."""

from __future__ import annotations

import torch

__all__ = ["codes_of", "grid_scale", "nearest_scale"]

_ROUNDING = 1e-6
"""Relative difference that float32 makes of a product of a code, its scale and a batch norm's."""

_WITNESSES = 4
"""Weights of a channel, its smallest, that are looked at before all of them."""

_FACTORS: dict[int, tuple[float, int]] = {
    2: (0.03, 40),
    3: (0.05, 40),
    4: (0.08, 40),
    5: (0.15, 30),
    6: (0.2, 30),
    7: (0.3, 30),
    8: (0.4, 30),
}
"""By bits: least of the clipping factors that are tried, and how many. The more bits, the less is
gained by clipping, and the flatter the error is."""


def codes_of(rows: torch.Tensor, scale: torch.Tensor, top: int) -> torch.Tensor:
    """Nearest codes from ``-top`` to `top`, as float32.

    Parameters
    ----------
    rows : Tensor of shape (n_channels, n_weights)
    scale : Tensor of shape (n_channels,)
    top : int
    """
    return (rows / scale[:, None]).round_().clamp_(-top, top)


def grid_scale(rows: torch.Tensor, top: int) -> torch.Tensor:
    """Scale of each row that is made of multiples of one, up to rounding; NaN for other rows.

    It is the largest one: a row of even codes only counts in steps twice as long.

    Parameters
    ----------
    rows : float32 Tensor of shape (n_channels, n_weights)
        Each with a weight that is not zero.
    top : int
        Highest code.

    Returns
    -------
    scale : float64 Tensor of shape (n_channels,)
    """
    peaks = rows.abs().amax(1).double()
    candidates = _candidates(rows, peaks, top)
    scale = torch.full_like(peaks, torch.nan)
    while len(open_rows := candidates.any(1).nonzero().flatten()):
        places = candidates[open_rows].byte().argmax(1)  # The first: the longest step.
        chosen = rows if len(open_rows) == len(rows) else rows[open_rows]
        found = _least_squares(chosen, peaks[open_rows] / (places + 1), top)
        scale[open_rows] = found
        candidates[open_rows, places] = False
        candidates[open_rows[found.isfinite()]] = False
    return scale


def _candidates(rows: torch.Tensor, peaks: torch.Tensor, top: int) -> torch.Tensor:
    """Whether the highest code of a row may be 1, 2, ... `top`, by its smallest weights."""
    absolute = rows.abs()
    absolute.masked_fill_(absolute == 0, torch.inf)
    n = min(_WITNESSES, rows.shape[1])
    smallest = absolute.topk(n, dim=1, largest=False).values.double() / peaks[:, None]
    smallest.masked_fill_(smallest.isinf(), 0)
    codes = smallest[:, None] * torch.arange(1, top + 1, device=rows.device)[:, None]
    return ((codes - codes.round()).abs() <= _ROUNDING * codes).all(2)


def _least_squares(rows: torch.Tensor, scale: torch.Tensor, top: int) -> torch.Tensor:
    """Scale that explains all weights of a row, near to `scale`; NaN where none does."""
    codes = codes_of(rows, scale.float(), top)
    in_double, rows = codes.double(), rows.double()
    scale = (in_double * rows).sum(1) / in_double.square().sum(1)
    error = (in_double * scale[:, None] - rows).abs()
    return scale.where((error <= _ROUNDING * rows.abs()).all(1), torch.nan)


def nearest_scale(rows: torch.Tensor, bits: int) -> torch.Tensor:
    """Scale of each row with the least squared error, among a few dozen that clip the row.

    Parameters
    ----------
    rows : float32 Tensor of shape (n_channels, n_weights)
        Each with a weight that is not zero.
    bits : int

    Returns
    -------
    scale : float64 Tensor of shape (n_channels,)
    """
    top = 2 ** (bits - 1) - 1
    peaks = rows.abs().amax(1)
    rows = rows / peaks[:, None]
    least, n = _FACTORS[bits]
    best = torch.zeros_like(peaks)
    scale = torch.ones_like(peaks)
    codes = torch.empty_like(rows)
    for factor in torch.logspace(torch.tensor(least).log10().item(), 0, n).tolist():
        torch.mul(rows, top / factor, out=codes).round_().clamp_(-top, top)
        # For these codes the best scale is a / b, and leaves the error sum(rows**2) - a**2 / b.
        a = torch.linalg.vecdot(codes, rows)
        b = torch.linalg.vecdot(codes, codes)
        explained = a * a / b
        better = explained > best
        best = explained.where(better, best)
        scale = (a / b).where(better, scale)
    return scale.double() * peaks.double()
