from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.meta._budget import held_out_rows, strongest

X = np.arange(120).reshape(60, 2)
Y = np.arange(60) % 3
WEIGHT = np.arange(60.0)


def searched(threshold, first):
    """What the search found, and all that it tried, where ratios up to `threshold` fit."""
    tried = []

    def attempt(ratio):
        tried.append(ratio)
        return len(tried), ratio <= threshold

    return strongest(attempt, first), tried


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.999))
def test_the_largest_ratio_tried_that_fits_is_found_and_none_that_does_not(threshold, first):
    found, tried = searched(threshold, first)

    fitting = [ratio for ratio in tried if ratio <= threshold]
    assert (None if found is None else found[0]) == max(fitting, default=None)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.999))
def test_the_result_is_that_of_the_ratio(threshold, first):
    found, tried = searched(threshold, first)

    assert found is None or tried[found[1] - 1] == found[0]


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.999))
def test_every_ratio_tried_is_a_ratio_and_another(threshold, first):
    _, tried = searched(threshold, first)

    assert tried[0] == pytest.approx(first)
    assert all(0 <= ratio < 1 for ratio in tried)
    assert len(set(tried)) == len(tried) <= 7


@settings(deadline=None)
@given(st.floats(0.55, 0.98))
def test_within_reach_of_the_first_the_share_kept_is_near_the_least_that_fits(threshold):
    found, _ = searched(threshold, 0.5)

    # Five halvings, one ratio that does not fit, and one bisection between the last two.
    assert (1 - found[0]) / (1 - threshold) <= math.sqrt(2) * (1 + 1e-9)


def test_where_nothing_fits_nothing_is_found():
    found, tried = searched(-1, 0.5)

    assert found is None
    assert tried[0] > tried[-1]


def pieces(X=X, y=Y, weight=WEIGHT, **options):
    return held_out_rows(X, y, weight, **{"seed": 0, "stratify": True} | options)


def test_every_sample_is_trained_on_or_held_out_and_keeps_its_target_and_weight():
    (X_train, y_train, weight), (X_unseen, y_unseen) = pieces()

    rows = X_train[:, 0] // 2
    assert sorted([*rows, *X_unseen[:, 0] // 2]) == list(range(60))
    np.testing.assert_array_equal(y_train, rows % 3)
    np.testing.assert_array_equal(y_unseen, X_unseen[:, 0] // 2 % 3)
    np.testing.assert_array_equal(weight, rows)


def test_a_fifth_is_held_out_in_the_proportion_of_the_labels():
    _, (_, y_unseen) = pieces()

    assert np.bincount(y_unseen).tolist() == [4, 4, 4]


def test_the_same_seed_holds_the_same_samples_out_and_another_others():
    first, again, other = (pieces(seed=seed)[1][0].tolist() for seed in (1, 1, 2))

    assert first == again != other


@pytest.mark.parametrize(
    "container",
    [list, torch.tensor, pd.DataFrame, np.asfortranarray],
    ids=lambda kind: kind.__name__,
)
def test_samples_come_in_any_container(container):
    (X_train, *_), (X_unseen, _) = pieces(container(X))
    expected = pieces()

    np.testing.assert_array_equal(np.asarray(X_train), expected[0][0])
    np.testing.assert_array_equal(np.asarray(X_unseen), expected[1][0])


def test_rows_of_a_series_are_counted_and_not_looked_up():
    index = range(100, 160)

    (_, y_train, weight), _ = pieces(y=pd.Series(Y, index), weight=pd.Series(WEIGHT, index))

    np.testing.assert_array_equal(y_train, np.asarray(weight) % 3)


@pytest.mark.parametrize("weight", [None, 2.0])
def test_no_weights_and_one_weight_for_all_stay_as_they_are(weight):
    assert pieces(weight=weight)[0][2] is weight


@pytest.mark.parametrize(
    "y", [[0] + [1] * 59, np.array([None, "a"] * 30, dtype=object)], ids=["rare", "no order"]
)
def test_labels_that_cannot_keep_their_proportion_are_held_out_all_the_same(y):
    assert len(pieces(y=y)[1][1]) == 12


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"y": None}, "requires y"),
        ({"y": Y[:30]}, r"\[60, 30"),
        ({"weight": WEIGHT[:30]}, r"\[60, 60, 30\]"),
    ],
    ids=["no y", "short y", "short weights"],
)
def test_lengths_that_differ_are_refused(arguments, told):
    with pytest.raises(ValueError, match=told):
        pieces(**arguments)
