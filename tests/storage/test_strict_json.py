import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._limits import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES
from skdeepopt.storage._strict_json import check_extent, parse_json, write_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value):
    found = parse_json(write_json(value).encode())

    assert found == value
    assert repr(found) == repr(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(text):
    with contextlib.suppress(ModelFileError):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b"[NaN]", "NaN in its JSON"),
        (b"[-Infinity]", "-Infinity in its JSON"),
        (b"[1e999]", "no float64 can hold"),
        (b"[" + b"9" * 5000 + b"]", "5000 digits"),
        (b"[1", "not valid JSON"),
        (b"", "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        (b'"\\', "not valid JSON"),
    ],
)
def test_what_json_leaves_open_is_refused(text, reason):
    with pytest.raises(ModelFileError, match=reason):
        parse_json(text)


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_whatever_the_recursion_limit(bracket):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(ModelFileError, match="200,000 levels deep"):
            parse_json(bracket * 200_000)
    finally:
        sys.setrecursionlimit(limit)


def test_the_deepest_text_allowed_is_read():
    value = parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)

    assert isinstance(value, list)


def test_brackets_inside_text_are_no_nesting():
    text = write_json("[{" * 1000 + '"\\' * 1000)

    assert parse_json(text.encode()) == "[{" * 1000 + '"\\' * 1000


@pytest.mark.parametrize("item", [b"1,", b'"",'])
def test_too_many_values_are_refused_before_they_are_parsed(item):
    with pytest.raises(ModelFileError, match="values; at most"):
        check_extent(b"[" + item * (MAX_VALUES + 1))


def test_too_many_lists_are_refused_before_they_are_parsed():
    with pytest.raises(ModelFileError, match="lists and objects; at most"):
        check_extent(b"[" + b"[]," * MAX_CONTAINERS)


@pytest.mark.parametrize("text", [b'"' * 10**6, b'\\"' * 10**6, b'"' + b'\\"' * 10**6])
def test_hostile_quotes_take_linear_time(text):
    check_extent(text)
