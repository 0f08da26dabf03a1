from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.workers._frames import read_frame, write_frame


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary()))
def test_messages_come_back_one_by_one(messages):
    pipe = io.BytesIO()
    for message in messages:
        write_frame(pipe, message)
    pipe.seek(0)

    assert [read_frame(pipe) for _ in messages] == messages
    assert read_frame(pipe) is None


@pytest.mark.parametrize("length", range(11))
def test_a_message_that_is_cut_is_none(length):
    pipe = io.BytesIO()
    write_frame(pipe, b"abc")

    assert read_frame(io.BytesIO(pipe.getvalue()[:length])) is None
