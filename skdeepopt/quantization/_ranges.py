"""Ends at which clipping a histogram's values costs least."""

from __future__ import annotations

import torch

from skdeepopt.quantization._histogram import Histogram

__all__ = ["entropy_range", "mse_range", "percentile_range"]

_N_ENDS = 100
"""Ends tried on a side, evenly from the extreme down to a hundredth of it."""
_N_ROUNDS = 2
"""Each end depends on the other through the step, and hardly so."""
_ENTROPY_BINS = 2048
_N_THRESHOLDS = 128
_SMOOTHING = 1e-4
"""Values that an empty bin counts, where clipped ones fall into it: its divergence is finite."""


def percentile_range(histogram: Histogram, percentile: float) -> tuple[float, float]:
    """Ends beyond each of which at most ``100 - percentile`` percent of the values lie.

    Parameters
    ----------
    histogram : Histogram
        With one value or more.
    percentile : float
        In (50, 100].
    """
    counts = histogram.counts.double()
    counts[-histogram.first] += histogram.n_zeros
    beyond = counts.sum() * (1 - percentile / 100)
    first = int((counts.cumsum(0) <= beyond).sum())
    last = len(counts) - int((counts.flip(0).cumsum(0) <= beyond).sum())
    return (histogram.first + first) * histogram.width, (histogram.first + last) * histogram.width


def mse_range(histogram: Histogram, low: float, high: float, bits: int) -> tuple[float, float]:
    """Ends that leave the least squared error of the rounded and clipped values.

    Parameters
    ----------
    histogram : Histogram
    low, high : float
        Extremes of its values.
    bits : int
        Of the grid, which holds zero.
    """
    ends = torch.tensor([min(low, 0.0), max(high, 0.0)], dtype=torch.float64)
    shares = torch.linspace(1, 1 / _N_ENDS, _N_ENDS, dtype=torch.float64)
    extremes = ends.clone()
    sides = [side for side in (1, 0) if extremes[side] != 0]
    for _ in range(_N_ROUNDS if len(sides) == 2 else 1):
        for side in sides:
            tried = ends.repeat(_N_ENDS, 1)
            tried[:, side] = extremes[side] * shares
            ends = tried[_squared_errors(histogram, tried, bits).argmin()]
    return ends[0].item(), ends[1].item()


def entropy_range(histogram: Histogram, bits: int) -> tuple[float, float]:
    """Ends that lose the least information about the values.

    The threshold is on the values without their signs, at half the levels where both signs occur.
    Exact zeros are left out: they keep their value, however many.

    Parameters
    ----------
    histogram : Histogram
        With one value or more that is not zero.
    bits : int

    References
    ----------
    Migacz (2017), "8-bit Inference with TensorRT", GPU Technology Conference, the calibration
    algorithm.
    """
    below = histogram.counts[: -histogram.first].sum() if histogram.first < 0 else 0
    has_both_signs = 0 < below < histogram.counts.sum()
    n_levels = 2 ** (bits - 1) if has_both_signs else 2**bits
    counts, width = histogram.magnitudes(_ENTROPY_BINS)
    counts = counts.double()
    step = max(1, (len(counts) - n_levels) // _N_THRESHOLDS)
    thresholds = range(len(counts), min(n_levels, len(counts)) - 1, -step)
    best = min(thresholds, key=lambda n_bins: _divergence(counts, n_bins, n_levels))
    return -best * width, best * width


def _squared_errors(histogram: Histogram, ends: torch.Tensor, bits: int) -> torch.Tensor:
    taken = histogram.counts > 0
    centres, counts = histogram.centres()[taken], histogram.counts[taken].double()
    top, width = 2**bits - 1, histogram.width
    low, high = ends[:, :1], ends[:, 1:]
    step = (high - low) / top
    zero = torch.round(-low / step)
    codes = torch.round(centres / step).add_(zero)
    clipped = codes.clamp(0, top)
    errors = clipped.sub(zero).mul_(step).sub_(centres).square_()
    # Values lie anywhere in their bin. Where several steps fit in one, its centre says nothing.
    within = torch.where(step < width, step**2, errors.new_tensor(width**2)) / 12
    errors = torch.where((step < width) & (clipped == codes), within, errors + within)
    return errors @ counts


def _divergence(counts: torch.Tensor, n_bins: int, n_levels: int) -> float:
    """Kullback-Leibler divergence, in nats, of the values in the first bins put on levels."""
    inside = counts[:n_bins]
    wanted = inside.clone()
    wanted[-1] += counts[n_bins:].sum()
    level = torch.arange(n_bins) * n_levels // n_bins if n_bins > n_levels else torch.arange(n_bins)
    taken = (wanted > 0).double()
    sums, places = (torch.bincount(level, weights=part) for part in (inside, taken))
    spread = (sums / places.clamp_min(1))[level] * taken
    wanted, spread = wanted[taken > 0], spread[taken > 0].clamp_min(_SMOOTHING)
    wanted, spread = wanted / wanted.sum(), spread / spread.sum()
    return float((wanted * torch.log(wanted / spread)).sum())
