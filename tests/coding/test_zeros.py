import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from skdeepopt.coding._range_coder import CodeCounter, RangeReader, RangeWriter
from skdeepopt.coding._zeros import ZeroFlags, read_flags

FLAGS = arrays.arrays(bool, arrays.array_shapes(min_dims=0, max_dims=4, max_side=9))


def entropy(flags):
    share = np.clip(flags.mean(), 1e-12, 1 - 1e-12)
    return -flags.size * (share * np.log2(share) + (1 - share) * np.log2(1 - share))


@settings(deadline=None)
@given(FLAGS)
def test_flags_come_back_and_take_the_bits_that_were_counted(flags):
    plan, writer = ZeroFlags.of(flags), RangeWriter()

    plan.write(writer)
    found = read_flags(RangeReader(writer.to_bytes()), flags.shape)

    assert found.tolist() == flags.reshape(-1).tolist()
    assert sum(writer.bits.values()) == pytest.approx(plan.bits, abs=0.1 + 0.006 * flags.size)


@settings(deadline=None)
@given(FLAGS)
def test_lengths_are_what_flags_take(flags):
    plan, counter = ZeroFlags.of(flags), CodeCounter()

    zero, other = plan.blocks.lengths()
    plan.blocks.write_flags(plan.matrix, counter)

    assert np.where(plan.matrix, other, zero).sum() == pytest.approx(counter.total, abs=0.01)


def test_rows_and_columns_without_numbers_cost_next_to_nothing():
    chance = np.random.default_rng(0)
    flags = np.zeros((400, 300), dtype=bool)
    flags[:40, :30] = chance.random((40, 30)) < 0.5
    flags = flags[chance.permutation(400)][:, chance.permutation(300)]

    # Half of 1,200 numbers, and which rows and columns they are in.
    assert ZeroFlags.of(flags).bits < 1200 + 400 * 0.5 + 300 * 0.5 + 100
    assert entropy(flags) > 5000


def test_an_input_channel_without_numbers_is_found():
    flags = np.random.default_rng(0).random((30, 20, 5, 5)) < 0.3
    flags[:, ::2] = False

    plan = ZeroFlags.of(flags)

    assert plan.blocks.grouping == 1
    assert plan.bits < entropy(flags[:, 1::2]) + 150


def test_a_part_of_the_kernel_without_numbers_is_found():
    flags = np.random.default_rng(0).random((30, 20, 5, 5)) < 0.3
    flags[..., :2] = False

    assert ZeroFlags.of(flags).blocks.grouping == 2


def test_noise_costs_no_classes():
    flags = np.random.default_rng(0).random((100, 100)) < 0.1

    assert ZeroFlags.of(flags).bits < entropy(flags) + 30


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([(7, 3)], "too many classes"), ([(0, 3), (0, 3), (127, 7)], "a density above 1")],
)
def test_a_model_that_is_never_written_is_refused(numbers, said):
    writer = RangeWriter()
    for number, n_bits in numbers:
        writer.uniform(number, n_bits)

    with pytest.raises(ValueError, match=said):
        read_flags(RangeReader(writer.to_bytes()), (4, 4))
