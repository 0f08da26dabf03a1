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
from skdeepopt.storage._container import pack, read_tensors, unpack
from skdeepopt.storage._document import write_document
from skdeepopt.storage._files import load, read_header
from skdeepopt.storage._limits import MAX_CONTAINERS, MAX_HEADER_BYTES
from skdeepopt.storage._tensors import from_numpy

ARRAYS = {"b": np.array([True]), "a": np.arange(6.0).reshape(2, 3), "c": np.zeros((0, 2), "f4")}
TENSORS = {name: from_numpy(array) for name, array in ARRAYS.items()}
BLOB = b"".join(bytes(part) for part in pack(write_document(None), TENSORS))


def opened(blob: bytes):
    return unpack(io.BytesIO(blob), len(blob))


def test_tensors_come_back():
    container = opened(BLOB)

    found = read_tensors(io.BytesIO(BLOB), container)

    assert found.keys() == TENSORS.keys()
    assert all(found[name].raw.tobytes() == TENSORS[name].raw.tobytes() for name in TENSORS)


def test_the_safetensors_library_reads_the_file(tmp_path):
    (tmp_path / "a").write_bytes(BLOB)

    with safe_open(tmp_path / "a", framework="numpy") as file:
        found = {name: file.get_tensor(name) for name in TENSORS}
        metadata = file.metadata()

    assert metadata.keys() == {"sha256", "skdeepopt"}
    np.testing.assert_equal(found, ARRAYS)


def test_every_tensor_is_aligned_to_its_numbers():
    container = opened(BLOB)

    assert all(
        (container.data_at + span.begin) % 8 == 0
        for span in container.spans.values()
        if span.dtype == "F64"
    )


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


def test_a_description_too_long_to_read_is_not_written():
    with pytest.raises(ValueError, match="very many categories"):
        pack("x" * MAX_HEADER_BYTES, {})


def test_more_tensors_than_a_reader_takes_are_not_written():
    tensors = dict.fromkeys(map(str, range(MAX_CONTAINERS // 3)), TENSORS["b"])

    with pytest.raises(ValueError, match="cannot be stored in 21,845 tensors: the file describes"):
        pack(write_document(None), tensors)


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
def test_a_sealed_lie_about_tensors_is_refused(forge, said):
    def lie(header):
        return {"__metadata__": header["__metadata__"], **LIES[said]}

    with pytest.raises(ModelFileError, match=said):
        load(forge(lie, data=b"\0" * 12))


def test_a_tensor_named_twice_is_refused(forge):
    def lie(header):
        entry = json.dumps(tensor())
        text = json.dumps({"__metadata__": header["__metadata__"]}, separators=(",", ":"))
        return f'{text[:-1]},"t":{entry},"t":{entry}}}'.encode()

    with pytest.raises(ModelFileError, match="'t' twice"):
        load(forge(lie, data=b"\0" * 4))


def test_other_metadata_is_refused(forge):
    with pytest.raises(ModelFileError, match="metadata other than"):
        load(forge(lambda header: header["__metadata__"].update(extra="text")))


def test_metadata_that_is_no_text_is_refused(forge):
    with pytest.raises(ModelFileError, match="metadata other than"):
        load(forge(lambda header: header["__metadata__"].update(skdeepopt={"format": 1})))


def test_the_checksum_is_over_the_file_with_zeros_in_its_place(scaler_file):
    digest = read_header(scaler_file)["sha256"]

    blanked = scaler_file.read_bytes().replace(digest.encode(), b"0" * 64)

    assert hashlib.sha256(blanked).hexdigest() == digest
