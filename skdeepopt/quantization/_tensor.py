"""A quantized weight: integer codes, their scale, and how they are packed into bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

__all__ = ["Kind", "QuantizedTensor"]

Kind: TypeAlias = Literal["uniform", "ternary", "binary", "codebook"]

_BITS: dict[str, tuple[int, int]] = {
    "uniform": (2, 8),
    "ternary": (2, 2),
    "binary": (1, 1),
    "codebook": (1, 8),
}
"""Fewest and most bits of each kind."""

_DIGITS = 5
"""Ternary codes in a byte: 3 to the power of 5 is 243, and fits."""

_POWERS = 3 ** np.arange(_DIGITS, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class QuantizedTensor:
    """Weight of few distinct values.

    Parameters
    ----------
    codes : Tensor of the weight's shape
        int8: from ``1 - 2**(bits - 1)`` to ``2**(bits - 1) - 1`` for uniform, -1, 0 and 1 for
        ternary, -1 and 1 for binary. uint8 for codebook: places in `scale`.
    scale : float32 Tensor
        Positive, of shape (n_channels,) along the first axis or of shape () for the whole weight.
        For codebook: the table of values, of shape (n_values,).
    bits : int
        1 to 8. Ternary is 2 and binary 1.
    kind : {"uniform", "ternary", "binary", "codebook"}

    Raises
    ------
    ValueError
        The parts do not fit each other.

    Examples
    --------
    >>> codes = torch.tensor([[1, -3], [2, 0]], dtype=torch.int8)
    >>> weight = QuantizedTensor(codes, torch.tensor([0.5, 0.25]), 3, "uniform")
    >>> weight.values().tolist()
    [[0.5, -1.5], [0.5, 0.0]]
    >>> weight.packed().shape
    torch.Size([2])
    """

    codes: torch.Tensor
    scale: torch.Tensor
    bits: int
    kind: Kind

    def __post_init__(self) -> None:
        _check_kind(self.kind, self.bits)
        _check_scale(self)
        _check_codes(self)

    def values(self) -> torch.Tensor:
        """Weight as float32."""
        if self.kind == "codebook":
            return self.scale[self.codes.long()]
        scale = self.scale
        if scale.ndim:
            scale = scale.view(-1, *(1,) * (self.codes.ndim - 1))
        return self.codes.to(torch.float32) * scale

    def packed(self) -> torch.Tensor:
        """Codes as a uint8 Tensor with one axis: `bits` bits each, ternary five to a byte."""
        codes = self.codes.detach().cpu().contiguous().view(-1).numpy()
        return torch.from_numpy(_packed(codes, self.bits, self.kind))

    @classmethod
    def unpacked(
        cls,
        data: torch.Tensor,
        scale: torch.Tensor,
        shape: Sequence[int],
        bits: int,
        kind: Kind,
    ) -> QuantizedTensor:
        """Quantized weight whose `packed` and `scale` are these.

        Parameters
        ----------
        data : uint8 Tensor with one axis
        scale : float32 Tensor
        shape : sequence of int
            Of the weight.
        bits : int
        kind : {"uniform", "ternary", "binary", "codebook"}

        Raises
        ------
        ValueError
            The data are not what `packed` makes for such a weight: damaged, or of another one.
        """
        _check_kind(kind, bits)
        shape = tuple(shape)
        n_codes = math.prod(shape)
        n_bytes = _n_bytes(n_codes, bits, kind)
        if data.dtype != torch.uint8 or data.ndim != 1 or len(data) != n_bytes:
            raise ValueError(
                f"QuantizedTensor.unpacked.data is a uint8 Tensor of shape ({n_bytes},) for a "
                f"weight of shape {shape} with {kind} codes of {bits} bits, not one of "
                f"{data.dtype} and shape {tuple(data.shape)}. Did you mean another shape or other "
                f"bits, or is the data cut short?"
            )
        packed = data.detach().cpu().numpy()
        codes = _unpacked(packed, n_codes, bits, kind)
        if not np.array_equal(_packed(codes, bits, kind), packed):
            raise ValueError(
                f"QuantizedTensor.unpacked.data holds bytes that no {kind} codes of {bits} bits "
                f"are packed into. Did you mean other bits, or is the data damaged?"
            )
        return cls(torch.from_numpy(codes).view(shape), scale, bits, kind)


def _n_bytes(n_codes: int, bits: int, kind: Kind) -> int:
    return -(-n_codes // _DIGITS) if kind == "ternary" else -(-n_codes * bits // 8)


def _packed(codes: np.ndarray, bits: int, kind: Kind) -> np.ndarray:
    if kind == "ternary":
        digits = np.zeros((_n_bytes(len(codes), bits, kind), _DIGITS), dtype=np.uint8)
        digits.reshape(-1)[: len(codes)] = codes + 1
        return (digits * _POWERS).sum(axis=1, dtype=np.uint8)
    places = codes > 0 if kind == "binary" else codes
    in_bits = np.unpackbits(places.view(np.uint8)[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(in_bits, bitorder="little")


def _unpacked(data: np.ndarray, n_codes: int, bits: int, kind: Kind) -> np.ndarray:
    if kind == "ternary":
        digits = data[:, None] // _POWERS % np.uint8(3)
        return digits.reshape(-1)[:n_codes].astype(np.int8) - np.int8(1)
    in_bits = np.unpackbits(data, count=n_codes * bits, bitorder="little").reshape(n_codes, bits)
    places = np.packbits(in_bits, axis=1, bitorder="little").reshape(n_codes)
    if kind == "codebook":
        return places
    if kind == "binary":
        return 2 * places.view(np.int8) - np.int8(1)
    # The highest of the bits is the sign of a number in two's complement.
    unused = np.uint8(8 - bits)
    return (places << unused).view(np.int8) >> unused.view(np.int8)


def _check_kind(kind: str, bits: int) -> None:
    if kind not in _BITS:
        raise ValueError(
            f"QuantizedTensor.kind is one of {', '.join(map(repr, _BITS))}, not {kind!r}."
        )
    fewest, most = _BITS[kind]
    if not fewest <= bits <= most:
        allowed = str(most) if fewest == most else f"from {fewest} to {most}"
        raise ValueError(f"QuantizedTensor.bits is {allowed} for {kind} codes, not {bits!r}.")


def _check_scale(tensor: QuantizedTensor) -> None:
    scale, codes = tensor.scale, tensor.codes
    if tensor.kind == "codebook":
        allowed = f"a table of shape (n_values,) with at most {2**tensor.bits} finite numbers"
        fits = scale.ndim == 1 and len(scale) <= 2**tensor.bits
        finite = scale.isfinite().all()
    else:
        allowed = f"of shape {tuple(codes.shape[:1])} or (), positive and finite"
        fits = scale.ndim == 0 or (codes.ndim > 0 and scale.shape == codes.shape[:1])
        finite = (scale.isfinite() & (scale > 0)).all()
    if scale.dtype != torch.float32 or not fits or not finite:
        shown = scale.flatten()[:4].tolist()
        raise ValueError(
            f"QuantizedTensor.scale is float32 and, for {tensor.kind} codes of shape "
            f"{tuple(codes.shape)}, {allowed}, not {scale.dtype} of shape {tuple(scale.shape)} "
            f"that begins with {shown}."
        )


def _check_codes(tensor: QuantizedTensor) -> None:
    codes, dtype = tensor.codes, torch.int8
    if tensor.kind == "codebook":
        dtype, low, high = torch.uint8, 0, len(tensor.scale) - 1
    else:
        high = 1 if tensor.kind == "binary" else 2 ** (tensor.bits - 1) - 1
        low = -high
    if codes.dtype == dtype and not codes.numel():
        return
    inside = codes.dtype == dtype and low <= int(codes.min()) and int(codes.max()) <= high
    if not inside or (tensor.kind == "binary" and bool((codes == 0).any())):
        names = "-1 and 1" if tensor.kind == "binary" else f"from {low} to {high}"
        raise ValueError(
            f"QuantizedTensor.codes are {dtype}, {names}, for {tensor.kind} codes of "
            f"{tensor.bits} bits, not {codes.dtype} from {codes.min()} to {codes.max()}."
        )
