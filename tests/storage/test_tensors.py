import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.coding._stored import StoredTensor
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._tensors import (
    DTYPES,
    from_numpy,
    from_torch,
    to_numpy,
    to_torch,
)

NUMERIC = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="="),
    arrays.unsigned_integer_dtypes(endianness="="),
    arrays.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
)


@given(NUMERIC.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0))))
def test_an_array_comes_back_byte_for_byte(array):
    found = to_numpy(from_numpy(array))

    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 4)])
def test_a_tensor_comes_back_byte_for_byte(name, shape):
    dtype = getattr(torch, DTYPES[name].torch)
    raw = torch.randint(0, 2, (math.prod(shape) * dtype.itemsize,), dtype=torch.uint8)
    tensor = raw.view(dtype).reshape(shape)

    stored = from_torch(tensor)
    found = to_torch(stored)

    assert stored.dtype == name
    assert found.dtype == dtype
    assert found.shape == tensor.shape
    assert found.reshape(-1).view(torch.uint8).equal(raw)


def test_big_endian_numbers_keep_their_values():
    array = np.array([1.5, -2.0], dtype=">f4")

    np.testing.assert_array_equal(to_numpy(from_numpy(array)), array)


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "longdouble", "i4,i4", "object"])
def test_an_array_without_a_name_in_safetensors_is_not_stored(dtype):
    assert from_numpy(np.zeros(2, dtype=dtype)) is None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2, device="meta"),
        torch.eye(2).to_sparse(),
    ],
)
def test_a_tensor_without_dense_real_bytes_is_not_stored(tensor):
    assert from_torch(tensor) is None


@pytest.mark.parametrize("read", [to_numpy, to_torch])
def test_a_boolean_byte_above_one_is_refused(read):
    stored = StoredTensor("BOOL", (2,), np.array([1, 2], dtype=np.uint8))

    with pytest.raises(ModelFileError, match="other than 0 and 1"):
        read(stored)


def test_numpy_gets_no_bfloat16():
    stored = StoredTensor("BF16", (1,), np.zeros(2, dtype=np.uint8))

    with pytest.raises(ModelFileError, match="only torch has"):
        to_numpy(stored)
