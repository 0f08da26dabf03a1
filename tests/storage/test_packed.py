import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.coding import encode_arrays
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._document import SCHEMA, write_description
from skdeepopt.storage._files import load
from skdeepopt.storage._limits import MAX_HEADER_BYTES, MAX_TENSORS
from skdeepopt.storage._packed import MAGIC, pack, unpack
from skdeepopt.storage._tensors import from_numpy

ARRAYS = [np.array([True]), np.arange(6.0).reshape(2, 3), np.zeros((0, 2), "f4")]
TENSORS = [from_numpy(array) for array in ARRAYS]
BLOB = pack(write_description(None), TENSORS)


def test_tensors_come_back():
    found = unpack(BLOB).tensors

    assert list(found) == [0, 1, 2]
    assert all(found[at].raw.tobytes() == given.raw.tobytes() for at, given in enumerate(TENSORS))


@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
def test_any_altered_byte_is_noticed(at, change):
    altered = bytearray(BLOB)
    altered[at] ^= change

    with pytest.raises(ModelFileError):
        unpack(bytes(altered))


@given(st.integers(len(MAGIC), len(BLOB) - 1))
def test_any_truncation_is_noticed(length):
    with pytest.raises(ModelFileError, match="truncated"):
        unpack(BLOB[:length])


@given(st.binary(min_size=1, max_size=64))
def test_anything_appended_is_noticed(tail):
    with pytest.raises(ModelFileError, match=f"has {len(tail)} bytes more"):
        unpack(BLOB + tail)


@pytest.mark.parametrize("length", range(1, 22))
def test_the_beginning_of_a_file_is_called_truncated(tmp_path, length):
    (tmp_path / "a").write_bytes(BLOB[:length])

    with pytest.raises(ModelFileError, match="truncated"):
        load(tmp_path / "a")


def test_an_altered_byte_is_called_so():
    altered = BLOB[:-2] + bytes([BLOB[-2] ^ 1]) + BLOB[-1:]

    with pytest.raises(ModelFileError, match="was altered after it was written"):
        unpack(altered)


def test_a_file_of_a_newer_version_asks_for_an_upgrade(forge):
    path = forge(opening=MAGIC + bytes([SCHEMA + 1]))

    with pytest.raises(ModelFileError, match=r"has schema 4, .* reads up to 3\. Upgrade skdeepopt"):
        load(path)


def test_an_older_schema_in_this_layout_is_refused(forge):
    with pytest.raises(ModelFileError, match="has schema 2, which has another layout"):
        load(forge(opening=MAGIC + b"\2"))


def test_a_description_too_long_to_read_is_not_written():
    with pytest.raises(ValueError, match="very many categories"):
        pack("x" * (MAX_HEADER_BYTES + 1), [])


def test_more_tensors_than_a_reader_takes_are_not_written():
    with pytest.raises(ValueError, match="The model has 8,193 tensors"):
        pack(write_description(None), [TENSORS[0]] * (MAX_TENSORS + 1))


def test_numbers_that_a_reader_would_take_for_an_attack_are_not_written():
    zeros = from_numpy(np.zeros(2**24 + 2**20, "f4"))

    with pytest.raises(ValueError, match="Are nearly all of its numbers the same"):
        pack(write_description(None), [zeros])


LIES = {
    "claims 8,193 tensors": {"n_tensors": MAX_TENSORS + 1},
    "speaks? of|describes": {"n_tensors": 3000},
    "cannot be inflated": {"text": b"\xff" * 9},
    "does not end where it says": {"text": b""},
    "flat bytes": {"stream": b"\x7f"},
    "a length that is none": {"stream": b""},
    "more than the file accounts for": {
        "stream": encode_arrays([from_numpy(np.zeros(2**25, "f4"))] * 5).data
    },
}


@pytest.mark.parametrize("said", LIES)
def test_a_sealed_lie_is_refused(forge, said):
    with pytest.raises(ModelFileError, match=said):
        load(forge(**LIES[said]))


def test_a_description_that_inflates_without_end_is_refused(forge):
    import zlib

    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = coder.compress(b" " * 2**25) + coder.flush()

    with pytest.raises(ModelFileError, match="description of more than 8,388,608 bytes"):
        load(forge(text=bomb))


def test_the_old_layout_is_told_by_its_first_bytes(tmp_path):
    (tmp_path / "a").write_bytes(struct.pack("<Q", 2**63) + BLOB)

    with pytest.raises(ModelFileError, match="does not start as a model file"):
        load(tmp_path / "a")
