from __future__ import annotations

from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from skdeepopt.report._display import CompressionDisplay


class Noted(CompressionDisplay):
    """Says what it was made from, and on how many panels it drew."""

    def __init__(self, *, read, owner):
        self.read = read
        self.owner = owner

    @staticmethod
    def _points_of(estimators, owner):
        return {"read": list(estimators), "owner": owner}

    @staticmethod
    def _points_of_search(search, owner):
        return {"read": search, "owner": owner}

    def _room(self):
        return {"n_layers": 1}

    def _draw(self, panels):
        self.drawn_on = list(panels)


@pytest.fixture
def axes():
    return Figure().subplots(1, 3)


def test_one_estimator_is_read_as_a_list_of_one(axes):
    display = Noted.from_estimator("estimator", ax=axes)

    assert display.read == ["estimator"]
    assert display.owner == "Noted.from_estimator"


def test_a_search_is_read_as_one(axes):
    search = SimpleNamespace(cv_results_={})

    display = Noted.from_estimator(search, ax=axes)

    assert display.read is search
    assert display.owner == "Noted.from_estimator"


def test_several_estimators_are_read_together(axes):
    display = Noted.from_estimators(["one", "two"], ax=axes)

    assert display.read == ["one", "two"]
    assert display.owner == "Noted.from_estimators"


def test_what_was_drawn_on_is_kept(axes):
    display = Noted(read=None, owner="").plot(ax=axes)

    assert display.drawn_on == list(display.axes_) == list(axes)
    assert display.figure_ is axes[0].figure


def test_other_axes_are_refused_by_the_name_of_the_class(axes):
    with pytest.raises(ValueError, match=r"Noted\.plot\.ax is three axes"):
        Noted(read=None, owner="").plot(ax=axes[0])
