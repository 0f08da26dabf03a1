from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from skdeepopt.search._pareto import nondominated, pareto_rows

NUMBERS = st.sampled_from([-np.inf, -1.5, 0.0, 1.0, 2.0, 1e308, np.inf, np.nan])
TABLES = arrays(
    float, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7), elements=NUMBERS
)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a >= b).all() and (a > b).any())


@given(TABLES)
def test_the_front_is_what_the_definition_says(values):
    expected = [
        not np.isnan(row).any() and not any(dominates(other, row) for other in values)
        for row in values
    ]

    assert nondominated(values).tolist() == expected


@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_changes_no_front(values, random):
    rows = random.sample(range(len(values)), len(values))
    columns = random.sample(range(values.shape[1]), values.shape[1])

    moved = nondominated(values[rows][:, columns])

    assert moved.tolist() == nondominated(values)[rows].tolist()


@given(TABLES)
def test_where_there_is_a_whole_row_there_is_a_front(values):
    whole = ~np.isnan(values).any(axis=1)

    assert nondominated(values).any() == whole.any()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_of_one_column_the_front_is_all_that_is_best(column):
    front = nondominated(np.array(column)[:, None])

    assert front.tolist() == [value == max(column) for value in column]


def test_no_row_has_no_front():
    assert nondominated(np.empty((0, 2))).tolist() == []


@pytest.mark.parametrize("values", [[1.0, 2.0], np.zeros((2, 0)), np.zeros((1, 1, 1))])
def test_values_of_another_shape_are_refused(values):
    with pytest.raises(ValueError, match=r"shape \(n, k\)"):
        nondominated(values)


RESULTS = {
    "mean_test_accuracy": np.array([0.8, 0.9, 0.7, 0.9, np.nan, 0.85]),
    "mean_test_neg_model_bytes": np.array([-5.0, -9.0, -7.0, -8.0, -1.0, -6.0]),
    "rank_test_accuracy": np.arange(6),
}


def test_rows_come_with_the_best_of_the_first_metric_first():
    assert pareto_rows(RESULTS, ["accuracy", "neg_model_bytes"]) == [3, 5, 0]
    assert pareto_rows(RESULTS, ["neg_model_bytes", "accuracy"]) == [0, 5, 3]


def test_of_one_metric_the_best_rows_are_the_front():
    assert pareto_rows(RESULTS, ["accuracy"]) == [1, 3]


def test_a_metric_that_the_search_lacks_is_refused_with_those_it_has():
    with pytest.raises(
        ValueError, match=r"'accuracy', 'neg_model_bytes', not 'acuracy'.*'accuracy'\?"
    ):
        pareto_rows(RESULTS, ["acuracy"])


@pytest.mark.parametrize("metrics", ["accuracy", []])
def test_metrics_are_a_list(metrics):
    with pytest.raises(ValueError, match="list of at least one"):
        pareto_rows(RESULTS, metrics)
