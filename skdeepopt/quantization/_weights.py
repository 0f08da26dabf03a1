"""Weights rounded to a number grid."""

from __future__ import annotations

import torch

from skdeepopt.quantization._codebook import places_in, shared_values
from skdeepopt.quantization._scheme import Scheme
from skdeepopt.quantization._tensor import Kind, QuantizedTensor
from skdeepopt.quantization._uniform import codes_of, grid_scale, nearest_scale

__all__ = ["TERNARY_THRESHOLD", "quantize_weight"]

TERNARY_THRESHOLD = 0.7
"""Of the mean absolute weight; what is below becomes zero. Li & Liu 2016, equation 6."""

_LEAST = 1e-35
"""Channels with no weight above are taken for zero: their scale were no normal float32."""


def quantize_weight(
    weight: torch.Tensor, scheme: Scheme, *, per_channel: bool = True
) -> QuantizedTensor:
    """Weight in the few values of `scheme` that are near to it.

    A channel that lies on such a grid already keeps it, so that quantizing twice changes nothing,
    nor does a batch norm folded into the channels in between. Other channels get the scale with
    the least squared error for ``"int2"`` to ``"int8"``; for ``"ternary"`` the mean of the
    weights above 0.7 of the mean, and for ``"binary"`` the mean of all, in absolute value. The
    scale of a channel of zeros is 1. A codebook is the k-means of the weight.

    A pruned weight stays pruned: zeros stay zero, and these means leave them out. ``"binary"`` has
    no zero, so that a weight with zeros comes back in the kind ``"ternary"``.

    Parameters
    ----------
    weight : Tensor
        Channels along the first axis.
    scheme : Scheme
    per_channel : bool, default=True
        Give each channel a scale, rather than one to the whole weight. A codebook is always one
        for the whole weight.

    Raises
    ------
    ValueError
        A weight is not finite, or the scheme is that of float weights.

    References
    ----------
    Li & Liu (2016), arXiv:1605.04711, section 2.2 (ternary).
    Rastegari, Ordonez, Redmon & Farhadi (2016), arXiv:1603.05279, section 3.1 (binary).
    Han, Mao & Dally (2016), arXiv:1510.00149, section 3 (codebook).

    Examples
    --------
    >>> from skdeepopt.quantization._scheme import resolve_scheme
    >>> weight = torch.tensor([[0.5, -1.5, 1.0], [0.02, 0.9, -1.0]])
    >>> quantized = quantize_weight(weight, resolve_scheme("int3", owner="Example.scheme"))
    >>> quantized.codes
    tensor([[ 1, -3,  2],
            [ 0,  3, -3]], dtype=torch.int8)
    >>> quantized.scale
    tensor([0.5000, 0.3167])
    """
    weight = _checked(weight, scheme)
    if scheme.kind == "codebook":
        return _codebook(weight, scheme.bits)
    per_channel = per_channel and weight.ndim > 0
    n_channels = len(weight) if per_channel else 1
    rows = weight.reshape(n_channels, weight.numel() // max(n_channels, 1))
    codes, scale = _on_grid(rows, scheme)
    assert scheme.kind != "float"
    kind: Kind = scheme.kind
    bits = scheme.bits
    if kind == "binary" and not codes.all():
        kind, bits = "ternary", 2
    scale = scale if per_channel else scale[0]
    return QuantizedTensor(codes.to(torch.int8).view(weight.shape), scale, bits, kind)


def _on_grid(rows: torch.Tensor, scheme: Scheme) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes, as float32, and the scale of each row."""
    codes = torch.zeros_like(rows)
    scale = torch.ones(len(rows), device=rows.device)
    alive = (rows.abs() >= _LEAST).any(1)
    if alive.any():
        find = _uniform if scheme.kind == "uniform" else _by_mean
        codes[alive], scale[alive] = find(rows[alive], scheme)
    return codes, scale


def _uniform(rows: torch.Tensor, scheme: Scheme) -> tuple[torch.Tensor, torch.Tensor]:
    top = 2 ** (scheme.bits - 1) - 1
    scale = grid_scale(rows, top)
    off = scale.isnan()
    if off.any():
        scale[off] = nearest_scale(rows[off], scheme.bits)
    scale = scale.float()
    return codes_of(rows, scale, top), scale


def _by_mean(rows: torch.Tensor, scheme: Scheme) -> tuple[torch.Tensor, torch.Tensor]:
    threshold = TERNARY_THRESHOLD if scheme.kind == "ternary" else 0.0
    absolute = rows.abs()
    # Sums in float64: those of equal weights are exact, and the mean is the weight.
    mean = absolute.sum(1, dtype=torch.float64) / (absolute != 0).sum(1)
    kept = absolute > (threshold * mean).float()[:, None]
    scale = absolute.mul_(kept).sum(1, dtype=torch.float64) / kept.sum(1)
    return rows.sign() * kept, scale.float()


def _codebook(weight: torch.Tensor, bits: int) -> QuantizedTensor:
    table = shared_values(weight, bits)
    # In float64, where the middle between two neighbours in float32 is neither.
    places = places_in(table.double(), weight.double())
    return QuantizedTensor(places.to(torch.uint8), table, bits, "codebook")


def _checked(weight: torch.Tensor, scheme: Scheme) -> torch.Tensor:
    if scheme.kind == "float":
        raise ValueError(
            f"quantize_weight.scheme is one that rounds weights, not {scheme.name!r}. Did you "
            f"mean to leave this layer out?"
        )
    weight = weight.detach().to(torch.float32, memory_format=torch.contiguous_format)
    n_bad = weight.numel() - int(weight.isfinite().sum())
    if n_bad:
        raise ValueError(
            f"quantize_weight.weight is finite in float32, not NaN or infinite as {n_bad} of its "
            f"{weight.numel()} numbers are. Did you mean to train with a lower learning rate?"
        )
    return weight
