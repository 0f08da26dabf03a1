from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.pruning._patterns import parse_pattern, pattern_mask

PATTERNS = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda p: (p[0], p[0] + p[1]))


@settings(deadline=None)
@given(PATTERNS)
def test_a_pattern_is_read_as_it_is_written(pattern):
    n, m = pattern

    assert parse_pattern(f"{n}:{m}") == pattern


@pytest.mark.parametrize(
    ("pattern", "slip"),
    [
        ("4:2", "2:4"),
        ("2:0", "2:4"),
        ("0:4", "2:4"),
        ("4:4", "2:4"),
        ("a:b", "2:4"),
        ("2/4", "2:4"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, slip):
    with pytest.raises(ValueError, match=f"not '{pattern}'. Did you mean '{slip}'"):
        parse_pattern(pattern)


def test_a_pair_of_numbers_is_a_type_error():
    with pytest.raises(TypeError, match=r"not \(2, 4\)"):
        parse_pattern((2, 4))


@settings(deadline=None)
@given(PATTERNS, st.integers(1, 5), st.integers(1, 13))
def test_every_group_keeps_its_highest_and_no_more_than_n(pattern, n_rows, length):
    n, m = pattern
    scores = torch.rand(n_rows, length)

    kept = pattern_mask(scores, n, m)

    groups = zip(scores.split(m, 1), kept.split(m, 1), strict=True)
    assert all(
        torch.equal(part.sum(1), torch.full((n_rows,), min(n, part.shape[1])))
        and torch.equal(values[part].min(), values.topk(min(n, part.shape[1]), 1).values.min())
        for values, part in groups
    )


def test_rows_of_a_convolution_are_its_outputs():
    scores = torch.arange(16.0).view(2, 2, 2, 2)

    kept = pattern_mask(scores, 2, 4)

    assert kept.view(2, 8).int().tolist() == [[0, 0, 1, 1, 0, 0, 1, 1]] * 2


def test_groups_of_equals_keep_n_and_no_padding():
    kept = pattern_mask(torch.full((1, 6), -torch.inf), 2, 4)

    assert kept.int().tolist() == [[1, 1, 0, 0, 1, 1]]
