"""What a model file holds, whichever layout it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skdeepopt.coding._arrays import ArraySpan
from skdeepopt.coding._stored import StoredTensor

__all__ = ["Container", "TensorKey"]

TensorKey = str | int
"""How nodes refer to a tensor: by a number from 0, or in files of schemas 1 and 2 by a name."""


@dataclass(frozen=True)
class Container:
    """Contents of a file whose checksum holds and whose layout is sound.

    Attributes
    ----------
    document : dict
        ``schema``, ``versions`` and ``model``.
    tensors : dict of TensorKey to StoredTensor
    names : dict of TensorKey to str
    spans : dict of TensorKey to ArraySpan
        Bits that each takes in the file, where that was asked for.
    opening_bits, description_bits : float
        What marks and seals the file, and what describes the model.
    coded_bytes : int or None
        Size of the file where tensors are coded, None where they lie open.
    size_bytes : int
    sha256 : str
        Hexadecimal, as the file holds it.
    """

    document: dict[str, Any]
    tensors: Mapping[TensorKey, StoredTensor]
    names: Mapping[TensorKey, str]
    spans: Mapping[TensorKey, ArraySpan]
    opening_bits: float
    description_bits: float
    coded_bytes: int | None
    size_bytes: int
    sha256: str
