"""Where every byte of a model file goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepopt.coding._stored import StoredTensor
from skdeepopt.storage._container import Container, TensorKey
from skdeepopt.storage._opening import opened
from skdeepopt.storage._paths import as_path

__all__ = ["ByteSpan", "byte_map"]


@dataclass(frozen=True)
class ByteSpan:
    """Bits that one part of a file takes.

    Attributes
    ----------
    name : str
        Of the tensor, or empty for a part of the whole file.
    part : str
        "magic and checksum", "description", "padding"; of a tensor "tables" (type, shape and what
        its numbers are coded with), "positions" (where its numbers are not zero) or "values".
    n_values, n_nonzero : int
        Numbers of the tensor, and how many of them are not zero.
    bits : float
        An arithmetic coder gives out parts of bits.
    """

    name: str
    part: str
    n_values: int
    n_nonzero: int
    bits: float


def byte_map(path: Any) -> list[ByteSpan]:
    """Parts of a file in its order; their bits sum to its size.

    Parameters
    ----------
    path : str or path-like
        File that ``save`` wrote.

    Raises
    ------
    ModelFileError, FileNotFoundError, IsADirectoryError, TypeError
        As in ``load``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepopt import save
    >>> scaler = StandardScaler().fit([[0.0], [2.0]])
    >>> with TemporaryDirectory() as folder:
    ...     path = save(scaler, f"{folder}/scaler.skdo")
    ...     round(sum(span.bits for span in byte_map(path)) / 8) == path.stat().st_size
    True
    """
    with opened(as_path(path, "load"), with_spans=True) as container:
        return list(_spans(container))


def _spans(container: Container) -> Iterator[ByteSpan]:
    left = 8.0 * container.size_bytes - container.description_bits - container.opening_bits
    counted = sum(map(sum, container.spans.values()))
    # The last bits of a stream may be zeros that are not written.
    scale = min(1.0, left / counted) if counted else 1.0
    yield ByteSpan("", "magic and checksum", 0, 0, container.opening_bits)
    yield ByteSpan("", "description", 0, 0, container.description_bits)
    for key, stored in container.tensors.items():
        yield from _tensor_spans(container, key, stored, scale)
    yield ByteSpan("", "padding", 0, 0, left - scale * counted)


def _tensor_spans(
    container: Container, key: TensorKey, stored: StoredTensor, scale: float
) -> Iterator[ByteSpan]:
    n_nonzero = int(np.count_nonzero(stored.patterns))
    for part, bits in container.spans[key]._asdict().items():
        yield ByteSpan(container.names[key], part, stored.patterns.size, n_nonzero, scale * bits)
