from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from skdeepopt.report._packing_display import PackingDisplay

NUMBERS = {
    "size_bytes": [2_500, 88_000],
    "scores": [0.98, 0.99],
    "targets": [2_600, None],
    "layer_bytes": {"2,600 bytes": {"head": 2_000.0}},
    "layer_bits": {"2,600 bytes": {"head": 0.5}},
}


pytestmark = pytest.mark.usefixtures("closed_figures")


def curve(axes):
    return axes.lines[0].get_xydata().tolist()


def test_a_display_draws_the_numbers_that_it_holds():
    display = PackingDisplay(**NUMBERS)

    plotted = display.plot()

    assert plotted is display
    assert curve(display.axes_[0]) == [[2.5, 0.98], [88.0, 0.99]]
    assert [axes.patches[0].get_width() for axes in display.axes_[1:]] == [2_000, 0.5]
    assert display.figure_ is display.axes_[2].figure


def test_a_display_can_be_drawn_again():
    display = PackingDisplay(**NUMBERS).plot()
    first = display.figure_

    display.plot()

    assert display.figure_ is not first
    assert curve(display.axes_[0]) == [[2.5, 0.98], [88.0, 0.99]]


def test_an_estimator_is_drawn_on_the_axes_given(make_packed):
    axes = Figure().subplots(1, 3)

    display = PackingDisplay.from_estimator(make_packed(), ax=axes)

    assert list(display.axes_) == list(axes)
    assert display.targets == [3_000, None]
    assert not plt.get_fignums()


def test_several_estimators_make_one_curve(make_packed):
    packed = [make_packed(target=size, sizes=(88_000, size)) for size in (3_000, 1_000)]

    display = PackingDisplay.from_estimators(packed)

    assert [x for x, _ in curve(display.axes_[0])] == [1.0, 3.0, 88.0]


def test_a_search_is_drawn_by_its_validation_scores(make_packed, make_target_search):
    search = make_target_search(make_packed(), [3_000, 1_000], [0.95, 0.9])

    display = PackingDisplay.from_estimator(search)

    assert curve(display.axes_[0]) == [[1.0, 90.0], [3.0, 95.0]]
    assert display.axes_[0].get_xlabel() == "model file asked for (KB)"


def test_bytes_stand_above_bits_and_beside_the_scores():
    axes = PackingDisplay(**NUMBERS).plot().axes_

    axes[0].figure.draw_without_rendering()
    scores, sizes, bits = [panel.get_position() for panel in axes]
    assert scores.x1 < sizes.x0
    assert bits.y1 < sizes.y0


@pytest.mark.parametrize("n_layers", [0, 1, 20])
def test_a_figure_grows_with_the_layers_and_no_further(make_packed, n_layers):
    few = PackingDisplay.from_estimator(make_packed(n_layers=n_layers))
    many = PackingDisplay.from_estimator(make_packed(n_layers=300))

    heights = [display.figure_.get_size_inches()[1] for display in (few, many)]
    assert 4 < heights[0] < heights[1] < 15


@pytest.mark.parametrize("ax", [1, [1, 2, 3], [None] * 4])
def test_something_else_than_three_axes_is_refused(ax):
    with pytest.raises(ValueError, match=r"plot\.ax is three axes, for the scores, the layers'"):
        PackingDisplay(**NUMBERS).plot(ax=ax)


@pytest.mark.parametrize(
    "change", [{"scores": [0.9]}, {"targets": []}, {"deviations": [0.1]}, {"size_bytes": []}]
)
def test_numbers_that_do_not_match_are_refused(change):
    with pytest.raises(ValueError, match="for each size of one or more networks"):
        PackingDisplay(**{**NUMBERS, **change})


def test_no_network_is_refused():
    empty: dict[str, list[float]] = {"size_bytes": [], "scores": [], "targets": []}

    with pytest.raises(ValueError, match="not 0, 0, 0 for 0"):
        PackingDisplay(**{**NUMBERS, **empty})


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"size_bytes are positive numbers"):
        PackingDisplay(**{**NUMBERS, "size_bytes": [size, 88_000]})


@pytest.mark.parametrize("name", ["layer_bytes", "layer_bits"])
def test_networks_of_different_layers_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} hold the same layers"):
        PackingDisplay(**{**NUMBERS, name: {"a": {"head": 1}, "b": {"tail": 1}}})


@pytest.mark.parametrize("chosen", [-1, 2, 2_600])
def test_a_place_that_is_none_is_refused(chosen):
    with pytest.raises(ValueError, match=r"chosen is a place from 0 to 1, not .*not its bytes"):
        PackingDisplay(**NUMBERS, chosen=chosen)


def test_arrays_will_do():
    arrays = {name: np.asarray(NUMBERS[name]) for name in ("size_bytes", "scores")}

    display = PackingDisplay(**{**NUMBERS, **arrays}).plot()

    assert curve(display.axes_[0]) == [[2.5, 0.98], [88.0, 0.99]]


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError, match="matplotlib"):
        PackingDisplay(**NUMBERS).plot()
