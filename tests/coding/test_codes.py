import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.coding import StoredTensor, code_lengths, coded_bits, encode_arrays
from skdeepopt.coding._codes import MAX_SPREAD, CodesPlan, reach_of, read_codes
from skdeepopt.coding._range_coder import RangeReader, RangeWriter

CODES = arrays.arrays(
    np.int64,
    arrays.array_shapes(min_dims=0, max_dims=4, max_side=7),
    elements=st.integers(-9, 9) | st.integers(-MAX_SPREAD, MAX_SPREAD),
    fill=st.just(0),
)


def pruned(shape, share, chance):
    return np.rint(chance.laplace(size=shape) * 3).astype(int) * (chance.random(shape) < share)


@settings(deadline=None)
@given(CODES, st.booleans())
def test_codes_come_back_and_take_the_bits_that_were_counted(codes, is_ordered):
    low, high = reach_of(codes)
    plan, writer = CodesPlan.of(codes, low, high, is_ordered=is_ordered), RangeWriter()

    plan.write(writer)
    reader = RangeReader(writer.to_bytes())
    found = read_codes(reader, codes.shape, low, high, is_ordered=is_ordered)

    assert found.tolist() == codes.reshape(-1).tolist()
    assert sum(writer.bits.values()) == pytest.approx(plan.bits, abs=2 + 0.02 * codes.size)


@pytest.mark.parametrize("share", [0.003, 0.05, 0.6])
def test_coded_bits_are_what_a_file_takes(share):
    codes = pruned((300, 200), share, np.random.default_rng(0)).clip(-120, 120).astype(np.int8)
    stored = StoredTensor("I8", codes.shape, codes.reshape(-1).view(np.uint8))

    taken = sum(encode_arrays([stored]).spans[0])

    # The type, the shape and the form come with the array.
    assert coded_bits(codes) == pytest.approx(taken, abs=60)


def test_lengths_add_up_to_the_values_and_the_zeros():
    codes = pruned((60, 40), 0.2, np.random.default_rng(0))
    plan = CodesPlan.of(codes, *reach_of(codes))

    lengths = code_lengths(codes)

    flags = np.where(codes == 0, lengths.zero_bits, lengths.nonzero_bits).sum()
    values = lengths.value_bits[codes[codes != 0] + len(lengths.value_bits) // 2].sum()
    tables = plan.bits - flags - values
    assert lengths.zero_bits.shape == codes.shape
    assert 0 < tables < 400


def test_a_value_that_does_not_occur_has_a_finite_length_above_its_neighbour():
    codes = np.array([0, 1, 1, 1, -1, 4] * 9)

    bits = code_lengths(codes).value_bits

    assert bits.shape == (9,)
    assert np.isfinite(bits).all()
    assert bits[4] == 0
    assert bits[6] > bits[5]
    assert bits[7] > bits[6]


def test_lengths_of_a_tensor_of_zeros_are_finite():
    lengths = code_lengths(np.zeros((20, 30), dtype=int))

    assert (lengths.zero_bits < 1e-3).all()
    assert np.isfinite(lengths.nonzero_bits).all()
    assert (lengths.nonzero_bits > 5).all()


def test_no_codes_take_no_bits():
    assert coded_bits(np.zeros((0, 3), dtype=int)) == 0
