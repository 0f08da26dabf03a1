from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.datasets._few_labels import few_labels

LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=30).map(
    lambda few: few + [*"abc"] * 4
)
COUNTS = st.lists(st.integers(1, 4), min_size=1, max_size=4)
SEEDS = st.integers(0, 2**31 - 1)


@given(LABELS, COUNTS, SEEDS)
def test_each_draw_holds_as_many_rows_of_each_class_as_asked_for(y, counts, seed):
    draws = few_labels(y, counts, seed=seed)

    drawn = [sorted(np.asarray(y)[rows]) for rows in draws]
    assert drawn == [sorted([*"abc"] * count) for count in counts]
    assert all(len(set(rows)) == len(rows) for rows in draws)


@given(LABELS, SEEDS)
def test_a_larger_draw_holds_the_smaller_ones(y, seed):
    few, more, most = few_labels(y, [1, 2, 4], seed=seed)

    assert set(few) < set(more) < set(most)


@given(LABELS, COUNTS, SEEDS)
def test_what_the_classes_are_called_changes_no_draw(y, counts, seed):
    renamed = ["abc".index(label) for label in y]

    draws = few_labels(y, counts, seed=seed)

    assert [d.tolist() for d in draws] == [
        d.tolist() for d in few_labels(renamed, counts, seed=seed)
    ]


def test_another_seed_draws_other_rows():
    y = np.repeat([0, 1], 500)

    draws = [few_labels(y, [5], seed=seed)[0].tolist() for seed in (0, 0, 1)]

    assert draws[0] == draws[1] != draws[2]


def test_a_class_with_too_few_rows_is_named():
    with pytest.raises(ValueError, match=r"few_labels\.labels_per_class .* 2 rows .* 'b' .* not 3"):
        few_labels(["a", "a", "a", "b", "b"], [1, 3], seed=0)
