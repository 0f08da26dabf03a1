from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skdeepopt.report._panels import frame_sizes, note_chosen, size_unit, three_axes

SIZES = st.lists(st.none() | st.floats(1, 1e12), max_size=5)


@pytest.fixture
def axes():
    return Figure(figsize=(5, 3)).subplots()


@given(SIZES)
def test_the_largest_size_has_few_digits_before_the_point_or_is_in_megabytes(sizes):
    unit, scale = size_unit(sizes)

    largest = max((size for size in sizes if size is not None), default=0.0)
    assert (unit, scale) in (("KB", 1e-3), ("MB", 1e-6))
    assert unit == "MB" or scale * largest < 10_000


def test_the_largest_size_leaves_room_above_it(axes):
    frame_sizes(axes, [10.0, None, 100.0], "KB")

    assert axes.get_ylim() == (0, pytest.approx(115))


@pytest.mark.parametrize(
    ("room", "place", "side"),
    [
        ("left", 0.1, "left"),
        ("left", 0.5, "right"),
        ("right", 0.5, "left"),
        ("right", 0.9, "right"),
    ],
)
def test_the_chosen_network_is_named_where_there_is_room(axes, room, place, side):
    note_chosen(axes, place, "it", room=room)

    assert [text.get_text() for text in axes.texts] == ["chosen: it"]
    assert axes.texts[0].get_horizontalalignment() == side


@pytest.mark.parametrize("ax", [[], [None] * 3, "axes"])
def test_what_is_no_three_axes_is_refused_by_its_owner(ax):
    with pytest.raises(ValueError, match=r"Display\.plot\.ax is three axes"):
        three_axes(ax, n_layers=1, owner="Display")
