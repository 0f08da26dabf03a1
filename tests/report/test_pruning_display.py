from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from skdeepopt.report._pruning_display import PruningDisplay

NUMBERS = {
    "ratios": [0.0, 0.5],
    "scores": [0.99, 0.98],
    "size_bytes": [1000, 600],
    "kept_shares": {0.5: {"head": 0.5}},
}


pytestmark = pytest.mark.usefixtures("closed_figures")


def curve(axes):
    return axes.lines[0].get_xydata().tolist()


def test_a_display_draws_the_numbers_that_it_holds():
    display = PruningDisplay(**NUMBERS)

    plotted = display.plot()

    assert plotted is display
    assert curve(display.axes_[0]) == [[0.0, 0.99], [0.5, 0.98]]
    assert curve(display.axes_[1]) == [[0.0, 1.0], [0.5, 0.6]]
    assert display.figure_ is display.axes_[2].figure


def test_a_display_can_be_drawn_again():
    display = PruningDisplay(**NUMBERS).plot()
    first = display.figure_

    display.plot()

    assert display.figure_ is not first
    assert curve(display.axes_[0]) == [[0.0, 0.99], [0.5, 0.98]]


def test_an_estimator_is_drawn_on_the_axes_given(make_report, make_pruned):
    axes = Figure().subplots(1, 3)

    display = PruningDisplay.from_estimator(make_pruned(make_report(0.75)), ax=axes)

    assert list(display.axes_) == list(axes)
    assert display.ratios == [0.0, 0.75]
    assert not plt.get_fignums()


def test_several_estimators_make_one_curve(make_report, make_pruned):
    pruned = [make_pruned(make_report(ratio)) for ratio in (0.5, 0.25)]

    display = PruningDisplay.from_estimators(pruned)

    assert [x for x, _ in curve(display.axes_[0])] == [0.0, 0.25, 0.5]


def test_a_search_is_drawn_by_its_validation_scores(make_report, make_search):
    search = make_search(make_report(0.5), [0.5, 0.25], [0.9, 0.95])

    display = PruningDisplay.from_estimator(search)

    assert curve(display.axes_[0]) == [[0.25, 95.0], [0.5, 90.0]]
    assert curve(display.axes_[1]) == [[0.0, 100.0], [0.5, 40.0]]


@pytest.mark.parametrize("n_layers", [0, 1, 30])
def test_a_figure_grows_with_the_layers_and_no_further(make_report, make_pruned, n_layers):
    few = PruningDisplay.from_estimator(make_pruned(make_report(n_layers=n_layers)))
    many = PruningDisplay.from_estimator(make_pruned(make_report(n_layers=500)))

    heights = [display.figure_.get_size_inches()[1] for display in (few, many)]
    assert 4 < heights[0] < heights[1] < 15


@pytest.mark.parametrize("n_axes", [1, 2, 4])
def test_another_number_of_axes_is_refused(n_axes):
    axes = Figure().subplots(1, n_axes)

    with pytest.raises(ValueError, match=r"plot\.ax is three axes"):
        PruningDisplay(**NUMBERS).plot(ax=axes)


def test_something_else_than_axes_is_refused():
    with pytest.raises(ValueError, match=r"plot\.ax is three axes"):
        PruningDisplay(**NUMBERS).plot(ax=[1, 2, 3])


@pytest.mark.parametrize(
    "change", [{"scores": [0.9]}, {"size_bytes": []}, {"deviations": [0.1]}, {"ratios": []}]
)
def test_numbers_that_do_not_match_are_refused(change):
    with pytest.raises(ValueError, match="for each of one or more ratios"):
        PruningDisplay(**{**NUMBERS, **change})


def test_no_ratio_is_refused():
    with pytest.raises(ValueError, match="not 0, 0 and 0 for 0"):
        PruningDisplay(ratios=[], scores=[], size_bytes=[], kept_shares={})


def test_arrays_will_do():
    arrays = {name: np.asarray(NUMBERS[name]) for name in ("ratios", "scores", "size_bytes")}

    display = PruningDisplay(**{**NUMBERS, **arrays}).plot()

    assert curve(display.axes_[0]) == [[0.0, 0.99], [0.5, 0.98]]


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError, match="matplotlib"):
        PruningDisplay(**NUMBERS).plot()
