from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.auto._split import FEWEST, divided

OPTIONS = {"seed": 0, "stratify": True, "owner": "test"}


def rows_of(part):
    return {tuple(row) for row in np.asarray(part.X).tolist()}


@given(st.integers(2, 60), st.integers(1, 4), st.floats(0.05, 0.5), st.integers(0, 9))
def test_no_sample_that_is_chosen_by_is_trained_on(n_samples, n_kinds, fraction, seed):
    X = np.random.default_rng(seed).integers(0, 9, (n_samples, 2)).astype(float)
    y = X.sum(axis=1) % n_kinds

    parts = divided(X, y, None, fraction, **{**OPTIONS, "seed": seed})

    together = rows_of(parts.training) | rows_of(parts.validation)
    assert together == {tuple(row) for row in X.tolist()}
    assert not parts.is_held_out or not rows_of(parts.training) & rows_of(parts.validation)
    assert sorted(parts.order) == list(range(parts.training.n_samples))


@given(st.permutations(range(40)))
def test_the_order_of_the_samples_does_not_matter(order):
    X, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 3

    parts = divided(X, y, None, 0.2, **OPTIONS)
    shuffled = divided(X[order], y[order], None, 0.2, **OPTIONS)

    assert rows_of(shuffled.validation) == rows_of(parts.validation)
    np.testing.assert_array_equal(
        shuffled.training.X[shuffled.order], parts.training.X[parts.order]
    )


def test_a_weight_is_as_good_as_repeating_a_sample():
    X, y, weight = np.arange(80.0).reshape(40, 2), np.arange(40) % 3, np.arange(40) % 4

    weighted = divided(X, y, weight, 0.2, **OPTIONS)
    repeated = divided(np.repeat(X, weight, 0), np.repeat(y, weight), None, 0.2, **OPTIONS)

    assert rows_of(weighted.validation) == rows_of(repeated.validation)
    assert weighted.validation.sample_weight.sum() == repeated.validation.n_samples


def test_each_label_is_held_out_by_its_share_and_the_last_of_one_is_kept():
    X = np.arange(200.0).reshape(100, 2)
    y = np.array(["a"] * 60 + ["b"] * 39 + ["c"])

    parts = divided(X, y, None, 0.2, **OPTIONS)

    labels, counts = np.unique(parts.validation.y, return_counts=True)
    assert dict(zip(labels, counts, strict=True)) == {"a": 12, "b": 8}
    assert "c" in parts.training.y


def test_too_few_different_samples_are_not_divided():
    X = np.repeat(np.arange(2.0 * (FEWEST - 1)).reshape(-1, 2), 5, axis=0)

    parts = divided(X, np.arange(len(X)) % 2, None, 0.2, **OPTIONS)

    assert parts.training is parts.validation
    assert not parts.is_held_out
    assert parts.training.n_samples == len(X)


@pytest.mark.parametrize(
    "kind",
    [
        list,
        torch.from_numpy,
        lambda X: pd.DataFrame(X, columns=list("ab")),
        lambda X: X.reshape(-1, 1, 2),
    ],
    ids=["list", "tensor", "frame", "images"],
)
def test_data_of_all_kinds_are_divided_alike(kind):
    X, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 3
    expected = divided(X, y, None, 0.2, **OPTIONS)

    parts = divided(kind(X), y, None, 0.2, **OPTIONS)

    np.testing.assert_array_equal(
        np.asarray(parts.validation.X).reshape(-1, 2), expected.validation.X
    )
    assert len(parts.validation.first()) == 1


def test_columns_of_a_frame_are_kept():
    frame = pd.DataFrame(np.arange(80.0).reshape(40, 2), columns=["left", "right"])

    parts = divided(frame, np.arange(40.0), None, 0.2, **{**OPTIONS, "stratify": False})

    assert list(parts.training.X.columns) == ["left", "right"]
    assert parts.validation.n_samples == 8


@given(st.integers(20, 90), st.integers(1, 4), st.floats(0.05, 0.5), st.integers(0, 9))
def test_no_sample_is_held_out_in_two_folds_or_trained_on_in_its_own(n, n_kinds, fraction, seed):
    X = np.random.default_rng(seed).integers(0, 9, (n, 2)).astype(float)
    y = X.sum(axis=1) % n_kinds

    parts = divided(X, y, None, fraction, **{**OPTIONS, "seed": seed})

    assert parts.folds[0] == (parts.training, parts.validation)
    held = [row for _, unseen in parts.folds for row in rows_of(unseen)]
    if parts.is_held_out:
        assert len(held) == len(set(held))
        assert not any(rows_of(seen) & rows_of(unseen) for seen, unseen in parts.folds)
    for seen, unseen in parts.folds:
        assert rows_of(seen) | rows_of(unseen) == rows_of(parts.whole)


@pytest.mark.parametrize(
    ("n_samples", "fraction", "n_folds"),
    [(9, 0.2, 1), (60, 0.2, 3), (60, 0.5, 2), (60, 0.9, 1), (4_000, 0.2, 2), (6_000, 0.2, 1)],
)
def test_folds_are_added_until_enough_is_held_out(n_samples, fraction, n_folds):
    X = np.arange(float(n_samples))[:, None]

    parts = divided(X, X[:, 0], None, fraction, **{**OPTIONS, "stratify": False})
    one = divided(X, X[:, 0], None, fraction, **{**OPTIONS, "stratify": False}, is_folded=False)

    assert len(parts.folds) == n_folds
    assert len(one.folds) == 1
    assert rows_of(one.validation) == rows_of(parts.validation)
