import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.coding._stored import StoredTensor
from skdeepopt.storage._sparse import to_dense
from skdeepopt.storage._tensors import DTYPES, from_numpy

FLOATS = [name for name in DTYPES if "F" in name]
GAPS = st.lists(st.sampled_from([0, 1, 254, 255, 256, 257, 511, 512, 3000]), max_size=8)


def floats(dtype: str, numbers: np.ndarray) -> StoredTensor:
    """Stored tensor of a float type whose bits are those of the numbers."""
    bits = numbers.astype(f"<u{DTYPES[dtype].size_bytes}")
    return StoredTensor(dtype, numbers.shape, bits.reshape(-1).view(np.uint8))


def to_sparse(stored: StoredTensor) -> tuple[StoredTensor, StoredTensor]:
    """The two parts, as files of schema 2 were written."""
    bits = stored.patterns
    at = np.flatnonzero(bits)
    n_skipped = np.diff(at, prepend=-1) - 1
    ends = np.cumsum(n_skipped // 256 + 1) - 1
    n_tail = bits.size - (int(at[-1]) + 1 if at.size else 0)
    n_kept = (int(ends[-1]) + 1 if ends.size else 0) + n_tail // 256
    values, gaps = np.zeros(n_kept, dtype=bits.dtype), np.full(n_kept, 255, dtype=np.uint8)
    values[ends], gaps[ends] = bits[at], n_skipped % 256
    values_part = StoredTensor(stored.dtype, values.shape, values.view(np.uint8))
    return values_part, StoredTensor("U8", gaps.shape, gaps)


def spread(gaps: list[int], tail: int) -> np.ndarray:
    """Numbers with so many zeros before each, and after the last."""
    return np.concatenate([*(np.eye(1, gap + 1, gap)[0] for gap in gaps), np.zeros(tail)])


@given(
    dtype=st.sampled_from(FLOATS),
    gaps=GAPS,
    tail=st.sampled_from([4000, 4095, 4096, 4097]),
    number=st.integers(1, 255),
)
def test_zeros_of_any_length_between_numbers_come_back_bit_for_bit(dtype, gaps, tail, number):
    stored = floats(dtype, spread(gaps, tail) * number)

    found = to_dense(*to_sparse(stored), list(stored.shape))

    assert found.dtype == dtype
    assert found.shape == stored.shape
    assert found.raw.tobytes() == stored.raw.tobytes()


@settings(deadline=None)
@given(
    array=st.sampled_from(["f2", "f4", "f8"]).flatmap(
        lambda dtype: arrays.arrays(
            dtype, st.just((40, 50)), elements=arrays.from_dtype(np.dtype(dtype)), fill=st.just(0)
        )
    )
)
def test_any_float_comes_back_bit_for_bit(array):
    stored = from_numpy(array)

    found = to_dense(*to_sparse(stored), [40, 50])

    assert found.raw.tobytes() == array.tobytes()


@pytest.mark.parametrize("bits", [0x80000000, 0x7F800000, 0xFF800000, 0x7FC00001, 0x00000001])
def test_zeros_below_infinities_nans_and_subnormals_are_numbers_like_others(bits):
    stored = floats("F32", np.concatenate([np.zeros(700), [bits], np.zeros(300)]))

    pair = to_sparse(stored)

    assert np.count_nonzero(pair[0].patterns) == 1
    assert to_dense(*pair, [1001]).raw.tobytes() == stored.raw.tobytes()


def test_a_gap_that_is_too_long_is_bridged_by_a_zero():
    stored = floats("F32", np.concatenate([[5], np.zeros(600), [7], np.zeros(300)]))

    values, gaps = to_sparse(stored)

    assert values.raw.view("<u4").tolist() == [5, 0, 0, 7, 0]
    assert gaps.raw.tolist() == [0, 255, 255, 88, 255]


def part(dtype: str, n: int, value: int = 0) -> StoredTensor:
    raw = np.full(n * DTYPES[dtype].size_bytes, value, dtype=np.uint8)
    return StoredTensor(dtype, (n,), raw)


LIES = {
    "of I32 numbers": (part("I32", 3), part("U8", 3), [3]),
    "of U8 numbers": (part("U8", 3), part("U8", 3), [3]),
    "gaps are I8, not U8": (part("F32", 3), part("I8", 3), [3]),
    r"shape \(3,\) and gaps of shape \(2,\)": (part("F32", 3), part("U8", 2), [3]),
    r"shape \(3,\) and gaps of shape \(4,\)": (part("F32", 3), part("U8", 4), [3]),
    r"numbers of shape \(1, 3\)": (
        StoredTensor("F16", (1, 3), np.zeros(6, np.uint8)), part("U8", 3), [3],
    ),
    "not up to 32 counts": (part("F32", 3), part("U8", 3), 3),
    "a shape that is not": (part("F32", 3), part("U8", 3), [-3]),
    "that is not up to": (part("F32", 3), part("U8", 3), [True]),
    "is not up to 32": (part("F32", 3), part("U8", 3), [3.0]),
    "up to 32 counts": (part("F32", 3), part("U8", 3), [1] * 33),
    "more than can be counted": (part("F32", 0), part("U8", 0), [0, 2**62]),
    "more than its 3 numbers account for": (part("F32", 3), part("U8", 3, 255), [1024]),
    "than its 3 numbers": (part("F32", 3), part("U8", 3), [2**30, 2**20]),
    "than its 0 numbers": (part("F64", 0), part("U8", 0), [256]),
    "run 1 numbers past the end": (part("F32", 3), part("U8", 3), [2]),
    "run 766 numbers past": (part("F32", 3), part("U8", 3, 255), [2]),
    "run 3 numbers past": (part("F32", 3), part("U8", 3), [0]),
    "stop 256 numbers before the end": (part("F32", 3), part("U8", 3), [259]),
}  # fmt: skip


@pytest.mark.parametrize("said", LIES)
def test_parts_that_contradict_each_other_are_refused(said):
    with pytest.raises(ValueError, match=said):
        to_dense(*LIES[said])


@given(
    n=st.integers(0, 4),
    n_gaps=st.integers(0, 4),
    gap=st.integers(0, 255),
    shape=st.lists(st.integers(0, 1200), max_size=3),
)
def test_any_parts_are_put_together_or_refused(n, n_gaps, gap, shape):
    try:
        found = to_dense(part("F32", n, 1), part("U8", n_gaps, gap), shape)
    except ValueError:
        return

    assert found.shape == tuple(shape)
    assert np.count_nonzero(found.raw.view("<u4")) == n
    assert math.prod(shape) < 256 * (n + 1)
