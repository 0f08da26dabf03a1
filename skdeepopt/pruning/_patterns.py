"""N:M patterns: of every M consecutive weights of a row, at most N are left."""

from __future__ import annotations

import re

import torch
from torch.nn import functional

__all__ = ["parse_pattern", "pattern_mask"]


def parse_pattern(pattern: str) -> tuple[int, int]:
    """Numbers of a pattern such as ``"2:4"``: kept, and of how many.

    Parameters
    ----------
    pattern : str
        ``"N:M"`` with 1 <= N < M.

    Raises
    ------
    ValueError, TypeError
        Not of that form; not a string.

    Examples
    --------
    >>> parse_pattern("2:4")
    (2, 4)
    """
    allowed = f"pattern is 'N:M', to keep N of every M weights with 1 <= N < M, not {pattern!r}."
    if not isinstance(pattern, str):
        raise TypeError(f"{allowed} Did you mean '2:4'?")
    match = re.fullmatch(r"(\d+):(\d+)", pattern)
    n, m = (int(part) for part in match.groups()) if match else (0, 0)
    if not 1 <= n < m:
        slip = f"{m}:{n}" if 1 <= m < n else "2:4"
        raise ValueError(f"{allowed} Did you mean {slip!r}?")
    return n, m


def pattern_mask(scores: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Which weights are kept: the `n` highest of every `m` consecutive ones of a row.

    A row is what one output reads: ``scores.reshape(len(scores), -1)``. Where `m` does not divide
    its length, the last, shorter group keeps at most `n` too.

    Parameters
    ----------
    scores : Tensor of shape (n_outputs, ...)
    n, m : int
        With 1 <= n < m.

    Returns
    -------
    mask : bool Tensor of the shape of `scores`

    References
    ----------
    Mishra, Albericio Latorre, Pool, Stosic, Stosic, Venkatesh, Yu & Micikevicius (2021),
    arXiv:2104.08378, section 3.

    Examples
    --------
    >>> pattern_mask(torch.tensor([[4.0, 1.0, 3.0, 2.0, 5.0, 6.0]]), 2, 4).int()
    tensor([[1, 0, 1, 0, 1, 1]], dtype=torch.int32)
    """
    rows = scores.reshape(len(scores), -1)
    length = rows.shape[1]
    padded = functional.pad(rows, (0, -length % m), value=-torch.inf)
    groups = padded.reshape(len(rows), -1, m)
    order = groups.argsort(dim=-1, descending=True, stable=True)  # Padding comes behind its equals.
    kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., :n], True)
    return kept.reshape(len(rows), -1)[:, :length].reshape(scores.shape)
