from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.journal._lines import as_line, as_plain, from_line

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(), PLAIN))
def test_a_record_comes_back_exactly(record):
    line = as_line(record)

    assert from_line(line) == record
    assert line.count(b"\n") == 1


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(), PLAIN), st.data())
def test_no_changed_byte_goes_unseen(record, data):
    line = bytearray(as_line(record)[:-1])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 127))

    with pytest.raises(ValueError, match=r"checksum|codec"):
        from_line(bytes(line))


def test_a_line_is_json_for_other_readers():
    assert json.loads(as_line({"key": "12"})).keys() == {"key", "check"}


def test_numpy_and_tuples_become_plain():
    plain = as_plain({"a": np.float32(0.5), "b": np.arange(2), "c": (1, np.bool_(True))})

    assert plain == {"a": 0.5, "b": [0, 1], "c": [1, True]}


def test_nan_and_infinity_stay():
    record = from_line(as_line({"a": math.nan, "b": -math.inf}))

    assert math.isnan(record["a"])
    assert record["b"] == -math.inf


def test_what_json_does_not_know_is_refused():
    with pytest.raises(TypeError, match="JSON values and numpy numbers, not set"):
        as_line({"a": {1}})
