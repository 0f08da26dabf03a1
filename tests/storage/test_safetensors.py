"""Files of schemas 1 and 2, which are read and no longer written."""

import hashlib
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._document import FORMAT
from skdeepopt.storage._limits import MAX_HEADER_BYTES
from skdeepopt.storage._safetensors import unpack
from skdeepopt.storage._tensors import DTYPES, from_numpy

ARRAYS = {"b": np.array([True]), "a": np.arange(6.0).reshape(2, 3), "c": np.zeros((0, 2), "f4")}
TENSORS = {name: from_numpy(array) for name, array in ARRAYS.items()}
DOCUMENT = {"format": FORMAT, "schema": 1, "versions": {}, "model": None}


def pack(document, tensors):
    """File as it was written, and its header with zeros in place of the checksum."""
    entries, data = {}, b""
    for name in sorted(tensors, key=lambda name: -DTYPES[tensors[name].dtype].size_bytes):
        stored, raw = tensors[name], tensors[name].raw.tobytes()
        offsets = [len(data), len(data) + len(raw)]
        entries[name] = {"dtype": stored.dtype, "shape": stored.shape, "data_offsets": offsets}
        data += raw
    metadata = {"sha256": "0" * 64, "skdeepopt": json.dumps(document)}
    return {"__metadata__": metadata, **entries}, data


def seal(header, data):
    text = (
        header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    )
    text += b" " * (-len(text) % 8)
    blob = len(text).to_bytes(8, "little") + text + data
    return blob.replace(b"0" * 64, hashlib.sha256(blob).hexdigest().encode(), 1)


HEADER, DATA = pack(DOCUMENT, TENSORS)
BLOB = seal(HEADER, DATA)


def opened(blob: bytes):
    return unpack(io.BytesIO(blob), len(blob))


def test_tensors_come_back():
    found = opened(BLOB).tensors

    assert found.keys() == TENSORS.keys()
    assert all(found[name].raw.tobytes() == TENSORS[name].raw.tobytes() for name in TENSORS)


def test_the_safetensors_library_reads_the_file(tmp_path):
    (tmp_path / "a").write_bytes(BLOB)

    with safe_open(tmp_path / "a", framework="numpy") as file:
        found = {name: file.get_tensor(name) for name in TENSORS}

    np.testing.assert_equal(found, ARRAYS)


@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
def test_any_altered_byte_is_noticed(at, change):
    altered = bytearray(BLOB)
    altered[at] ^= change

    with pytest.raises(ModelFileError):
        opened(bytes(altered))


@given(st.integers(0, len(BLOB) - 1))
def test_any_truncation_is_noticed(length):
    with pytest.raises(ModelFileError, match=r"truncated|empty"):
        opened(BLOB[:length])


@given(st.binary(min_size=1, max_size=64))
def test_anything_appended_is_noticed(tail):
    with pytest.raises(ModelFileError, match=f"has {len(tail)} bytes more"):
        opened(BLOB + tail)


def test_an_altered_byte_is_called_so():
    altered = BLOB[:-20] + bytes([BLOB[-20] ^ 1]) + BLOB[-19:]

    with pytest.raises(ModelFileError, match="was altered after it was written"):
        opened(altered)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, MAX_HEADER_BYTES + 1, 10])
def test_a_lie_about_the_length_of_the_description_is_refused(length):
    with pytest.raises(ModelFileError, match="claims a description"):
        opened(struct.pack("<Q", length) + BLOB[8:])


def tensor(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


LIES = {
    "other keys": {"t": {"dtype": "F32"}},
    "other keys than": {"t": 3},
    "a dtype other": {"t": tensor(dtype="C64")},
    "a dtype other than": {"t": tensor(dtype=["F32"])},
    "not up to 32 counts": {"t": tensor(shape=[1] * 33)},
    "is not up to": {"t": tensor(shape=[-1])},
    "that is not up to": {"t": tensor(shape=[1.0])},
    "up to 32 counts": {"t": tensor(shape=[True])},
    "more than can be counted": {"t": tensor(shape=[0, 2**62], offsets=(0, 0))},
    "can be counted": {"t": tensor(shape=[2**62, 2**62])},
    "not a begin and an end": {"t": tensor(offsets=(4, 0))},
    "a begin and an end": {"t": tensor(offsets=(0, 4, 8))},
    "takes 8": {"t": tensor(shape=[2])},
    "overlaps": {"t": tensor(), "u": tensor(offsets=(2, 6))},
    "leaves a gap": {"t": tensor(), "u": tensor(offsets=(8, 12))},
    "speaks of 4": {"t": tensor()},
    "speaks of 1,099,511,627,776": {"t": tensor(shape=[2**38], offsets=(0, 2**40))},
}


@pytest.mark.parametrize("said", LIES)
def test_a_sealed_lie_about_tensors_is_refused(said):
    blob = seal({"__metadata__": HEADER["__metadata__"], **LIES[said]}, b"\0" * 12)

    with pytest.raises(ModelFileError, match=said):
        opened(blob)


def test_a_tensor_named_twice_is_refused():
    entry = json.dumps(tensor())
    text = json.dumps({"__metadata__": HEADER["__metadata__"]}, separators=(",", ":"))

    with pytest.raises(ModelFileError, match="'t' twice"):
        opened(seal(f'{text[:-1]},"t":{entry},"t":{entry}}}'.encode(), b"\0" * 4))


@pytest.mark.parametrize("change", [{"extra": "text"}, {"skdeepopt": {"format": 1}}])
def test_other_metadata_is_refused(change):
    metadata = HEADER["__metadata__"] | change

    with pytest.raises(ModelFileError, match="metadata other than"):
        opened(seal({**HEADER, "__metadata__": metadata}, DATA))


def test_the_checksum_is_over_the_file_with_zeros_in_its_place():
    digest = opened(BLOB).sha256

    blanked = BLOB.replace(digest.encode(), b"0" * 64)

    assert hashlib.sha256(blanked).hexdigest() == digest
