from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skdeepopt import CNNClassifier, ImageAugmenter, NeuralClassifier, TransferEstimator
from skdeepopt.nets import MLP
from skdeepopt.space._parts import (
    augmenter_parts,
    cnn_parts,
    decay_part,
    epochs_part,
    is_named,
    neural_parts,
    rate_part,
    smoothing_part,
    with_present,
)


def by_name(parts):
    return {part.name: part for part in parts}


@given(st.floats(1e-7, 1e3))
def test_the_present_rate_lies_within_its_range_and_first_in_its_grid(rate):
    part = rate_part(CNNClassifier(lr=rate))

    assert part.values.low < rate < part.values.high
    assert part.grid[0] == rate


@given(st.integers(1, 10_000))
def test_the_present_number_of_epochs_lies_within_its_range(epochs):
    values = epochs_part(CNNClassifier(max_epochs=epochs), "max_epochs").values

    assert 1 <= values.low <= epochs < values.high


def test_a_decay_of_zero_is_searched_above_it():
    part = decay_part(CNNClassifier(weight_decay=0))

    assert part.values.low > 0
    assert part.grid[0] == 0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_the_present_smoothing_lies_within_its_range(share):
    part = smoothing_part(TransferEstimator(label_smoothing=share))

    assert part.values.low <= share <= part.values.high
    assert part.grid[0] == share


def test_a_dropout_beyond_the_usual_stays_within_its_range():
    part = by_name(cnn_parts(CNNClassifier(dropout=0.8)))["dropout"]

    assert part.values.high == 0.8
    assert part.grid == (0.8, 0.0)


def test_depth_goes_one_to_either_side_and_is_at_least_one():
    ends = [
        by_name(cnn_parts(CNNClassifier(depth=depth)))["depth"].values for depth in (None, 1, 3)
    ]

    assert [(values.low, values.high) for values in ends] == [(1, 2), (1, 2), (2, 4)]


def test_a_rotation_beyond_the_usual_stays_within_its_range():
    part = by_name(augmenter_parts(ImageAugmenter(rotation=45, flip=True)))["rotation"]

    assert part.values.high == 45
    assert part.grid == (45.0, 0.0)


def test_the_present_flip_comes_first():
    assert by_name(augmenter_parts(ImageAugmenter(flip=True)))["flip"].grid == (True, False)


def test_arguments_of_a_module_that_are_set_are_where_the_search_begins():
    model = NeuralClassifier(MLP, module__dropout=0.2)

    assert by_name(neural_parts(model))["module__dropout"].grid[0] == 0.2


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (MLP, True),
        (lambda dropout: None, True),
        (lambda *, dropout=0.1: None, True),
        (lambda dropout, /: None, False),
        (lambda **dropout: None, False),
        (nn.Linear, False),
        (dict, False),
    ],
)
def test_an_argument_is_named_where_it_can_be_given_by_its_name(function, expected):
    assert is_named(function, "dropout") is expected


@given(st.sampled_from("abcd"), st.lists(st.sampled_from("abcd"), unique=True))
def test_the_present_value_comes_first_and_once(present, values):
    found = with_present(present, tuple(values))

    assert found[0] == present
    assert set(found) == {present, *values}
    assert len(found) == len(set(found))
