"""Which channels are left when the network shall cost no more than so much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from skdeepopt.pruning._channel_costs import ChannelCosts
from skdeepopt.pruning._ranking import Survivors

__all__ = ["affordable", "even_counts"]

_LANES, _FEW = 8, 16
"""Channels that processors' kernels take at a time, and a number up to which fewer save nothing:
oneDNN takes as long for 9 channels as for 16 (measured), but less memory runs through pairs."""


class _Slice(NamedTuple):
    """Channels of a group that go together, and the mean of their scores."""

    score: float
    group: int
    channels: torch.Tensor


def even_counts(n_channels: int) -> list[int]:
    """Counts that a group of channels is cut to, from what it has downwards.

    Examples
    --------
    >>> even_counts(26)
    [26, 24, 16, 14, 12, 10, 8, 6, 4, 2, 1]
    """
    eights = range((n_channels - 1) // _LANES * _LANES, _FEW, -_LANES)
    pairs = (n for n in range(_FEW, 0, -2) if n < n_channels)
    return [n_channels, *eights, *pairs, *([1] if n_channels > 1 else [])]


def affordable(scores: Sequence[torch.Tensor], costs: ChannelCosts, target: float) -> Survivors:
    """Channels left when they go, the lowest scores first, until the cost is at most `target`.

    They go in slices, so that what is left of a group is a multiple of eight, or even where it is
    less than sixteen; every group keeps one channel, even where the target is then out of reach.
    Slices that the target leaves room for come back.

    Parameters
    ----------
    scores : sequence of Tensor of shape (n_channels,)
        One a group, comparable across groups.
    costs : ChannelCosts
    target : float
    """
    slices = sorted(
        (each for group, part in enumerate(scores) for each in _slices(part, group)),
        key=lambda each: each.score,
    )

    def is_within(removed: Sequence[_Slice]) -> bool:
        return costs.without(_gone(scores, removed)) <= target * (1 + 1e-9)

    fewest, most = 0, len(slices)
    while fewest < most:
        middle = (fewest + most) // 2
        fewest, most = (fewest, middle) if is_within(slices[:middle]) else (middle + 1, most)
    removed = _without_what_fits(slices[:most], is_within)
    kept = [~marked for marked in _gone(scores, removed)]
    is_short = not is_within(removed)
    return Survivors(kept, [is_short and int(part.sum()) == 1 for part in kept])


def _without_what_fits(
    removed: list[_Slice], is_within: Callable[[Sequence[_Slice]], bool]
) -> list[_Slice]:
    """Bring slices back, the highest scores first, of each group the last that went first."""
    closed: set[int] = set()
    for part in reversed(removed):
        fewer = [other for other in removed if other is not part]
        if part.group not in closed and is_within(fewer):
            removed = fewer
        else:
            closed.add(part.group)
    return removed


def _slices(scores: torch.Tensor, group: int) -> list[_Slice]:
    order, counts = scores.argsort(stable=True), even_counts(len(scores))
    sizes = [before - after for before, after in pairwise(counts)]
    parts = order[: len(order) - counts[-1]].split(sizes)
    return [_Slice(float(scores[part].mean()), group, part) for part in parts]


def _gone(scores: Sequence[torch.Tensor], slices: Sequence[_Slice]) -> list[torch.Tensor]:
    marks = [torch.zeros(len(part), dtype=torch.bool) for part in scores]
    for part in slices:
        marks[part.group][part.channels] = True
    return marks
