from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skdeepopt.report._layer_rows import draw_bars, draw_dots, frame_layers, short_names


@pytest.fixture
def axes():
    return Figure(figsize=(5, 3)).subplots()


@given(st.lists(st.text("ab.", min_size=1, max_size=60), unique=True, max_size=8))
def test_shortened_names_are_still_told_apart(names):
    assert len(set(short_names(names))) == len(names)


@given(st.text("abc", max_size=24))
def test_a_short_name_stays_as_it_is(name):
    assert short_names([name]) == [name]


def test_a_long_name_is_cut_from_the_left():
    assert short_names(["network.stages.0.blocks.1.conv"], 20) == ["…0.blocks.1.conv"]


def test_a_note_stands_beside_a_name(axes):
    frame_layers(axes, ["features.0", "head"], ["int8", "float32"])

    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["features.0 (int8)", "head (float32)"]


def test_rows_too_narrow_for_their_numbers_have_none(axes):
    draw_bars(axes, [10.0] * 200, frame_layers(axes, [f"layer{n}" for n in range(200)]))

    assert len(axes.patches) == 200
    assert not axes.texts


def test_a_dot_without_a_number_is_left_out(axes):
    draw_dots(axes, ["a", "b"], [[1.0, float("nan")], [2.0, 4.0]], title="network")

    drawn = [segment.tolist() for segment in axes.collections[0].get_segments()]
    assert drawn == [[[1, 0], [2, 0]], [[4, 1], [4, 1]]]
