from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from skdeepopt.report._quantization_display import QuantizationDisplay

NUMBERS = {
    "bits": [4, 8, 32],
    "schemes": ["int4", "int8", "float32"],
    "scores": [0.97, 0.98, 0.99],
    "size_bytes": [130, 260, 1000],
    "errors": {"int4": {"head": 0.1}, "int8": {"head": 0.006}},
}


pytestmark = pytest.mark.usefixtures("closed_figures")


def curve(axes):
    return axes.lines[0].get_xydata().tolist()


def test_a_display_draws_the_numbers_that_it_holds():
    display = QuantizationDisplay(**NUMBERS)

    plotted = display.plot()

    assert plotted is display
    assert curve(display.axes_[0]) == [[4, 0.97], [8, 0.98]]
    assert curve(display.axes_[1]) == [[4, 0.13], [8, 0.26]]
    assert display.figure_ is display.axes_[2].figure


def test_a_display_can_be_drawn_again():
    display = QuantizationDisplay(**NUMBERS).plot()
    first = display.figure_

    display.plot()

    assert display.figure_ is not first
    assert curve(display.axes_[0]) == [[4, 0.97], [8, 0.98]]


def test_an_estimator_is_drawn_on_the_axes_given(make_quantized):
    axes = Figure().subplots(1, 3)

    display = QuantizationDisplay.from_estimator(make_quantized(), ax=axes)

    assert list(display.axes_) == list(axes)
    assert display.bits == [8, 32]
    assert not plt.get_fignums()


def test_several_estimators_make_one_curve(make_quantized):
    quantized = [make_quantized(scheme=scheme) for scheme in ("int8", "int4")]

    display = QuantizationDisplay.from_estimators(quantized)

    assert curve(display.axes_[0]) == [[4, 98], [8, 98]]


def test_a_search_is_drawn_by_its_validation_scores(make_quantized, make_scheme_search):
    search = make_scheme_search(make_quantized(scheme="int4"), ["int4", "int8"], [0.9, 0.95])

    display = QuantizationDisplay.from_estimator(search)

    assert curve(display.axes_[0]) == [[4, 90], [8, 95]]
    assert curve(display.axes_[1]) == [[4, 26]]


@pytest.mark.parametrize("n_layers", [0, 1, 30])
def test_a_figure_grows_with_the_layers_and_no_further(make_quantized, n_layers):
    few = QuantizationDisplay.from_estimator(make_quantized(n_layers=n_layers))
    many = QuantizationDisplay.from_estimator(make_quantized(n_layers=500))

    heights = [display.figure_.get_size_inches()[1] for display in (few, many)]
    assert 4 < heights[0] < heights[1] < 15


@pytest.mark.parametrize("ax", [Figure().subplots(1, 2), [1, 2, 3]])
def test_something_else_than_three_axes_is_refused(ax):
    with pytest.raises(ValueError, match=r"QuantizationDisplay\.plot\.ax is three axes"):
        QuantizationDisplay(**NUMBERS).plot(ax=ax)


@pytest.mark.parametrize(
    "change",
    [{"scores": [0.9]}, {"size_bytes": []}, {"deviations": [0.1]}, {"bits": []}, {"schemes": []}],
)
def test_numbers_that_do_not_match_are_refused(change):
    with pytest.raises(ValueError, match="for each of one or more networks"):
        QuantizationDisplay(**{**NUMBERS, **change})


@pytest.mark.parametrize("bits", [0, -1, float("nan"), float("inf")])
def test_bits_that_are_no_positive_number_are_refused(bits):
    with pytest.raises(ValueError, match="bits are positive numbers"):
        QuantizationDisplay(**{**NUMBERS, "bits": [4, 8, bits]})


def test_an_unknown_scheme_is_refused_with_the_likely_one():
    with pytest.raises(ValueError, match=r"schemes is .* Did you mean 'int8'"):
        QuantizationDisplay(**{**NUMBERS, "schemes": ["int4", "INT8", "float32"]})


def test_networks_of_different_layers_are_refused():
    errors = {"int4": {"head": 0.1}, "int8": {"tail": 0.1}}

    with pytest.raises(ValueError, match="the same layers for each network"):
        QuantizationDisplay(**{**NUMBERS, "errors": errors})


@pytest.mark.parametrize("chosen", [-1, 3, 8])
def test_a_choice_that_is_no_place_is_refused(chosen):
    with pytest.raises(ValueError, match="chosen is a place from 0 to 2"):
        QuantizationDisplay(**NUMBERS, chosen=chosen)


def test_arrays_will_do():
    arrays = {name: np.asarray(NUMBERS[name]) for name in ("bits", "schemes", "scores")}

    display = QuantizationDisplay(**{**NUMBERS, **arrays}).plot()

    assert curve(display.axes_[0]) == [[4, 0.97], [8, 0.98]]


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError, match="matplotlib"):
        QuantizationDisplay(**NUMBERS).plot()
