from __future__ import annotations

import math

import numpy as np
import pytest
from skopt.space import Categorical, Integer, Real

from skdeepopt.search._suggestions import Suggestions
from skdeepopt.space._coordinates import Coordinates

SPACE = Coordinates(
    {"lr": Real(1e-4, 1.0, prior="log-uniform"), "a": Real(0, 1), "kind": Categorical(["x", "y"])}
)


def suggestions(**changed):
    settings = {"seed": 0, "max_resources": 9, "is_informed": True, **changed}
    return Suggestions(SPACE, **settings)


def score(point, resource):
    """Best at a learning rate of 0.01 and of kind "y", all of them worse with less resource."""
    return 1 - abs(point[0] - 0.5) - 0.3 * (point[2] < 0.5) - 0.3 / resource


def taught(n_points=24, **changed):
    drawn = suggestions(**changed)
    for at, point in enumerate(drawn.suggest(0, n_points)):
        for resource in (1, 3, 9)[: 1 + (at % 4 == 0) + (at % 8 == 0)]:
            drawn.learn(point, resource, score(point, resource))
    return drawn


def test_informed_candidates_are_better_than_random_ones():
    informed = taught().suggest(24, 10)

    random = suggestions(is_informed=False).suggest(24, 10)
    assert np.median([score(p, 9) for p in informed]) > np.median([score(p, 9) for p in random])
    assert np.median(np.abs(informed[:, 0] - 0.5)) < 0.1


def test_what_long_runs_say_outweighs_what_short_ones_say():
    drawn = suggestions()
    for point in drawn.suggest(0, 24):
        drawn.learn(point, 1, 0.5 - 0.3 * point[0])
        drawn.learn(point, 9, 0.6 + 0.3 * point[0])

    informed = drawn.suggest(24, 4)

    assert np.median(informed[:, 0]) > 0.8


@pytest.mark.parametrize("is_informed", [True, False])
def test_the_same_seed_and_results_give_the_same_candidates(is_informed):
    one, other = (taught(is_informed=is_informed).suggest(24, 7) for _ in range(2))

    np.testing.assert_array_equal(one, other)


def test_a_share_of_the_candidates_is_drawn_whatever_was_found():
    drawn = taught().suggest(24, 20)

    uninformed = suggestions().suggest(24, 20)
    kept = (drawn == uninformed).all(axis=1)
    assert np.flatnonzero(kept).tolist() == [0, 5, 10, 15]


def test_the_first_candidate_is_the_estimators_own_where_the_space_holds_it():
    own = {"lr": 0.01, "a": 0.25, "kind": "y", "more": None}

    first = suggestions(first=own).suggest(0, 5)[0]

    found = SPACE.parameters(first)
    assert found["lr"] == pytest.approx(0.01)
    assert (found["a"], found["kind"]) == (0.25, "y")


@pytest.mark.parametrize("first", [{"lr": 5.0, "a": 0.25}, {"a": 0.25, "kind": "z"}, {"a": 0.25}])
def test_whatever_the_space_does_not_hold_of_it_is_drawn(first):
    drawn = suggestions().suggest(0, 5)

    points = suggestions(first=first).suggest(0, 5)

    assert points[0, 1] == 0.25
    np.testing.assert_array_equal(points[:, [0, 2]], drawn[:, [0, 2]])


def test_three_of_four_first_candidates_are_near_the_estimators_own_and_the_others_anywhere():
    own = {"lr": 0.01, "a": 0.25, "kind": "y"}

    points, drawn = suggestions(first=own).suggest(0, 300), suggestions().suggest(0, 300)

    anywhere = np.arange(300) % 4 == 3
    np.testing.assert_array_equal(points[anywhere], drawn[anywhere])
    off = np.abs(points[~anywhere, :2] - [0.5, 0.25])
    assert (off.mean(axis=0) < 0.2).all()
    assert np.mean(points[~anywhere, 2] == 0.75) > 0.7


def test_the_least_of_a_range_says_nothing_of_what_is_good():
    points, drawn = suggestions(first={"a": 0}).suggest(0, 20), suggestions().suggest(0, 20)

    assert points[0, 1] == 0
    np.testing.assert_array_equal(points[1:], drawn[1:])


def test_the_most_of_a_range_was_meant():
    points, drawn = suggestions(first={"a": 1}).suggest(0, 300), suggestions().suggest(0, 300)

    anywhere = np.arange(300) % 4 == 3
    assert points[0, 1] == 1
    assert np.median(points[~anywhere, 1]) > 0.8
    np.testing.assert_array_equal(points[anywhere], drawn[anywhere])


def test_what_was_found_outweighs_the_estimators_own():
    own = {"lr": 0.9, "a": 0.9, "kind": "x"}

    informed = taught(first=own).suggest(24, 10)

    # From 0.98 towards 0.5, and to the other kind.
    assert np.median(informed[:, 0]) < 0.7
    assert np.mean(informed[:, 2] == 0.75) > 0.7


def test_a_random_search_does_not_begin_with_the_estimators_own():
    own = {"lr": 0.01, "a": 0.25, "kind": "y"}

    drawn = suggestions(first=own, is_informed=False).suggest(0, 5)

    np.testing.assert_array_equal(drawn, suggestions(is_informed=False).suggest(0, 5))


def test_the_first_candidates_fill_every_axis_evenly():
    drawn = suggestions().suggest(0, 20)

    assert sorted(np.floor(drawn[:, 0] * 20)) == list(range(20))


def test_candidates_that_failed_are_kept_away_from():
    drawn = suggestions()
    for point in drawn.suggest(0, 30):
        drawn.learn(point, 9, math.nan if point[1] > 0.5 else 0.9 + 0.01 * point[0])

    informed = drawn.suggest(30, 4)

    assert (informed[:, 1] < 0.55).all()


def test_too_few_results_leave_the_draw_to_chance():
    drawn = suggestions()
    for point in drawn.suggest(0, 3):
        drawn.learn(point, 1, score(point, 1))

    np.testing.assert_array_equal(drawn.suggest(3, 4), suggestions().suggest(3, 4))


def test_no_candidate_is_suggested_that_has_been_tried_while_there_are_others():
    space = Coordinates({"depth": Integer(1, 30)})
    drawn = Suggestions(space, seed=0, max_resources=3, is_informed=True)
    for at in range(1, 16):
        drawn.learn(space.point({"depth": at}), 3, at / 30)

    informed = drawn.suggest(15, 4)

    assert all(space.parameters(point)["depth"] > 15 for point in informed)


def test_what_is_being_tried_is_not_suggested_again():
    drawn = taught()
    (first,) = drawn.suggest(25, 1)

    (second,) = drawn.suggest(25, 1, pending=first[None])

    assert not np.array_equal(first, second)


def test_a_space_that_is_used_up_is_drawn_from_again():
    space = Coordinates({"kind": Categorical(["x", "y"])})
    drawn = Suggestions(space, seed=0, max_resources=3, is_informed=True)
    for kind in ("x", "y"):
        drawn.learn(space.point({"kind": kind}), 3, 0.5)

    assert drawn.suggest(2, 6).shape == (6, 1)
