"""The cut for each granularity."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._cost import layer_costs
from skdeepopt.pruning._channels import ChannelCut
from skdeepopt.pruning._criteria import Elements
from skdeepopt.pruning._cut import Cut
from skdeepopt.pruning._patterns import parse_pattern
from skdeepopt.pruning._residual import BlockCut
from skdeepopt.pruning._weights import WeightCut

__all__ = ["GRANULARITIES", "check_granularity", "cut_for"]

GRANULARITIES = ("weight", "channel", "block")
"""Apart from patterns such as ``"2:4"``."""


def check_granularity(granularity: Any, *, owner: str) -> None:
    """Check a granularity.

    Parameters
    ----------
    granularity : {"weight", "channel", "block"} or a pattern such as "2:4"
    owner : str
        Who asks; opens every message.

    Raises
    ------
    ValueError, TypeError
        It is none of these.
    """
    if isinstance(granularity, str) and ":" in granularity:
        try:
            parse_pattern(granularity)
        except ValueError as refusal:
            raise ValueError(f"{owner}.granularity: {refusal}") from refusal
    elif not isinstance(granularity, str) or granularity not in GRANULARITIES:
        plain = ValueError if isinstance(granularity, str) else TypeError
        raise plain(
            f"{owner}.granularity is one of {', '.join(map(repr, GRANULARITIES))} or a pattern "
            f"such as '2:4', not {granularity!r}.{did_you_mean(granularity, GRANULARITIES)}"
        )


def cut_for(
    module: nn.Module,
    example: torch.Tensor,
    *,
    granularity: str = "channel",
    criterion: str | Elements = "magnitude",
    scope: str = "global",
    seed: int = 0,
) -> Cut:
    """Cut that prunes `module` in place.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor and gives one.
    example : Tensor of shape (n_samples, ...)
        An input; what is in it does not matter.
    granularity : {"weight", "channel", "block"} or a pattern such as "2:4", default="channel"
        Single weights, which become zero; channels and units, or whole residual blocks, which are
        removed for good; or at most 2 of every 4 consecutive weights of an output.
    criterion : str or callable, default="magnitude"
        See :func:`resolve_criterion`.
    scope : {"layer", "global", "multiply_adds", "bytes"}, default="global"
        What the ratio is a share of.
    seed : int, default=0
        Of the criterion "random".

    Returns
    -------
    cut : Cut

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> cut = cut_for(network, torch.zeros(1, 4))
    >>> cut.to(0.5)
    True
    >>> network[0]
    Linear(in_features=4, out_features=4, bias=True)
    """
    if granularity == "channel":
        return ChannelCut(module, example, criterion, scope=scope, seed=seed)
    if granularity == "block":
        return BlockCut(module, example, criterion, scope=scope, seed=seed)
    pattern = None if granularity == "weight" else granularity
    positions = {name: cost.positions for name, cost in layer_costs(module, example).items()}
    return WeightCut(
        module, criterion, scope=scope, pattern=pattern, positions=positions, seed=seed
    )
