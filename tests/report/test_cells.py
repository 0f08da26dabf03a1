from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.measurement._record import Measurement
from skdeepopt.report._cells import Cell

numbers = st.floats(-1e9, 1e9)
names = st.text("abcdefgh_", min_size=1, max_size=8)
figures = st.builds(
    lambda value, low, high, n: Measurement(value, "ms", (min(low, high), max(low, high)), "x", n),
    numbers,
    numbers,
    numbers,
    st.integers(1, 10**6),
)


@given(st.dictionaries(names, figures, max_size=4), figures, st.integers(0, 99))
def test_a_cell_survives_json(others, accuracy, seed):
    cell = Cell("grid search", seed, {**others, "accuracy": accuracy}, "model", {"lr": 0.1})

    assert Cell.from_plain(json.loads(json.dumps(cell.to_plain()))) == cell


@pytest.mark.parametrize(
    ("change", "message"),
    [({"technique": ""}, "technique"), ({"seed": -1}, "at least 0"), ({"figures": {}}, "accuracy")],
)
def test_an_impossible_cell_is_refused(change, message):
    parts = {"technique": "baseline", "seed": 0, "model": "m"}
    parts["figures"] = {"accuracy": Measurement(0.9, "ratio", (0.8, 1.0), "x", 10)}

    with pytest.raises(ValueError, match=message):
        Cell(**{**parts, **change})
