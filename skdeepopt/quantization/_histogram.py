"""Counts of values in even bins, over a range that grows with the values."""

from __future__ import annotations

import math

import torch

__all__ = ["Histogram"]

_MOST_BINS = 4096
_FINEST = -120
"""Exponent of the narrowest bin, so that its inverse is a float32 too."""


class Histogram:
    """Counts in 2048 to 4096 bins that reach from the least value, or zero, to the largest.

    The width of a bin is a power of two and its edges are multiples of that, so that bins merge
    without rounding when the range grows: the counts are those that all values at once would have
    given, whatever the batches and their order.

    Attributes
    ----------
    counts : int64 Tensor of shape (n_bins,)
        Without the values that are exactly zero, which are on every grid.
    n_zeros : int
    first : int
        The first bin begins at ``first * width``.

    Examples
    --------
    >>> histogram = Histogram()
    >>> histogram.add(torch.tensor([0.0, 0.25, 0.5]), 0.0, 0.5)
    >>> histogram.add(torch.tensor([1.0]), 0.0, 1.0)
    >>> histogram.width, int(histogram.counts.sum()), histogram.n_zeros
    (0.00048828125, 3, 1)
    """

    def __init__(self) -> None:
        self.exponent = _FINEST
        self.first = 0
        self.counts = torch.zeros(0, dtype=torch.int64)
        self.n_zeros = 0

    @property
    def width(self) -> float:
        """Of a bin."""
        return 2.0**self.exponent

    def add(self, values: torch.Tensor, low: float, high: float) -> None:
        """Count the values of one more batch.

        Parameters
        ----------
        values : Tensor
            Finite.
        low, high : float
            Least and largest of all values so far, these among them.
        """
        self._cover(min(low, 0.0), max(high, 0.0))
        exact = values if values.dtype == torch.float64 else values.float()
        places = exact.mul(2.0**-self.exponent).floor_().sub_(self.first)
        self.counts += torch.bincount(
            places.flatten().to(torch.int32), minlength=len(self.counts)
        ).to(self.counts.device)
        n_zeros = values.numel() - int(torch.count_nonzero(values))
        self.counts[-self.first] -= n_zeros
        self.n_zeros += n_zeros

    def centres(self) -> torch.Tensor:
        """Middle of each bin, float64 of shape (n_bins,)."""
        places = torch.arange(len(self.counts), dtype=torch.float64)
        return (places + self.first + 0.5) * self.width

    def magnitudes(self, most_bins: int) -> tuple[torch.Tensor, float]:
        """Counts of the values without their signs, in at most so many bins, and a bin's width."""
        places = torch.arange(len(self.counts)) + self.first
        places = torch.where(places < 0, -1 - places, places)
        coarser = max(0, math.ceil(math.log2((int(places.max()) + 1) / most_bins)))
        folded = torch.zeros((int(places.max()) >> coarser) + 1, dtype=torch.int64)
        folded.index_add_(0, places >> coarser, self.counts)
        return folded, self.width * 2**coarser

    def _cover(self, low: float, high: float) -> None:
        exponent = self.exponent
        if high > low:
            wanted = math.frexp((high - low) / _MOST_BINS)[1] - 1
            exponent = max(exponent, wanted)
        while _place(high, exponent) - _place(low, exponent) >= _MOST_BINS:
            exponent += 1
        first, last = _place(low, exponent), _place(high, exponent)
        counts = torch.zeros(last - first + 1, dtype=torch.int64)
        # Beyond 62 places all is shifted out, but for the sign.
        shift = min(62, exponent - self.exponent)
        places = (torch.arange(len(self.counts)) + self.first) >> shift
        counts.index_add_(0, places - first, self.counts)
        self.exponent, self.first, self.counts = exponent, first, counts


def _place(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))
