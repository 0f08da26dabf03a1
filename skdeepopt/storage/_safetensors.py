"""Files of schemas 1 and 2: safetensors, with every byte under one checksum."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np

from skdeepopt.coding._arrays import MAX_DIMENSIONS, ArraySpan
from skdeepopt.coding._stored import StoredTensor
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import Container
from skdeepopt.storage._document import read_document
from skdeepopt.storage._foreign import describe_foreign
from skdeepopt.storage._limits import MAX_HEADER_BYTES
from skdeepopt.storage._strict_json import parse_json
from skdeepopt.storage._tensors import DTYPES

__all__ = ["DOCUMENT_KEY", "TensorSpan", "unpack"]

DOCUMENT_KEY: Final = "skdeepopt"
_OPENING: Final = b'{"__metadata__":{"sha256":"'
_DIGEST_AT: Final = 8 + len(_OPENING)
_BLANK: Final = b"0" * 64
_CHUNK_BYTES: Final = 2**20
_AGAIN: Final = "Copy or download it again"


@dataclass(frozen=True)
class TensorSpan:
    """Where one tensor lies, in bytes from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def unpack(handle: BinaryIO, size_bytes: int) -> Container:
    """What a file holds, after every byte and every promise of it was checked.

    Raises
    ------
    ModelFileError
        Truncated, altered, another kind of file, or a layout that contradicts itself.
    """
    header = _read_header(handle, size_bytes)
    handle.seek(0)
    told = header[len(_OPENING) : len(_OPENING) + 64].decode("latin-1")
    if _digest(_blanked(_chunks(handle, size_bytes))) != told:
        raise ModelFileError(_diagnose(header, size_bytes))
    text, entries = _parse_header(header)
    # First the schema: what a newer version writes need not make sense to this one.
    document = read_document(text)
    spans = _spans(entries)
    data_at = 8 + len(header)
    _check_layout(spans, size_bytes - data_at)
    return Container(
        document=document,
        tensors={name: _read_tensor(handle, data_at, span) for name, span in spans.items()},
        spans={name: _as_bits(span) for name, span in spans.items()},
        names={name: name for name in spans},
        opening_bits=8.0 * (8 + len(told)),
        description_bits=8.0 * (len(header) - len(told)),
        coded_bytes=None,
        size_bytes=size_bytes,
        sha256=told,
    )


def _read_tensor(handle: BinaryIO, data_at: int, span: TensorSpan) -> StoredTensor:
    raw = np.empty(span.end - span.begin, dtype=np.uint8)
    handle.seek(data_at + span.begin)
    if _read_into(handle, raw) != raw.nbytes:
        raise ModelFileError("was cut short while it was being read")
    return StoredTensor(span.dtype, span.shape, raw)


def _as_bits(span: TensorSpan) -> ArraySpan:
    return ArraySpan(tables=0.0, positions=0.0, values=8.0 * (span.end - span.begin))


def _read_into(handle: BinaryIO, raw: Any) -> int:
    # BinaryIO, as typed, has no readinto; every binary file has.
    count: int = handle.readinto(raw)  # type: ignore[attr-defined]
    return count


def _digest(buffers: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for buffer in buffers:
        digest.update(buffer)
    return digest.hexdigest()


def _chunks(handle: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left:
        chunk = handle.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise ModelFileError("was cut short while it was being read")
        left -= len(chunk)
        yield chunk


def _blanked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks)
    yield first[:_DIGEST_AT] + _BLANK + first[_DIGEST_AT + len(_BLANK) :]
    yield from chunks


def _read_header(handle: BinaryIO, size_bytes: int) -> bytes:
    if size_bytes == 0:
        raise ModelFileError("is empty. Was the copy or the download interrupted?")
    start = handle.read(512)
    if start[8:_DIGEST_AT] != _OPENING:
        raise ModelFileError(_describe_start(start))
    length = int.from_bytes(start[:8], "little")
    if not _DIGEST_AT + 64 <= 8 + length <= 8 + MAX_HEADER_BYTES:
        raise ModelFileError(
            f"claims a description of {length:,} bytes; {MAX_HEADER_BYTES:,} are allowed. "
            "Its first bytes were altered"
        )
    if 8 + length > size_bytes:
        raise ModelFileError(
            f"is truncated: it has {size_bytes:,} bytes, and its description alone takes "
            f"{8 + length:,}. {_AGAIN}"
        )
    handle.seek(8)
    return handle.read(length)


def _describe_start(start: bytes) -> str:
    truncated = f"is truncated: it has {len(start)} bytes, fewer than any model file. {_AGAIN}"
    if len(start) > 8 and _OPENING.startswith(start[8:]):
        return truncated
    unknown = "does not start as a model file of skdeepopt does. Was it written by save?"
    return describe_foreign(start) or (unknown if len(start) > 8 else truncated)


def _diagnose(header: bytes, size_bytes: int) -> str:
    altered = (
        "was altered after it was written: its bytes do not match the checksum it carries. "
        f"{_AGAIN}"
    )
    try:
        spans = _spans(_parse_header(header)[1])
    except ModelFileError:
        return altered
    expected = 8 + len(header) + max((span.end for span in spans.values()), default=0)
    if size_bytes < expected:
        return f"is truncated: it has {size_bytes:,} of {expected:,} bytes. {_AGAIN}"
    if size_bytes > expected:
        return f"has {size_bytes - expected:,} bytes more than the {expected:,} it describes"
    return altered


def _parse_header(header: bytes) -> tuple[str, dict[str, Any]]:
    entries = parse_json(header)
    metadata = entries.pop("__metadata__")
    if set(metadata) != {"sha256", DOCUMENT_KEY} or not isinstance(metadata[DOCUMENT_KEY], str):
        raise ModelFileError(
            f"has metadata other than the two strings 'sha256' and {DOCUMENT_KEY!r}"
        )
    return metadata[DOCUMENT_KEY], entries


def _spans(entries: dict[str, Any]) -> dict[str, TensorSpan]:
    return {name: _span(name, entry) for name, entry in entries.items()}


def _span(name: str, entry: Any) -> TensorSpan:
    where = f"describes the tensor {name[:200]!r} with"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(f"{where} other keys than dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFileError(f"{where} a dtype other than {', '.join(DTYPES)}")
    if not _are_counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise ModelFileError(f"{where} a shape that is not up to {MAX_DIMENSIONS} counts")
    if math.prod(max(1, count) for count in shape) * DTYPES[dtype].size_bytes >= 2**63:
        raise ModelFileError(f"{where} the shape {tuple(shape)}, more than can be counted")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ModelFileError(f"{where} data_offsets that are not a begin and an end")
    size = math.prod(shape) * DTYPES[dtype].size_bytes
    if size != offsets[1] - offsets[0]:
        raise ModelFileError(
            f"{where} {offsets[1] - offsets[0]:,} bytes, but {dtype} of shape {tuple(shape)} "
            f"takes {size:,}"
        )
    return TensorSpan(dtype, tuple(shape), offsets[0], offsets[1])


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**63 for value in values
    )


def _check_layout(spans: dict[str, TensorSpan], data_bytes: int) -> None:
    end = 0
    for name, span in sorted(spans.items(), key=lambda item: (item[1].begin, item[1].end)):
        if span.begin != end:
            fault = "overlaps" if span.begin < end else "leaves a gap to"
            raise ModelFileError(f"has a tensor {name[:200]!r} that {fault} the one before it")
        end = span.end
    if end != data_bytes:
        raise ModelFileError(
            f"holds {data_bytes:,} bytes of tensors, but its description speaks of {end:,}"
        )
