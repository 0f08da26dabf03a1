import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.coding import StoredTensor, decode_arrays, encode_arrays
from skdeepopt.coding._range_coder import RangeWriter
from skdeepopt.coding._stored import LAYOUTS

PLENTY = 2**24


def stored(array, dtype=None):
    names = {"f": "F", "i": "I", "u": "U", "b": "BOOL"}
    name = "BOOL" if array.dtype == bool else f"{names[array.dtype.kind]}{8 * array.itemsize}"
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return StoredTensor(dtype or name, array.shape, raw)


def equal(found, given):
    return (found.dtype, found.shape, found.raw.tobytes()) == (
        given.dtype, given.shape, given.raw.tobytes(),
    )  # fmt: skip


@st.composite
def tensors(draw):
    """Any bits of any type: few different ones, many, or mostly zeros."""
    dtype = draw(st.sampled_from(list(LAYOUTS)))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, max_side=5))
    size = LAYOUTS[dtype].size_bytes
    numbers = st.integers(0, 2 ** (8 * size) - 1)
    few = st.sampled_from(draw(st.lists(numbers, min_size=1, max_size=4)))
    bits = draw(arrays.arrays(f"<u{size}", shape, elements=few | numbers, fill=few | st.just(0)))
    return StoredTensor(dtype, shape, bits.reshape(-1).view(np.uint8))


@settings(deadline=None)
@given(st.lists(tensors(), max_size=4))
def test_any_arrays_come_back_bit_for_bit(given_arrays):
    encoded = encode_arrays(given_arrays)

    spans = []
    found = decode_arrays(encoded.data, len(given_arrays), max_bytes=PLENTY, spans=spans)

    assert all(map(equal, found, given_arrays))
    assert np.array(spans).sum() == pytest.approx(np.array(encoded.spans).sum(), rel=0.01, abs=1)
    assert 8 * len(encoded.data) <= np.array(encoded.spans).sum() + 8 * 8


CHANCE = np.random.default_rng(0)
WEIGHTS = (0.05 * CHANCE.normal(size=(100, 200))).astype("f4")
SPARSE = np.where(CHANCE.random(WEIGHTS.shape) < 0.02, WEIGHTS, 0)
CODES = np.rint(CHANCE.laplace(size=WEIGHTS.shape)).astype(int)
BOUNDS = {
    "zeros": (np.zeros((500, 800), "f4"), 12),
    "binary": (np.sign(WEIGHTS), 20_000 / 8 + 12),
    "binary times a scale": (np.float32(0.07) * np.sign(WEIGHTS), 20_000 / 8 + 20),
    "16 values": (WEIGHTS[0, :16][CHANCE.integers(0, 16, WEIGHTS.shape)], 20_000 / 2 + 130),
    "grid": (np.float32(0.013) * CODES.astype("f4"), 20_000 * 2.5 / 8 + 60),
    "two percent": (SPARSE, 0.14 * 20_000 / 8 + 400 * 3.6 + 100),
    "held in bfloat16": ((WEIGHTS.view("u4") & 0xFFFF0000).view("f4"), 20_000 * 11 / 8),
    "dense": (WEIGHTS, 20_000 * 27 / 8),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_each_form_takes_what_it_should(name):
    array, most_bytes = BOUNDS[name]

    encoded = encode_arrays([stored(array)])

    assert len(encoded.data) <= most_bytes
    assert equal(decode_arrays(encoded.data, 1, max_bytes=PLENTY)[0], stored(array))


def test_a_list_of_values_is_written_once():
    book = CHANCE.normal(size=200).astype("f4")
    first, second = (book[CHANCE.integers(0, 200, (50, 50))] for _ in range(2))

    alone, both = (len(encode_arrays(list(map(stored, given))).data) for given in
                   ([first], [first, second]))  # fmt: skip

    assert both < 2 * alone - 400


def test_arrays_too_large_for_the_bound_are_refused_before_memory_is_taken():
    data = encode_arrays([stored(np.zeros((2000, 1000), "f4"))]).data

    with pytest.raises(ValueError, match=r"shape \(2000, 1000\), more than the file accounts for"):
        decode_arrays(data, 1, max_bytes=7_999_999)


def test_flat_bytes_left_over_are_refused():
    with pytest.raises(ValueError, match="2 flat bytes that belong to no array"):
        decode_arrays(b"\x02ab", 0, max_bytes=0)


LIES = {
    "unknown type 15": [(0, 1), (15, 4)],
    "unknown form 7": [(1, 1), (0, 1), "one number", (7, 3)],
    "a number of 7 bytes where 4": [(1, 1), (0, 1), "one number", (0, 3), (7, 3)],
    "other than float32 and float64": [(0, 1), (9, 4), (0, 1), "one number", (2, 3)],
    "list 0, which is none": [(1, 1), (0, 1), "one number", (4, 3)],
}


@pytest.mark.parametrize("said", LIES)
def test_a_stream_that_is_never_written_is_refused(said):
    writer = RangeWriter()
    for item in LIES[said]:
        if item == "one number":
            writer.numbers(1, 1)
            writer.numbers(1, 4)
        else:
            writer.uniform(*item)

    with pytest.raises(ValueError, match=said):
        decode_arrays(writer.to_bytes(), 1, max_bytes=PLENTY)


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 4))
def test_any_bytes_are_read_or_refused(data, n_arrays):
    try:
        found = decode_arrays(data, n_arrays, max_bytes=2**16)
    except ValueError:
        return

    assert len(found) == n_arrays
