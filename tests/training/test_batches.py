from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.training._batches import Batches, TensorData, as_network_input

CPU = torch.device("cpu")


def numbered(n_samples, **rest):
    """Samples whose input, target and weight is their number."""
    numbers = torch.arange(n_samples)
    return TensorData(
        numbers.reshape(-1, 1).to(torch.uint8), numbers, numbers.float(), numbers, **rest
    )


@given(st.integers(1, 80), st.integers(1, 90))
def test_a_pass_in_order_covers_each_sample_once(n_samples, batch_size):
    batches = Batches(numbered(n_samples), batch_size, CPU)

    seen = [targets for _, targets, _ in batches]

    assert torch.cat(seen).tolist() == list(range(n_samples))
    assert len(seen) == len(batches)
    assert {len(batch) for batch in seen[:-1]} <= {batch_size}


@given(st.integers(1, 80), st.integers(1, 90), st.integers(0, 3))
def test_a_shuffled_pass_covers_each_sample_once_but_for_a_lone_last_one(
    n_samples, batch_size, seed
):
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(numbered(n_samples), batch_size, CPU, generator)

    seen = [targets.tolist() for _, targets, _ in batches]

    lone = n_samples > 1 and batch_size > 1 and n_samples % batch_size == 1
    covered = sorted(number for batch in seen for number in batch)
    assert len(covered) == len(set(covered)) == n_samples - lone
    assert len(seen) == len(batches)
    assert min(map(len, seen)) > 1 or n_samples == 1 or batch_size == 1


@given(st.integers(2, 40), st.integers(2, 20))
def test_inputs_targets_and_weights_stay_together(n_samples, batch_size):
    batches = Batches(numbered(n_samples), batch_size, CPU, torch.Generator().manual_seed(0))

    for inputs, targets, weights in batches:
        assert inputs[:, 0].tolist() == targets.tolist() == weights.tolist()


def test_only_the_samples_of_the_index_take_part_as_often_as_they_stand_there():
    data = TensorData(torch.arange(9.0), torch.arange(9), None, torch.tensor([3, 3, 7]))

    assert [batch[1].tolist() for batch in Batches(data, 2, CPU)] == [[3, 3], [7]]
    assert len(data) == 3
    assert data[2] == (7.0, 7)


def test_each_pass_has_another_order():
    batches = Batches(numbered(50), 50, CPU, torch.Generator().manual_seed(0))

    first, second = (next(iter(batches))[1].tolist() for _ in range(2))

    assert first != second


def test_only_shuffled_passes_are_augmented():
    def negate(batch, generator):
        return -batch

    data = numbered(6)
    plain = next(iter(Batches(data, 6, CPU, augment=negate)))[0]
    changed = next(iter(Batches(data, 6, CPU, torch.Generator(), augment=negate)))[0]

    assert plain.max() > 0
    assert changed.max() == 0
    assert changed.min() < 0


@pytest.mark.parametrize(
    "wrong", [lambda b, g: None, lambda b, g: b[1:], lambda b, g: b.half(), lambda b, g: b.int()]
)
def test_an_augmentation_returns_a_batch_like_the_one_it_got(wrong):
    batches = Batches(numbered(6), 6, CPU, torch.Generator(), augment=wrong)

    with pytest.raises(ValueError, match=r"augment returns a float32 batch .*\(6, 1\), not"):
        next(iter(batches))


@pytest.mark.parametrize("number", [torch.uint8, torch.int64, torch.float32, torch.bool])
def test_the_network_gets_floats_with_channels_last_in_memory(number):
    images = torch.ones(2, 3, 4, 5).to(number)

    prepared = as_network_input(images, CPU)

    assert prepared.dtype == torch.float32
    assert prepared.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(prepared, images.float())


def test_the_rows_that_came_last_are_known():
    data = numbered(7)
    batches = Batches(data, 3, CPU, torch.Generator())

    pairs = [(batches.rows, inputs) for inputs, *_ in batches]

    assert all(torch.equal(data.inputs[rows].float(), inputs) for rows, inputs in pairs)
