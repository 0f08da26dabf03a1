from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.estimators._samples import (
    as_tensor,
    auto_batch_size,
    channel_statistics,
    held_out,
    training_data,
)
from skdeepopt.training._batches import TensorData


def data_of(inputs, targets=None, weights=None):
    targets = torch.arange(len(inputs)) % 3 if targets is None else torch.as_tensor(targets)
    return TensorData(torch.as_tensor(inputs), targets, weights, torch.arange(len(inputs)))


def trained_on(rows, targets, weight):
    data = training_data(torch.as_tensor(rows), rows, targets, weight)
    return data.inputs[data.index], data.targets[data.index], data.weights


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_batch_is_a_power_of_two_that_grows_with_the_data(one, other):
    small, large = auto_batch_size(min(one, other)), auto_batch_size(max(one, other))

    assert 16 <= small <= large <= 128
    assert small.bit_count() == large.bit_count() == 1


def test_a_tensor_shares_the_memory_of_a_read_only_array():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = as_tensor(array)

    assert np.shares_memory(tensor.numpy(), array)
    assert tensor.tolist() == array.tolist()


@given(st.lists(st.integers(0, 5), min_size=4, max_size=30).filter(lambda w: sum(w) > 1))
def test_whole_weights_repeat_the_samples(weight):
    rows = np.random.default_rng(len(weight)).random((len(weight), 3))
    targets = np.arange(len(weight))

    inputs, labels, weights = trained_on(rows, targets, np.array(weight, dtype=float))

    repeated = np.repeat(targets, weight)
    assert weights is None
    assert sorted(labels.tolist()) == repeated.tolist()
    np.testing.assert_array_equal(inputs, rows[labels])


def test_a_sample_of_weight_zero_takes_no_part():
    rows, weight = np.random.default_rng(0).random((6, 2)), np.array([0, 1.5, 0, 2.5, 1.5, 0])

    _, labels, weights = trained_on(rows, np.arange(6), weight)

    assert sorted(labels.tolist()) == [1, 3, 4]
    assert weights[labels].mean().item() == pytest.approx(1)


def test_many_repeats_become_weights():
    rows, weight = np.random.default_rng(0).random((6, 2)), np.full(6, 1000.0)

    _, labels, weights = trained_on(rows, np.arange(6), weight)

    assert len(labels) == 6
    assert weights.tolist() == [1] * 6


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_held_out_samples_and_the_others_are_all_samples(fraction):
    data = data_of(np.zeros((60, 2)))

    train, validation = held_out(data, fraction, seed=0, stratify=True)

    assert len(validation) == round(60 * fraction)
    assert sorted([*train.index.tolist(), *validation.index.tolist()]) == list(range(60))


def test_the_held_out_samples_keep_the_proportion_of_the_labels():
    data = data_of(np.zeros((60, 2)), np.repeat([0, 1, 2], [10, 20, 30]))

    _, validation = held_out(data, 0.2, seed=0, stratify=True)

    assert np.bincount(validation.targets[validation.index]).tolist() == [2, 4, 6]


def test_a_rare_label_is_no_obstacle_to_holding_out():
    data = data_of(np.zeros((60, 2)), np.repeat([0, 1], [1, 59]))

    train, validation = held_out(data, 0.2, seed=0, stratify=True)

    assert (len(train), len(validation)) == (48, 12)


@pytest.mark.parametrize("number", [np.uint8, np.float32])
def test_channel_statistics_are_those_of_numpy(number):
    images = np.random.default_rng(0).integers(0, 256, (700, 3, 5, 4)).astype(number)
    images[:, 2] //= 9

    mean, deviation = channel_statistics(data_of(images))

    np.testing.assert_allclose(mean, images.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(deviation, images.astype(float).std((0, 2, 3)), rtol=1e-6)


def test_channel_statistics_are_of_the_samples_that_take_part():
    images = np.random.default_rng(0).random((10, 1, 2, 2), dtype=np.float32)
    data = TensorData(torch.tensor(images), torch.zeros(10), None, torch.tensor([3, 3, 7]))

    mean, deviation = channel_statistics(data)

    assert mean.item() == pytest.approx(images[[3, 3, 7]].mean())
    assert deviation.item() == pytest.approx(images[[3, 3, 7]].std())


def test_a_large_offset_costs_no_digits():
    images = (1e4 + np.random.default_rng(0).normal(size=(900, 1, 4, 4))).astype(np.float32)

    _, deviation = channel_statistics(data_of(images))

    assert deviation.item() == pytest.approx(images.astype(float).std(), rel=1e-4)


def test_a_constant_channel_has_deviation_one():
    mean, deviation = channel_statistics(data_of(np.full((4, 2, 3, 3), 7, dtype=np.uint8)))

    assert mean.tolist() == [7, 7]
    assert deviation.tolist() == [1, 1]
