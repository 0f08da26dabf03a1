"""Files of schema 3: a checksum, the description, and one coded stream of all tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from skdeepopt import __version__
from skdeepopt.coding._arrays import ArraySpan, counted_bytes, decode_arrays, encode_arrays
from skdeepopt.coding._range_coder import read_varint, write_varint
from skdeepopt.coding._stored import StoredTensor
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import Container
from skdeepopt.storage._description import compress, decompress
from skdeepopt.storage._document import SCHEMA, read_description
from skdeepopt.storage._limits import MAX_TENSORS, dense_bytes_allowed
from skdeepopt.storage._names import tensor_names

__all__ = ["MAGIC", "pack", "unpack"]

MAGIC: Final = b"\x8bskdo"
"""The first byte is of no text and no UTF-8; the schema follows the last."""

_DIGEST_AT: Final = len(MAGIC) + 1
_DIGEST_BYTES: Final = 16
_BODY_AT: Final = _DIGEST_AT + _DIGEST_BYTES
_AGAIN: Final = "Copy or download it again"


def pack(description: str, tensors: Sequence[StoredTensor]) -> bytes:
    """Bytes of a model file.

    Raises
    ------
    ValueError
        There are more tensors than a reader accepts, or they are too large for their file.
    """
    if len(tensors) > MAX_TENSORS:
        raise ValueError(
            f"The model has {len(tensors):,} tensors; a file holds up to {MAX_TENSORS:,}"
        )
    text = compress(description)
    stream = encode_arrays(tensors).data
    body = write_varint(len(tensors)) + write_varint(len(text)) + text + stream
    body = write_varint(len(body)) + body
    opening = MAGIC + bytes([SCHEMA])
    blob = opening + _digest(opening, body) + body
    taken, allowed = sum(map(counted_bytes, tensors)), dense_bytes_allowed(len(blob))
    if taken > allowed:
        raise ValueError(
            f"The model takes {taken:,} bytes of memory, and a reader takes at most {allowed:,} "
            f"for a file of {len(blob):,}. Are nearly all of its numbers the same?"
        )
    return blob


def unpack(blob: bytes, *, with_spans: bool = False) -> Container:
    """What a file holds, after every byte and every promise of it was checked.

    Parameters
    ----------
    blob : bytes
        Begins with ``MAGIC``.
    with_spans : bool, default=False
        Also count what each tensor takes in the file.

    Raises
    ------
    ModelFileError
        Truncated, altered, of a newer version, or a layout that contradicts itself.
    """
    body_at = _check_length(blob)
    digest = blob[_DIGEST_AT:_BODY_AT]
    if _digest(blob[:_DIGEST_AT], blob[_BODY_AT:]) != digest:
        raise ModelFileError(
            "was altered after it was written: its bytes do not match the checksum it carries. "
            f"{_AGAIN}"
        )
    _check_schema(blob[len(MAGIC)])
    parts = _split(blob, body_at)
    document = read_description(decompress(parts.text))
    spans: list[ArraySpan] | None = [] if with_spans else None
    try:
        tensors = decode_arrays(
            parts.stream,
            parts.n_tensors,
            max_bytes=dense_bytes_allowed(len(blob)),
            spans=spans,
        )
    except ValueError as error:
        raise ModelFileError(f"has a stream of tensors that describes {error}") from error
    return Container(
        document=document,
        tensors=dict(enumerate(tensors)),
        names=dict(enumerate(tensor_names(document["model"], len(tensors)))),
        spans=dict(enumerate(spans or ())),
        opening_bits=8.0 * _BODY_AT,
        description_bits=8.0 * (len(blob) - _BODY_AT - len(parts.stream)),
        coded_bytes=len(blob),
        size_bytes=len(blob),
        sha256=digest.hex(),
    )


class _Parts(NamedTuple):
    n_tensors: int
    text: bytes
    stream: bytes


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()[:_DIGEST_BYTES]


def _check_length(blob: bytes) -> int:
    """Where the body begins, once it is as long as it says."""
    try:
        length, begin = read_varint(blob, _BODY_AT)
    except ValueError:
        raise ModelFileError(
            f"is truncated: it has {len(blob)} bytes, fewer than any model file. {_AGAIN}"
            if len(blob) < _BODY_AT + 9
            else "claims a length that is none. Its first bytes were altered"
        ) from None
    expected = begin + length
    if len(blob) < expected:
        raise ModelFileError(f"is truncated: it has {len(blob):,} of {expected:,} bytes. {_AGAIN}")
    if len(blob) > expected:
        raise ModelFileError(
            f"has {len(blob) - expected:,} bytes more than the {expected:,} it describes"
        )
    return begin


def _check_schema(schema: int) -> None:
    if schema > SCHEMA:
        raise ModelFileError(
            f"has schema {schema}, written by a newer skdeepopt; skdeepopt {__version__} reads up "
            f"to {SCHEMA}. Upgrade skdeepopt"
        )
    if schema < SCHEMA:
        raise ModelFileError(f"has schema {schema}, which has another layout than this file")


def _split(blob: bytes, at: int) -> _Parts:
    try:
        n_tensors, at = read_varint(blob, at)
        length, at = read_varint(blob, at)
    except ValueError as error:
        raise ModelFileError(f"has {error}") from error
    if n_tensors > MAX_TENSORS:
        raise ModelFileError(f"claims {n_tensors:,} tensors; at most {MAX_TENSORS:,} are allowed")
    if at + length > len(blob):
        raise ModelFileError(
            f"claims a description of {length:,} bytes, of which {len(blob) - at:,} are there"
        )
    return _Parts(n_tensors, blob[at : at + length], blob[at + length :])
