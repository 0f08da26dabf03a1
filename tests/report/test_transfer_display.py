from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skdeepopt.report._transfer_display import TransferDisplay

NUMBERS = {
    "labels_per_class": [1, 5],
    "scores": {"transferred": [[0.8, 0.9], [0.9, 0.9]], "from scratch": [[0.5], [0.75]]},
}


pytestmark = pytest.mark.usefixtures("closed_figures")


def curves(axes):
    return {
        line.get_label(): line.get_xydata().round(9).tolist()
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_a_display_draws_the_means_of_the_numbers_that_it_holds():
    display = TransferDisplay(**NUMBERS)

    plotted = display.plot()

    assert plotted is display
    assert display.figure_ is display.ax_.figure
    assert curves(display.ax_) == {
        "transferred": [[1, 0.85], [5, 0.9]],
        "from scratch": [[1, 0.5], [5, 0.75]],
    }


def test_a_display_can_be_drawn_again():
    display = TransferDisplay(**NUMBERS).plot()
    first = display.figure_

    display.plot()

    assert display.figure_ is not first
    assert len(curves(display.ax_)) == 2


def test_estimators_are_fitted_and_drawn_on_the_axes_given():
    X, y = load_iris(return_X_y=True)
    axes = Figure().subplots()
    estimators = {"bayes": GaussianNB(), "linear": LogisticRegression(max_iter=1000)}

    display = TransferDisplay.from_estimators(
        estimators, X, y, labels_per_class=(2, 10), random_state=0, ax=axes
    )

    assert display.ax_ is axes
    assert list(curves(axes)) == ["bayes", "linear"]
    assert {name: scores.shape for name, scores in display.scores.items()} == {
        "bayes": (2, 3),
        "linear": (2, 3),
    }
    assert axes.get_ylabel() == "accuracy (%)\non held-out data"
    assert not plt.get_fignums()


def test_a_class_with_too_few_labels_is_told_with_the_method():
    X, y = load_iris(return_X_y=True)

    with pytest.raises(ValueError, match=r"TransferDisplay\.from_estimators\.labels_per_class is"):
        TransferDisplay.from_estimators({"b": GaussianNB()}, X, y)


@pytest.mark.parametrize("ax", [1, [1], Figure().subplots(1, 2)])
def test_something_else_than_one_axes_is_refused(ax):
    with pytest.raises(ValueError, match=r"TransferDisplay\.plot\.ax is one matplotlib Axes"):
        TransferDisplay(**NUMBERS).plot(ax=ax)


@pytest.mark.parametrize("counts", [[], [0, 5], [5, 1], [1, 1], [[1, 5]], 5])
def test_counts_that_do_not_ascend_from_one_are_refused(counts):
    with pytest.raises(ValueError, match=r"labels_per_class is one or more positive numbers"):
        TransferDisplay(**{**NUMBERS, "labels_per_class": counts})


@pytest.mark.parametrize("values", [[0.5, 0.9], [[0.5]], [[], []], [[[0.5]], [[0.9]]]])
def test_scores_of_another_shape_are_refused_by_name(values):
    with pytest.raises(ValueError, match=r"scores\['net'\] has the shape \(2, n_repeats\)"):
        TransferDisplay(labels_per_class=[1, 5], scores={"net": values})


def test_no_curve_is_refused():
    with pytest.raises(ValueError, match="one or more estimators, not none"):
        TransferDisplay(labels_per_class=[1], scores={})


def test_arrays_will_do():
    arrays = {name: np.asarray(rows) for name, rows in NUMBERS["scores"].items()}

    display = TransferDisplay(labels_per_class=np.array([1, 5]), scores=arrays).plot()

    assert curves(display.ax_)["transferred"] == [[1, 0.85], [5, 0.9]]


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError, match="matplotlib"):
        TransferDisplay(**NUMBERS).plot()
