from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skdeepopt.report._transfer_display import TransferDisplay
from skdeepopt.report._transfer_panels import draw_scores


def drawn(scores, counts=(1, 5, 20), name="accuracy on held-out data"):
    axes = Figure().subplots()
    draw_scores(axes, TransferDisplay(labels_per_class=counts, scores=scores, score_name=name))
    return axes


def heights_in_view(axes, values):
    pixels = axes.transData.transform([(5, value) for value in values])[:, 1]
    return axes.transAxes.inverted().transform([(0, pixel) for pixel in pixels])[:, 1]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_every_mean_is_in_view_and_a_higher_one_is_no_lower(one, two):
    axes = drawn({"one": [[score] for score in one], "two": [[score] for score in two]})

    ascending = sorted(100 * score for score in (*one, *two))
    heights = heights_in_view(axes, ascending)
    assert heights.min() >= -1e-9
    assert heights.max() <= 1 + 1e-9
    assert all(low <= high + 1e-9 for low, high in itertools.pairwise(heights))


def test_where_errors_are_far_apart_equal_steps_divide_them():
    axes = drawn({"net": [[0.6], [0.9], [0.99]]})

    heights = heights_in_view(axes, [84, 92, 96])
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=0.1)
    assert axes.get_yscale() == "function"


def test_where_errors_are_alike_the_axis_is_linear():
    assert drawn({"net": [[0.80], [0.82], [0.9]]}).get_yscale() == "linear"


def test_a_faultless_estimator_is_drawn_at_100():
    axes = drawn({"net": [[0.6], [0.9], [1.0]]})

    axes.figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[-1] == "100"
    assert 0 < heights_in_view(axes, [100])[0] < 1


def test_other_scores_are_drawn_as_they_are():
    axes = drawn({"net": [[-3.0], [-1.0], [0.5]]}, name="log likelihood on test data")

    assert axes.lines[0].get_ydata().tolist() == [-3.0, -1.0, 0.5]
    assert axes.get_ylabel() == "log likelihood\non test data"
    assert axes.get_yscale() == "linear"


def test_the_ticks_are_the_numbers_of_labels():
    axes = drawn({"net": [[0.6], [0.9], [0.99]]})

    axes.figure.draw_without_rendering()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "5", "20"]


def test_many_numbers_of_labels_leave_out_some_ticks():
    counts = tuple(range(1, 41))
    axes = drawn({"net": [[0.6]] * 40}, counts=counts)

    axes.figure.draw_without_rendering()
    assert 2 <= sum(bool(label.get_text()) for label in axes.get_xticklabels()) < 20


def test_one_number_of_labels_stands_in_the_middle():
    axes = drawn({"net": [[0.6]]}, counts=(5,))

    low, high = axes.get_xlim()
    assert low * high == pytest.approx(25)


def test_one_draw_has_no_bar_and_several_have():
    one, several = (drawn({"net": [[0.6] * n + [0.7]] * 3}) for n in (0, 2))

    assert [len(axes.collections) for axes in (one, several)] == [0, 1]


def test_the_legend_names_the_curves_in_their_order():
    axes = drawn({name: [[0.5], [0.6], [0.7]] for name in "cab"})

    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["c", "a", "b"]
    assert len({line.get_color() for line in axes.lines[:3]}) == 3
