"""Tables of values that the weights of a layer share."""

from __future__ import annotations

import torch

__all__ = ["places_in", "shared_values"]

_MAX_ITERATIONS = 300
"""Of k-means; a few dozen will do but for the largest tables."""

_FEW = 32
"""Values in a table up to which comparing with all of them is faster than a binary search: fifteen
times with four, and twice with 32."""


def shared_values(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Table of at most ``2**bits`` values with little squared distance to the weights: k-means.

    It begins evenly spaced from the least to the greatest weight, and so gives rare large weights
    values of their own. A weight with no more distinct values than that keeps them. If there are
    weights of exactly zero, one value is and stays zero.

    Parameters
    ----------
    weight : float32 Tensor
        At least one number, all finite.
    bits : int

    Returns
    -------
    table : float32 Tensor of shape (n_values,), ascending

    References
    ----------
    Han, Mao & Dally (2016), arXiv:1510.00149, sections 3.1 and 3.2.
    """
    ordered = weight.flatten().sort().values
    distinct = ordered.unique_consecutive() + 0.0  # No negative zero.
    if len(distinct) <= 2**bits:
        return distinct
    ordered = ordered.double()
    low, high = ordered[0].item(), ordered[-1].item()
    table = torch.linspace(low, high, 2**bits, dtype=torch.float64, device=weight.device)
    zero = int(table.abs().argmin()) if bool((ordered == 0).any()) else None
    return _means(ordered, table, zero).float()


def _means(ordered: torch.Tensor, table: torch.Tensor, zero: int | None) -> torch.Tensor:
    """Table whose values are the means of what is nearest to them; that at `zero` is zero."""
    sums = torch.nn.functional.pad(ordered.cumsum(0), (1, 0))
    edges = torch.full((len(table) + 1,), len(ordered), device=ordered.device)
    edges[0] = 0
    for _ in range(_MAX_ITERATIONS):
        if zero is not None:
            table[zero] = 0
        before = edges.clone()
        edges[1:-1] = torch.searchsorted(ordered, _middles(table))
        if torch.equal(edges, before):
            break
        n = edges.diff()
        table = (sums[edges].diff() / n).where(n > 0, table)
    return table[edges.diff() > 0]


def places_in(table: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Place in the table of the value nearest to each weight, as integers.

    Parameters
    ----------
    table : Tensor of shape (n_values,), ascending
    weight : Tensor of any shape
    """
    if len(table) > _FEW:
        return torch.bucketize(weight.contiguous(), _middles(table), out_int32=True)
    places = torch.zeros_like(weight, dtype=torch.uint8)
    above = torch.empty_like(weight, dtype=torch.bool)
    for middle in _middles(table).tolist():
        places.add_(torch.gt(weight, middle, out=above).view(torch.uint8))
    return places.int()


def _middles(table: torch.Tensor) -> torch.Tensor:
    return (table[1:] + table[:-1]) / 2
