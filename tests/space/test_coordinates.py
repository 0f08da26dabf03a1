from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, loguniform
from skopt.space import Categorical, Integer, Real

from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._dimensions import as_dimensions

SPACE = {
    "lr": (1e-4, 1.0, "log-uniform"),
    "drop": (0.0, 0.5),
    "depth": (1, 4),
    "batch": Integer(8, 512, prior="log-uniform"),
    "widths": [(8, 16), (16, 32), None],
    "fraction": beta(2, 5),
    "decay": loguniform(1e-5, 1e-1),
}
CUBE = Coordinates(as_dimensions(SPACE))
POINTS = st.lists(st.floats(0, 1), min_size=len(SPACE), max_size=len(SPACE)).map(np.array)


@given(POINTS)
def test_every_point_of_the_cube_is_a_candidate_of_the_space(point):
    found = CUBE.parameters(point)

    assert 1e-4 <= found["lr"] <= 1.0
    assert found["depth"] in (1, 2, 3, 4)
    assert isinstance(found["depth"], int)
    assert 8 <= found["batch"] <= 512
    assert found["widths"] in SPACE["widths"]
    assert 0 <= found["fraction"] <= 1


@given(POINTS)
def test_a_snapped_point_is_the_same_candidate(point):
    snapped = CUBE.snapped(point[None])[0]

    before, after = CUBE.parameters(point), CUBE.parameters(snapped)
    assert before == after


@given(POINTS)
def test_a_candidate_has_a_point(point):
    parameters = CUBE.parameters(point)

    again = CUBE.parameters(CUBE.point(parameters))

    assert again.keys() == parameters.keys()
    numbers = [name for name in SPACE if name != "widths"]
    assert all(math.isclose(again[n], parameters[n], rel_tol=1e-6, abs_tol=1e-6) for n in numbers)
    assert again["widths"] == parameters["widths"]


@pytest.mark.parametrize("lr", [10.0, None, "auto"])
def test_a_parameter_outside_of_the_space_has_no_place_on_its_axis(lr):
    inside = CUBE.parameters(np.full(len(SPACE), 0.5))

    point = CUBE.point({**inside, "lr": lr})

    assert [name for name, at in zip(CUBE.names, point, strict=True) if np.isnan(at)] == ["lr"]


def test_each_integer_is_as_likely_as_the_others():
    cube = Coordinates({"depth": Integer(1, 4)})

    drawn = [cube.parameters(np.array([at]))["depth"] for at in np.linspace(0, 1, 400, False)]

    assert np.bincount(drawn).tolist() == [0, 100, 100, 100, 100]


def test_a_choice_is_as_likely_as_its_prior_says():
    cube = Coordinates({"scheme": Categorical(["a", "b"], prior=[0.25, 0.75])})

    drawn = [cube.parameters(np.array([at]))["scheme"] for at in np.linspace(0, 1, 400, False)]

    assert drawn.count("a") == 100


def test_the_dimensions_handed_in_stay_as_they_are():
    dimension = Real(0.1, 1.0, transform="identity")

    Coordinates({"lr": dimension})

    assert dimension.transform_ == "identity"


@given(POINTS, POINTS, st.floats(0.01, 1))
def test_what_is_drawn_around_a_point_is_a_candidate_of_the_space(draw, centre, deviation):
    found = CUBE.around(draw[None], centre, deviation)

    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(CUBE.snapped(found), found)


@given(POINTS)
def test_where_there_is_no_centre_a_draw_stays_as_it_is(draw):
    found = CUBE.around(draw[None], np.full(len(SPACE), np.nan), 0.1)

    np.testing.assert_array_equal(found, CUBE.snapped(draw[None]))


def test_draws_around_a_point_are_normal_and_half_of_the_choices_its_own():
    centre = CUBE.point({"lr": 1e-2, "drop": 0.25, "widths": (16, 32)})

    found = CUBE.around(np.random.default_rng(0).random((4000, len(SPACE))), centre, 0.1)

    numbers = found[:, [CUBE.names.index(name) for name in ("lr", "drop")]]
    assert numbers.mean(axis=0) == pytest.approx(0.5, abs=0.01)
    assert numbers.std(axis=0) == pytest.approx(0.1, abs=0.01)
    # A third of the other half as well.
    is_own = found[:, CUBE.names.index("widths")] == 0.5
    assert is_own.mean() == pytest.approx(2 / 3, abs=0.03)
