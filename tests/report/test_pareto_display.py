from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skdeepopt.measurement._scorers import register_scorers
from skdeepopt.report._pareto_display import ParetoDisplay
from skdeepopt.search._within import smallest_within

register_scorers()

NUMBERS = {
    "costs": [90_000, 20_000, 30_000, 5_000],
    "scores": [0.98, 0.97, 0.95, np.nan],
    "cost_name": "file_bytes",
    "score_name": "accuracy",
}

pytestmark = pytest.mark.usefixtures("closed_figures")


def test_the_front_is_what_no_other_beats_in_both():
    display = ParetoDisplay(**NUMBERS)

    assert display.on_front.tolist() == [True, True, False, False]


def test_what_is_infinite_is_on_no_front():
    display = ParetoDisplay(costs=[1, np.inf, 2], scores=[0.5, 0.9, np.inf])

    assert display.on_front.tolist() == [True, False, False]


def test_a_display_can_be_drawn_again():
    display = ParetoDisplay(**NUMBERS)

    first = display.plot().figure_

    assert display.plot() is display
    assert display.figure_ is not first


def test_a_display_draws_on_the_axes_given_and_on_no_other():
    axes = Figure().subplots()

    display = ParetoDisplay(**NUMBERS).plot(ax=axes)

    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert not plt.get_fignums()


def test_a_display_draws_on_a_part_of_a_figure():
    part = Figure(layout="constrained").subfigures(1, 2)[0]

    display = ParetoDisplay(**NUMBERS, names=list("abcd"), chosen=1).plot(ax=part.subplots())

    assert display.figure_ is part


def test_axes_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"ParetoDisplay.plot.ax is one matplotlib Axes"):
        ParetoDisplay(**NUMBERS).plot(ax="left")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [0.9]}, "scores holds one for each of the 4 costs, not 1"),
        ({"names": ["a"]}, "names holds one for each"),
        ({"deviations": [0.1] * 5}, "deviations holds one for each of the 4 costs, not 5"),
        ({"scores": [np.nan] * 4}, "at least one candidate"),
        ({"costs": [], "scores": []}, "at least one candidate"),
        ({"chosen": 4}, "one of 4 candidates, from 0, not 4"),
    ],
)
def test_numbers_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ParetoDisplay(**{**NUMBERS, **changes})


def test_a_search_is_drawn_with_its_choice():
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, None]},
        scoring=["accuracy", "neg_model_bytes"],
        refit=smallest_within(0.05),
    ).fit(*load_iris(return_X_y=True))

    display = ParetoDisplay.from_search(search)

    assert display.chosen == search.best_index_ == 1
    assert display.on_front[1]
    assert display.ax_.get_xlabel() == "model file (KB)"
    assert display.ax_.get_ylabel() == "accuracy (%)\non validation data"


def test_without_matplotlib_a_display_still_holds_its_numbers(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)

    display = ParetoDisplay(**NUMBERS)

    with pytest.raises(ImportError):
        display.plot()
