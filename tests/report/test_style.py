from __future__ import annotations

from matplotlib.figure import Figure

from skdeepopt.report._style import COLOURS, open_axes, percent_axis


def test_no_accuracy_above_a_hundred_percent_is_labelled():
    axes = Figure().subplots()
    axes.plot([0, 1], [99.0, 100.0])

    percent_axis(axes)

    format_ = axes.yaxis.get_major_formatter()
    assert [format_(height) for height in (97.5, 100.0, 100.5)] == ["97.5", "100", ""]


def test_open_axes_have_no_frame_above_or_to_the_right():
    axes = Figure().subplots()

    open_axes(axes)

    shown = {side for side, spine in axes.spines.items() if spine.get_visible()}
    assert shown == {"left", "bottom"}


def test_no_two_colours_are_the_same():
    assert len(set(COLOURS)) == len(COLOURS)
